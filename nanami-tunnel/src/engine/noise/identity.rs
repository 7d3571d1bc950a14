//! Our own key, as boringtun wants it.

use std::sync::Arc;

use boringtun::noise::handshake::parse_handshake_anon;
use boringtun::noise::rate_limiter::RateLimiter;
use boringtun::noise::{Packet, Tunn};
use boringtun::x25519;
use nanami_model::{PrivateKey, PublicKey};

/// Our own key, and what guards it against floods of handshakes.
pub(crate) struct Identity {
    pub(super) secret: x25519::StaticSecret,
    pub(super) dalek_public: x25519::PublicKey,
    /// Handed to every `Tunn`; never under load, because [`Gate`](super::Gate) stands in front. Sharing it spares each its own.
    pub(super) behind_gate: Arc<RateLimiter>,
}

impl Identity {
    pub(crate) fn new(key: &PrivateKey) -> Self {
        let secret = x25519::StaticSecret::from(*key.expose());
        let dalek_public = x25519::PublicKey::from(&secret);
        let behind_gate = Arc::new(RateLimiter::new(&dalek_public, u64::MAX));
        Self { secret, dalek_public, behind_gate }
    }

    /// The key that an initiation says it comes from; not proved until its neighbor's Noise state accepts it.
    pub(crate) fn sender_of(&self, initiation: &[u8]) -> Option<PublicKey> {
        let Ok(Packet::HandshakeInit(packet)) = Tunn::parse_incoming_packet(initiation) else { return None };
        let half = parse_handshake_anon(&self.secret, &self.dalek_public, &packet).ok()?;
        PublicKey::from_bytes(half.peer_static_public).ok()
    }
}
