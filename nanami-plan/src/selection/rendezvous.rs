//! Weighted rendezvous hashing: which gateways a client likes best, whoever else is there.
//!
//! **Invariant**: a fixed function of the two ids and the weight, in whole numbers, so that every machine agrees. How far a client
//! is from a gateway depends on no third one: when a gateway goes, only its own clients choose anew (Thaler and Ravishankar,
//! "Using name-based mappings to increase hit rates", 1998; the logarithm makes shares follow weights).

use nanami_model::{GatewayId, PeerId};

/// The part of a client or a gateway in every distance, hashed once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Seed(u64);

impl Seed {
    pub(crate) fn of_client(id: PeerId) -> Self {
        Self::of("nanami 2026 rendezvous client v1", &id.to_bytes())
    }

    pub(crate) fn of_gateway(id: GatewayId) -> Self {
        Self::of("nanami 2026 rendezvous gateway v1", &id.to_bytes())
    }

    fn of(context: &str, id: &[u8]) -> Self {
        let hash = blake3::derive_key(context, id);
        let first: [u8; 8] = hash[..8].try_into().expect("a hash has 32 bytes");
        Self(u64::from_le_bytes(first))
    }
}

/// How far a client is from a gateway: the nearest serves it. A gateway of twice the weight is nearest to twice as many.
pub(crate) fn distance(client: Seed, gateway: Seed, weight: u32) -> u64 {
    let drawn = mix(client.0.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ gateway.0);
    // At most 64 in the upper 48 bits of the fraction's 16, so the shift loses nothing.
    (minus_log2(drawn) << 32) / u64::from(weight.max(1))
}

/// `-log2(drawn / 2^64)` with 16 binary digits behind the point; squaring gives one digit after the other.
fn minus_log2(drawn: u64) -> u64 {
    let drawn = drawn.max(1);
    let zeros = u64::from(drawn.leading_zeros());
    // Between 1 and 2, with 63 binary digits behind the point.
    let mut mantissa = drawn << zeros;
    let mut digits = 0;
    for _ in 0..FRACTION {
        let square = (u128::from(mantissa) * u128::from(mantissa)) >> 63;
        let carries = square >> 64 != 0;
        digits = digits << 1 | u64::from(carries);
        // What does not fit is at least 2, and halved.
        mantissa = (square >> u32::from(carries)) as u64;
    }
    ((zeros + 1) << FRACTION) - digits
}

const FRACTION: u32 = 16;

/// The finalizer of MurmurHash3 (public domain): every bit of the input moves half of the output's.
fn mix(mut h: u64) -> u64 {
    h = (h ^ h >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
    h = (h ^ h >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    h ^ h >> 33
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(n: u16) -> Seed {
        let mut bytes = [0; 10];
        bytes[..2].copy_from_slice(&n.to_le_bytes());
        Seed::of_client(PeerId::from_bytes(bytes))
    }

    fn gateway(n: u8) -> Seed {
        Seed::of_gateway(GatewayId::from_bytes([n; 10]))
    }

    #[test]
    fn the_logarithm_is_the_logarithm() {
        for drawn in [1, 2, 3, 1 << 40, u64::MAX / 3, u64::MAX / 2 + 1, u64::MAX] {
            let exact = 64.0 - (drawn as f64).log2();
            let ours = minus_log2(drawn) as f64 / f64::from(1 << FRACTION);
            assert!((exact - ours).abs() < 1e-3, "{drawn}: {exact} {ours}");
        }
    }

    #[test]
    fn shares_follow_weights() {
        let weights = [1, 2, 4];
        let mut shares = [0; 3];
        for n in 0..7000 {
            let nearest = (0..3).min_by_key(|g| distance(client(n), gateway(*g as u8), weights[*g])).unwrap();
            shares[nearest] += 1;
        }
        for (share, fair) in shares.into_iter().zip([1000, 2000, 4000]) {
            assert!((fair * 9 / 10..fair * 11 / 10).contains(&share), "{shares:?}");
        }
    }

    #[test]
    fn the_order_is_pinned_for_every_machine() {
        let order: Vec<u8> = {
            let mut all: Vec<u8> = (0..8).collect();
            all.sort_by_key(|g| distance(client(7), gateway(*g), 1));
            all
        };
        assert_eq!(order, [7, 3, 6, 0, 4, 1, 5, 2]);
    }
}
