//! What an agent must know to start again, as bytes for its [`StateStore`](crate::StateStore).
//!
//! **Invariant: reading never panics and allocates no more than the bytes that are there.** A version byte, then fields in
//! a fixed order, each with a length of four bytes (big endian). No secret is in it.

use nanami_model::{
    Name, NetworkMap, PeerId, PublicKey,
    message::{Hint, ToPeer},
};

/// Where control is, who we are there, the last map that we took, and where its neighbors were.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Saved {
    /// `HOST:PORT`, as the join string spelled it.
    pub(crate) control: String,
    pub(crate) control_key: PublicKey,
    pub(crate) workspace: Name,
    pub(crate) peer: PeerId,
    pub(crate) map: Option<NetworkMap>,
    /// Without these a node that starts again while control is away could only wait to be found.
    pub(crate) hints: Vec<Hint>,
}

/// The bytes are no state of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("saved state is damaged: {what}")]
pub(crate) struct BadState {
    what: &'static str,
}

impl Saved {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let map = self.map.as_ref().map(NetworkMap::encode).unwrap_or_default();
        let hints = ToPeer::Hints(self.hints.clone()).encode();
        let mut bytes = vec![VERSION];
        for field in [
            self.control.as_bytes(),
            self.control_key.as_bytes(),
            self.workspace.as_str().as_bytes(),
            &self.peer.to_bytes(),
            &map,
            &hints,
        ] {
            let length = u32::try_from(field.len()).expect("a map fits a message, which is below 4 GiB");
            bytes.extend_from_slice(&length.to_be_bytes());
            bytes.extend_from_slice(field);
        }
        bytes
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Saved, BadState> {
        let bad = |what| BadState { what };
        let Some((&VERSION, mut rest)) = bytes.split_first() else { return Err(bad("version")) };
        let control = text(take(&mut rest)?, "control")?.to_owned();
        let key = take(&mut rest)?.try_into().map_err(|_| bad("control's key"))?;
        let control_key = PublicKey::from_bytes(key).map_err(|_| bad("control's key"))?;
        let workspace = text(take(&mut rest)?, "workspace")?.parse().map_err(|_| bad("workspace"))?;
        let peer = PeerId::from_bytes(take(&mut rest)?.try_into().map_err(|_| bad("peer"))?);
        let map = match take(&mut rest)? {
            [] => None,
            map => Some(NetworkMap::decode(map).map_err(|_| bad("map"))?),
        };
        let Ok(ToPeer::Hints(hints)) = ToPeer::decode(take(&mut rest)?) else { return Err(bad("hints")) };
        match rest.is_empty() {
            true => Ok(Saved { control, control_key, workspace, peer, map, hints }),
            false => Err(bad("length")),
        }
    }
}

fn take<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], BadState> {
    let short = BadState { what: "length" };
    let (length, after) = rest.split_first_chunk::<4>().ok_or(short)?;
    let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| short)?;
    let (field, after) = after.split_at_checked(length).ok_or(short)?;
    *rest = after;
    Ok(field)
}

fn text<'a>(field: &'a [u8], what: &'static str) -> Result<&'a str, BadState> {
    std::str::from_utf8(field).map_err(|_| BadState { what })
}

const VERSION: u8 = 1;

#[cfg(test)]
mod tests {
    use nanami_model::{Epoch, Generation, Neighbor, PrivateKey, name};

    use super::*;

    fn saved() -> Saved {
        let key = |byte| PrivateKey::from_bytes([byte; 32]).public();
        let map = NetworkMap::new(["10.42.0.1".parse().unwrap()])
            .with_neighbor(Neighbor::new(key(2), ["10.42.0.2/32".parse().unwrap()]))
            .with_generation(Epoch::new(1), Generation::new(7));
        Saved {
            control: "127.0.0.1:4000".into(),
            control_key: key(1),
            workspace: name!("acme"),
            peer: PeerId::from_bytes([3; 10]),
            map: Some(map),
            hints: vec![Hint { key: key(2), endpoints: vec!["127.0.0.1:4001".parse().unwrap()] }],
        }
    }

    #[test]
    fn state_comes_back() {
        for state in [saved(), Saved { map: None, ..saved() }] {
            assert_eq!(Saved::decode(&state.encode()), Ok(state));
        }
    }

    #[test]
    fn every_truncation_and_an_appended_byte_are_refused() {
        let bytes = saved().encode();
        for length in 0..bytes.len() {
            assert!(Saved::decode(&bytes[..length]).is_err(), "{length} bytes");
        }
        assert!(Saved::decode(&[&bytes[..], &[0]].concat()).is_err());
    }

    #[test]
    fn a_length_beyond_the_bytes_is_refused_without_an_allocation() {
        let mut bytes = saved().encode();
        bytes[1..5].copy_from_slice(&u32::MAX.to_be_bytes());
        assert_eq!(Saved::decode(&bytes), Err(BadState { what: "length" }));
    }
}
