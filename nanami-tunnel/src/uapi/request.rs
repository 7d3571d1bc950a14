//! Requests to a control socket: what they ask for, and how they are read as they arrive.
//!
//! **Invariant** (SEC-52): a [`Request`] exists only once its last line, the empty one, has arrived whole. Until then no more
//! is held than what arrived comes to, at most [`MAX_REQUEST_BYTES`] of it; of a request that was refused nothing is held.

use std::net::SocketAddr;

use nanami_model::{Cidr, PresharedKey, PrivateKey, PublicKey};
use zeroize::Zeroizing;

use super::errno::Errno;
use super::value;

/// What a client asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Everything about the interface and its peers.
    Get,
    /// What happened: more than `wg` knows to ask for.
    Stats,
    /// Changes, all of them or none.
    Set(Changes),
}

/// What one `set` changes: first the interface, then its peers in this order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Changes {
    /// `Some(None)` takes the private key away.
    pub private_key: Option<Option<PrivateKey>>,
    /// Where to listen; 0 lets the operating system choose.
    pub listen_port: Option<u16>,
    /// The mark on packets that are sent outside; 0 is none.
    pub fwmark: Option<u32>,
    /// Whether all peers go before `peers` is looked at.
    pub replace_peers: bool,
    /// One for each `public_key` line; a peer may be there more than once.
    pub peers: Vec<PeerChange>,
}

/// What changes about one peer, or which peer comes or goes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeerChange {
    /// Which peer.
    pub key: PublicKey,
    /// Whether it goes; nothing else counts then.
    pub remove: bool,
    /// Whether nothing happens if there is no such peer.
    pub update_only: bool,
    /// `Some(None)` takes the preshared key away.
    pub preshared_key: Option<Option<PresharedKey>>,
    /// Where it is reached from now on, until it says otherwise.
    pub endpoint: Option<SocketAddr>,
    /// Seconds between keepalives; 0 is none.
    pub keepalive: Option<u16>,
    /// Whether it loses its allowed IPs before `allowed_ips` is looked at.
    pub replace_allowed_ips: bool,
    /// What it gains and loses, in this order.
    pub allowed_ips: Vec<AllowedIpChange>,
}

/// A change of the allowed IPs of one peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AllowedIpChange {
    /// It owns this range from now on; whoever owned it before does not.
    Add(Cidr),
    /// It does not own this range any more, if it did.
    Remove(Cidr),
}

impl PeerChange {
    /// Makes sure that a peer is there, and changes nothing about it.
    pub fn new(key: PublicKey) -> Self {
        Self {
            key,
            remove: false,
            update_only: false,
            preshared_key: None,
            endpoint: None,
            keepalive: None,
            replace_allowed_ips: false,
            allowed_ips: Vec::new(),
        }
    }
}

