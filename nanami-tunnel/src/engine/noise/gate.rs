//! What stands in front of handshakes: macs, and cookies under load.
//!
//! **Invariant**: no arithmetic on curves before the first mac is right, and under load not before the second one is (SEC-46).

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use boringtun::noise::TunnResult;
use boringtun::noise::rate_limiter::RateLimiter;

use super::{COOKIE, Identity};

/// What the gate says about a handshake message.
pub(crate) enum Passage {
    /// Its first mac is right, and the second one too where that is asked.
    Open,
    /// We are under load: this cookie proves that its sender has its address.
    Cookie([u8; COOKIE]),
    /// It does not know our public key.
    Refused,
}

/// Checks a handshake message before any costly arithmetic. Under load it asks for a cookie.
pub(crate) struct Gate {
    limiter: RateLimiter,
    made: Instant,
}

impl Gate {
    pub(crate) fn new(now: Instant, identity: &Identity) -> Self {
        Self { limiter: RateLimiter::new(&identity.dalek_public, HANDSHAKES_PER_SECOND), made: now }
    }

    pub(crate) fn check(&mut self, now: Instant, identity: &Identity, from: SocketAddr, message: &[u8]) -> Passage {
        if now.saturating_duration_since(self.made) >= COOKIE_SECRET_LIFE {
            *self = Self::new(now, identity);
        }
        // Fact 5: a limiter of ours is reset by nobody else; it looks at the time itself.
        self.limiter.reset_count();
        let mut cookie = [0; COOKIE];
        match self.limiter.verify_packet(Some(cookie_address(from)), message, &mut cookie) {
            Ok(_) => Passage::Open,
            Err(TunnResult::WriteToNetwork(_)) => Passage::Cookie(cookie),
            Err(_) => Passage::Refused,
        }
    }
}

/// Fact 5: boringtun binds a cookie to an IP address only. This stands for address and port (SEC-46): the limiter uses it
/// for nothing but the cookie's mac.
fn cookie_address(from: SocketAddr) -> IpAddr {
    let mut hasher = blake3::Hasher::new();
    match from.ip() {
        IpAddr::V4(ip) => hasher.update(&ip.octets()),
        IpAddr::V6(ip) => hasher.update(&ip.octets()),
    };
    hasher.update(&from.port().to_be_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    Ipv6Addr::from(bytes).into()
}

/// Handshake messages with a right first mac that are taken before cookies are asked. Chosen: one costs about 0.4 ms
/// (TUNNEL.md), so this is 4 % of a core.
const HANDSHAKES_PER_SECOND: u64 = 100;
/// Life of the secret behind cookies: whitepaper section 5.4.7.
const COOKIE_SECRET_LIFE: Duration = Duration::from_secs(120);
