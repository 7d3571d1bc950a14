//! The only file that meets `snow`: Noise_IK_25519_ChaChaPoly_BLAKE2s with Nanami's prologue.
//!
//! **Invariant: a static key leaves this file only as a [`PublicKey`], hence never one of low order** (snow checks no
//! contribution itself). Randomness is the caller's: snow is built without its own, and the seed is the ephemeral key.

use nanami_model::{Name, PrivateKey, PublicKey};
use snow::{
    Builder, HandshakeState, TransportState,
    params::{CipherChoice, DHChoice, HashChoice, NoiseParams},
    resolvers::{CryptoResolver, DefaultResolver},
    types::{Cipher, Dh, Hash, Random},
};
use zeroize::Zeroizing;

use super::{ChannelError, frame::MAX_FRAME_BYTES};

/// ChaChaPoly's tag.
pub(super) const TAG_BYTES: usize = 16;
/// Message 1 of IK without a payload: e, encrypted s, tag of the empty payload.
pub(super) const INITIATION_BYTES: usize = 32 + (32 + TAG_BYTES) + TAG_BYTES;
/// Message 2 of IK without a payload: e, tag of the empty payload.
pub(super) const ANSWER_BYTES: usize = 32 + TAG_BYTES;

const PATTERN: &str = "Noise_IK_25519_ChaChaPoly_BLAKE2s";
const LABEL: &[u8] = b"nanami channel";
const VERSION: u8 = 1;

/// A handshake under way.
pub(super) struct Noise(Box<HandshakeState>);

/// A finished handshake's transport keys.
pub(super) struct Keys(Box<TransportState>);

impl Noise {
    pub(super) fn initiator(
        key: &PrivateKey,
        control: &PublicKey,
        workspace: &Name,
        seed: [u8; 32],
    ) -> Result<Noise, ChannelError> {
        let prologue = prologue(workspace);
        let state = builder(seed)
            .and_then(|builder| builder.prologue(&prologue)?.local_private_key(key.expose()))
            .and_then(|builder| builder.remote_public_key(control.as_bytes())?.build_initiator());
        Ok(Noise(Box::new(state.map_err(|_| ChannelError::Handshake)?)))
    }

    pub(super) fn responder(key: &PrivateKey, workspace: &Name, seed: [u8; 32]) -> Result<Noise, ChannelError> {
        let prologue = prologue(workspace);
        let state = builder(seed)
            .and_then(|builder| builder.prologue(&prologue)?.local_private_key(key.expose())?.build_responder());
        Ok(Noise(Box::new(state.map_err(|_| ChannelError::Handshake)?)))
    }

    /// Writes our next message, with an empty payload.
    pub(super) fn write(&mut self) -> Result<Vec<u8>, ChannelError> {
        self.write_with(&[])
    }

    /// The same with a payload, which only a test of ours sends.
    pub(super) fn write_with(&mut self, payload: &[u8]) -> Result<Vec<u8>, ChannelError> {
        let mut message = vec![0; INITIATION_BYTES.max(ANSWER_BYTES) + payload.len()];
        let length = self.0.write_message(payload, &mut message).map_err(|_| ChannelError::Handshake)?;
        message.truncate(length);
        Ok(message)
    }

    /// Reads the other end's message; a payload in it is refused, since a replay would carry it too.
    pub(super) fn read(&mut self, message: &[u8]) -> Result<(), ChannelError> {
        let mut payload = [0; INITIATION_BYTES];
        match self.0.read_message(message, &mut payload) {
            Ok(0) => Ok(()),
            Ok(_) | Err(_) => Err(ChannelError::Handshake),
        }
    }

    /// The other end's static key, once a message that holds it has been read.
    pub(super) fn remote(&self) -> Result<PublicKey, ChannelError> {
        let bytes = self.0.get_remote_static().and_then(|key| <[u8; 32]>::try_from(key).ok());
        PublicKey::from_bytes(bytes.ok_or(ChannelError::Handshake)?).map_err(|_| ChannelError::LowOrder)
    }

    pub(super) fn finish(self) -> Result<Keys, ChannelError> {
        let keys = self.0.into_transport_mode().map_err(|_| ChannelError::Handshake)?;
        Ok(Keys(Box::new(keys)))
    }
}

impl Keys {
    pub(super) fn seal(&mut self, plaintext: &[u8]) -> Result<Vec<u8>, ChannelError> {
        let mut message = vec![0; plaintext.len() + TAG_BYTES];
        debug_assert!(message.len() <= MAX_FRAME_BYTES, "fragments fit a Noise message");
        // Fails only when 2^64 messages were sent.
        let length = self.0.write_message(plaintext, &mut message).map_err(|_| ChannelError::NotOpen)?;
        message.truncate(length);
        Ok(message)
    }

    pub(super) fn open(&mut self, message: &[u8]) -> Result<Vec<u8>, ChannelError> {
        let mut plaintext = vec![0; message.len()];
        let length = self.0.read_message(message, &mut plaintext).map_err(|_| ChannelError::Altered)?;
        plaintext.truncate(length);
        Ok(plaintext)
    }
}

/// Binds the handshake to this protocol, its version and one workspace.
pub(super) fn prologue(workspace: &Name) -> Vec<u8> {
    let workspace = workspace.as_str().as_bytes();
    [LABEL, &[0, VERSION], workspace].concat()
}

fn builder<'a>(seed: [u8; 32]) -> Result<Builder<'a>, snow::Error> {
    let params: NoiseParams = PATTERN.parse()?;
    Ok(Builder::with_resolver(params, Box::new(Seeded(Zeroizing::new(seed)))))
}

/// snow's own primitives, with the caller's randomness.
struct Seeded(Zeroizing<[u8; 32]>);

impl CryptoResolver for Seeded {
    fn resolve_rng(&self) -> Option<Box<dyn Random>> {
        Some(Box::new(Once(Some(self.0.clone()))))
    }

    fn resolve_dh(&self, choice: &DHChoice) -> Option<Box<dyn Dh>> {
        DefaultResolver.resolve_dh(choice)
    }

    fn resolve_hash(&self, choice: &HashChoice) -> Option<Box<dyn Hash>> {
        DefaultResolver.resolve_hash(choice)
    }

    fn resolve_cipher(&self, choice: &CipherChoice) -> Option<Box<dyn Cipher>> {
        DefaultResolver.resolve_cipher(choice)
    }
}

/// Gives the seed once: IK draws one ephemeral key per end, and a second draw would repeat it.
struct Once(Option<Zeroizing<[u8; 32]>>);

impl Random for Once {
    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), snow::Error> {
        let seed = self.0.take().ok_or(snow::Error::Rng)?;
        let seed = seed.get(..bytes.len()).ok_or(snow::Error::Rng)?;
        bytes.copy_from_slice(seed);
        Ok(())
    }
}