/// Why a request was refused. It names the key of the line, never its value, which may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the request: {problem}")]
pub struct RequestError {
    line: usize,
    problem: Problem,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum Problem {
    #[error("an operation is `get=1` or `set=1`")]
    Operation,
    #[error("a line reads key=value")]
    Syntax,
    #[error("there is no such key here")]
    UnknownKey,
    #[error("not a value of {key}")]
    Value { key: &'static str, errno: Errno },
    #[error("a `get` or a `stats` has no further lines")]
    GetWithLines,
    #[error("a line has at most {MAX_LINE_BYTES} bytes")]
    LineTooLong,
    #[error("a request has at most {MAX_REQUEST_BYTES} bytes")]
    TooLong,
}

impl RequestError {
    /// What the client is answered.
    pub fn errno(&self) -> Errno {
        match self.problem {
            Problem::Operation => Errno::UNKNOWN_OPERATION,
            Problem::Syntax => Errno::PROTOCOL,
            Problem::UnknownKey | Problem::GetWithLines => Errno::INVALID,
            Problem::Value { errno, .. } => errno,
            Problem::LineTooLong | Problem::TooLong => Errno::TOO_LONG,
        }
    }

    /// Whether nothing that follows on the connection can be read any more.
    pub fn ends_connection(&self) -> bool {
        self.problem == Problem::TooLong
    }
}

/// Reads the requests of one connection, in pieces of any size.
///
/// ```
/// # use nanami_tunnel::uapi::{Request, RequestReader};
/// let (mut reader, mut input) = (RequestReader::default(), &b"get=1\n\nset=1\nlisten_port=5"[..]);
/// assert_eq!(reader.read(&mut input), Some(Ok(Request::Get)));
/// assert_eq!(reader.read(&mut input), None, "the second one is not whole yet");
/// let Some(Ok(Request::Set(changes))) = reader.read(&mut &b"1820\n\n"[..]) else { panic!() };
/// assert_eq!(changes.listen_port, Some(51820));
/// ```
#[derive(Debug, Default)]
pub struct RequestReader {
    state: State,
    /// The line that is not whole yet. It may hold a key, and is wiped.
    partial: Zeroizing<Vec<u8>>,
    /// Bytes of the request so far.
    bytes: usize,
    /// Whole lines of the request so far.
    lines: usize,
}

#[derive(Debug, Default)]
enum State {
    /// The next line is an operation.
    #[default]
    Start,
    Get,
    Stats,
    Set(Box<Changes>),
    /// Refused; what is left of the request is read over, so that a client that writes all of it first can read the answer.
    Refused(RequestError),
}

impl RequestReader {
    /// Takes from `input` what belongs to the next request. `None` means that it is not whole yet, and all of `input` is taken.
    ///
    /// # Errors
    /// [`RequestError`] if the request, which has been read to its end, cannot be granted.
    pub fn read(&mut self, input: &mut &[u8]) -> Option<Result<Request, RequestError>> {
        while !input.is_empty() {
            let end = input.iter().position(|byte| *byte == b'\n');
            let (piece, rest) = input.split_at(end.map_or(input.len(), |end| end + 1));
            *input = rest;
            self.bytes += piece.len();
            if self.bytes > MAX_REQUEST_BYTES {
                let error = self.error(Problem::TooLong);
                *self = Self::default();
                return Some(Err(error));
            }
            match end {
                None => self.keep(piece),
                Some(end) => {
                    let outcome = self.line_ended(&piece[..end]);
                    if outcome.is_some() {
                        *self = Self::default();
                        return outcome;
                    }
                }
            }
        }
        None
    }

    /// Whether a request has begun that is not whole yet.
    pub fn is_within_request(&self) -> bool {
        self.bytes > 0
    }

    /// Keeps a piece of a line whose end has not arrived.
    fn keep(&mut self, piece: &[u8]) {
        if self.partial.len() + piece.len() > MAX_LINE_BYTES {
            self.refuse(Problem::LineTooLong);
        }
        match self.state {
            // What is read over is told apart by its being empty or not.
            State::Refused(_) => self.partial.resize(1, 0),
            _ => extend(&mut self.partial, piece),
        }
    }

    fn line_ended(&mut self, piece: &[u8]) -> Option<Result<Request, RequestError>> {
        if self.partial.len() + piece.len() > MAX_LINE_BYTES {
            self.refuse(Problem::LineTooLong);
        }
        let mut partial = std::mem::take(&mut self.partial);
        let line = match partial.is_empty() {
            true => piece,
            false => {
                extend(&mut partial, piece);
                &partial
            }
        };
        let outcome = self.line(line);
        self.lines += 1;
        outcome
    }

    fn line(&mut self, line: &[u8]) -> Option<Result<Request, RequestError>> {
        if line.is_empty() && !matches!(self.state, State::Start) {
            return Some(match std::mem::take(&mut self.state) {
                State::Start | State::Get => Ok(Request::Get),
                State::Stats => Ok(Request::Stats),
                State::Set(changes) => Ok(Request::Set(*changes)),
                State::Refused(error) => Err(error),
            });
        }
        let read = match &mut self.state {
            State::Start if line == b"get=1" => {
                self.state = State::Get;
                Ok(())
            }
            State::Start if line == b"stats=1" => {
                self.state = State::Stats;
                Ok(())
            }
            State::Start if line == b"set=1" => {
                self.state = State::Set(Box::default());
                Ok(())
            }
            State::Start if line.contains(&b'=') => Err(Problem::Operation),
            State::Start => Err(Problem::Syntax),
            State::Get | State::Stats => Err(Problem::GetWithLines),
            State::Set(changes) => changes.take_line(line),
            State::Refused(_) => Ok(()),
        };
        let problem = read.err()?;
        let ends = line.is_empty();
        let error = self.refuse(problem);
        ends.then_some(Err(error))
    }

    fn refuse(&mut self, problem: Problem) -> RequestError {
        let error = match &self.state {
            State::Refused(first) => first.clone(),
            _ => self.error(problem),
        };
        self.state = State::Refused(error.clone());
        error
    }

    fn error(&self, problem: Problem) -> RequestError {
        RequestError { line: self.lines + 1, problem }
    }
}

impl Changes {
    fn take_line(&mut self, line: &[u8]) -> Result<(), Problem> {
        let at = line.iter().position(|byte| *byte == b'=').ok_or(Problem::Syntax)?;
        let text = std::str::from_utf8(&line[at + 1..]).unwrap_or("\0");
        let key = &line[..at];
        if key == b"public_key" {
            self.peers.push(PeerChange::new(value::public_key(text).map_err(of("public_key"))?));
            return Ok(());
        }
        match self.peers.last_mut() {
            None => self.take(key, text),
            Some(peer) => peer.take(key, text),
        }
    }

    fn take(&mut self, key: &[u8], text: &str) -> Result<(), Problem> {
        match key {
            b"private_key" => self.private_key = Some(value::private_key(text).map_err(of("private_key"))?),
            b"listen_port" => self.listen_port = Some(value::number(text).map_err(of("listen_port"))?),
            b"fwmark" => self.fwmark = Some(value::number(text).map_err(of("fwmark"))?),
            b"replace_peers" => self.replace_peers = value::truth(text).map_err(of("replace_peers"))?,
            _ => return Err(Problem::UnknownKey),
        }
        Ok(())
    }
}

impl PeerChange {
    fn take(&mut self, key: &[u8], text: &str) -> Result<(), Problem> {
        match key {
            b"remove" => self.remove = value::truth(text).map_err(of("remove"))?,
            b"update_only" => self.update_only = value::truth(text).map_err(of("update_only"))?,
            b"preshared_key" => self.preshared_key = Some(value::preshared_key(text).map_err(of("preshared_key"))?),
            b"endpoint" => self.endpoint = Some(value::endpoint(text).map_err(of("endpoint"))?),
            b"persistent_keepalive_interval" => {
                self.keepalive = Some(value::number(text).map_err(of("persistent_keepalive_interval"))?);
            }
            b"replace_allowed_ips" => {
                self.replace_allowed_ips = value::truth(text).map_err(of("replace_allowed_ips"))?;
                // It takes away all that it has by now.
                self.allowed_ips.clear();
            }
            b"allowed_ip" => self.allowed_ips.push(allowed_ip(text).map_err(of("allowed_ip"))?),
            b"protocol_version" => match value::number::<u64>(text).map_err(of("protocol_version"))? {
                1 => {}
                _ => return Err(of("protocol_version")(Errno::UNKNOWN_VERSION)),
            },
            _ => return Err(Problem::UnknownKey),
        }
        Ok(())
    }
}

/// A range to add, or to remove if a minus stands before it.
fn allowed_ip(text: &str) -> Result<AllowedIpChange, Errno> {
    match text.strip_prefix('-') {
        None => value::cidr(text).map(AllowedIpChange::Add),
        Some(text) => value::cidr(text).map(AllowedIpChange::Remove),
    }
}

fn of(key: &'static str) -> impl Fn(Errno) -> Problem {
    move |errno| Problem::Value { key, errno }
}

/// Appends, and wipes what a move to a larger place would leave behind.
fn extend(to: &mut Zeroizing<Vec<u8>>, piece: &[u8]) {
    if to.capacity() - to.len() < piece.len() {
        let mut larger = Zeroizing::new(Vec::with_capacity((to.len() + piece.len()).next_power_of_two()));
        larger.extend_from_slice(to);
        *to = larger;
    }
    to.extend_from_slice(piece);
}

/// Chosen (SEC-52): a thousand times the longest line of a sane client.
const MAX_LINE_BYTES: usize = 64 * 1024;

/// Chosen: a peer with everything and two ranges is 320 bytes, so that this is 400,000 peers, or 100,000 with twenty ranges
/// each.
const MAX_REQUEST_BYTES: usize = 128 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_without_end_ends() {
        let line = b"listen_port=1\n";
        let mut reader = RequestReader::default();
        assert_eq!(reader.read(&mut &b"set=1\n"[..]), None);
        reader.bytes = MAX_REQUEST_BYTES - line.len();
        assert_eq!(reader.read(&mut &line[..]), None);
        let error = reader.read(&mut &line[..]).unwrap().unwrap_err();
        assert_eq!((error.errno(), error.ends_connection()), (Errno::TOO_LONG, true));
        assert!(!reader.is_within_request());
    }
}
