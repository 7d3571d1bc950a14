//! Peers: an HTTP upgrade, the channel, one session per connection.
//!
//! **Invariant: whoever is refused learns nothing but that**: an unknown workspace, a bad join key, a strange key and a
//! removed peer end in the same message. Level-triggered: a session sends what the current map has that the one before had
//! not, and the whole map to a peer that holds another one, asks for it, or reports that it did not arrive.

use std::{
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    extract::{Path, Request, State},
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header};
use hyper_util::rt::TokioIo;
use nanami_model::{
    Epoch, Generation, JoinSecret, Name, NetworkMap, Observed, PeerId, PublicKey,
    message::{HeldMap, Hint, ToControl, ToPeer},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout,
};
use tracing::{debug, warn};

use super::{Held, source, stopped};
use crate::{
    PROTOCOL,
    channel::{Channel, Event},
    control_plane::Shared,
    hub::{Hub, Refusal},
    service::{
        distribute::news,
        join::{REPORT_EVERY, Welcomed},
    },
    wire::{Wire, WireError},
};

/// `GET /v1/channel/{workspace}` with `Upgrade: nanami/1`.
pub(super) async fn upgrade(
    State(shared): State<Arc<Shared>>,
    Path(workspace): Path<String>,
    mut request: Request,
) -> Response {
    let wanted = request.headers().get(header::UPGRADE).is_some_and(|value| value == PROTOCOL);
    let (true, Ok(workspace)) = (wanted, workspace.parse::<Name>()) else {
        return (StatusCode::UPGRADE_REQUIRED, [(header::UPGRADE, HeaderValue::from_static(PROTOCOL))]).into_response();
    };
    let source = source(&request);
    let held = request.extensions().get::<Held>().cloned();
    let upgraded = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let _until_the_session_ends = held;
        let Ok(upgraded) = upgraded.await else { return };
        let mut stopping = shared.stopping.clone();
        tokio::select! {
            ended = converse(&shared, workspace, source, TokioIo::new(upgraded)) => {
                if let Err(error) = ended {
                    debug!(target: "nanami::distribute", %source, %error, "session ended");
                }
            }
            () = stopped(&mut stopping) => {}
        }
    });
    let switch = [
        (header::CONNECTION, HeaderValue::from_static("upgrade")),
        (header::UPGRADE, HeaderValue::from_static(PROTOCOL)),
    ];
    (StatusCode::SWITCHING_PROTOCOLS, switch).into_response()
}

/// From the first byte of the channel to its last.
async fn converse<S>(shared: &Shared, workspace: Name, source: IpAddr, stream: S) -> Result<(), SessionError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|_| SessionError::NoRandomness)?;
    let mut wire = Wire::new(stream, Channel::accept(&shared.key, &workspace, seed).map_err(WireError::from)?);
    let greeting = timeout(GREETING_TIMEOUT, hello(&mut wire)).await;
    let (key, join, held) = greeting.map_err(|_| SessionError::Slow)??;
    let hub = shared.hub(workspace.as_str());
    let welcomed = match &hub {
        Some(hub) => match hub.hello(source, key, join).await {
            Ok(welcomed) => Some(welcomed),
            Err(Refusal::NotJoined(_)) => None,
            // Nothing was decided: hanging up without a word says "come again", a refusal would say "never".
            Err(Refusal::Store(error)) => return Err(error.into()),
        },
        None => None,
    };
    if let (Some(hub), Some(welcomed)) = (&hub, welcomed) {
        let report_every = REPORT_EVERY;
        let Welcomed { peer, name, .. } = welcomed;
        send(&mut wire, &ToPeer::Welcome { peer, name, report_every }).await?;
        let mut session = Session { hub, key, peer, source, sent: None, hinted: Vec::new() };
        session.resume(held);
        if !session.run(&mut wire).await? {
            return Ok(());
        }
    }
    send(&mut wire, &ToPeer::Refused).await?;
    wire.close().await;
    Ok(())
}

/// The proved key and the first message, which must be a hello.
async fn hello<S>(wire: &mut Wire<S>) -> Result<(PublicKey, Option<JoinSecret>, Option<HeldMap>), SessionError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let Event::Open { remote } = wire.next().await? else { return Err(SessionError::Unexpected) };
    let Event::Message(bytes) = wire.next().await? else { return Err(SessionError::Unexpected) };
    match ToControl::decode(&bytes)? {
        ToControl::Hello { join, held } => Ok((remote, join, held)),
        _ => Err(SessionError::Unexpected),
    }
}

/// One attached peer.
struct Session<'a> {
    hub: &'a Arc<Hub>,
    key: PublicKey,
    peer: PeerId,
    source: IpAddr,
    /// The map that the peer holds as far as it was sent or said, and since when.
    sent: Option<(Arc<NetworkMap>, Instant)>,
    hinted: Vec<Hint>,
}

impl Session<'_> {
    /// Runs until the peer leaves (`false`) or is no peer any more (`true`).
    async fn run<S>(&mut self, wire: &mut Wire<S>) -> Result<bool, SessionError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut distribution = self.hub.distribution();
        loop {
            let current = Arc::clone(&distribution.borrow_and_update());
            if current.member(&self.key).is_none_or(|member| member.peer != self.peer) {
                return Ok(true);
            }
            if let Some(map) = current.map(self.peer) {
                if let Some(news) = news(self.sent.as_ref().map(|(held, _)| &**held), map) {
                    send(wire, &ToPeer::Map(Box::new(news))).await?;
                    self.sent = Some((Arc::clone(map), Instant::now()));
                }
                let hints = current.hints(map);
                let news = hints.iter().filter(|hint| !self.hinted.contains(hint)).cloned().collect::<Vec<_>>();
                if !news.is_empty() {
                    send(wire, &ToPeer::Hints(news)).await?;
                }
                self.hinted = hints;
            }
            tokio::select! {
                changed = distribution.changed() => changed.map_err(|_| SessionError::Unexpected)?,
                event = timeout(Observed::LEASE, wire.next()) => {
                    let Event::Message(bytes) = event.map_err(|_| SessionError::Slow)?? else { continue };
                    match ToControl::decode(&bytes)? {
                        ToControl::Report(report) => {
                            self.note(report.epoch, report.generation);
                            self.hub.report(self.key, self.peer, self.source, *report).await;
                            // A sign of life, which also says that the report came.
                            send(wire, &ToPeer::Hints(Vec::new())).await?;
                        }
                        ToControl::Leave => return Ok(false),
                        ToControl::AskMap => self.sent = None,
                        ToControl::Hello { .. } => return Err(SessionError::Unexpected),
                    }
                }
            }
        }
    }

    /// A peer that comes back with the current map is sent nothing.
    fn resume(&mut self, held: Option<HeldMap>) {
        let current = Arc::clone(&self.hub.distribution().borrow());
        let same = current.map(self.peer).filter(|map| held == Some(HeldMap::of(map)));
        self.sent = same.map(|map| (Arc::clone(map), Instant::now()));
    }

    /// Compares what the peer runs with what was sent: a map that did not take is sent again, not at once but for sure.
    fn note(&mut self, epoch: Epoch, generation: Generation) {
        let Some((map, at)) = &self.sent else { return };
        let (sent_epoch, sent) = (map.epoch(), map.generation());
        if (epoch, generation) > (sent_epoch, sent) {
            warn!(target: "nanami::distribute", peer = %self.peer, %generation, desired = %sent,
                "peer runs a newer map than this store knows: after a restore from a backup, start with after_restore");
        } else if (epoch, generation) < (sent_epoch, sent) && at.elapsed() > RESEND_AFTER {
            self.sent = None;
        }
    }
}

async fn send<S>(wire: &mut Wire<S>, message: &ToPeer) -> Result<(), SessionError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    timeout(Observed::LEASE, wire.send(&message.encode())).await.map_err(|_| SessionError::Slow)??;
    Ok(())
}

/// Why a session ended, for the trace.
#[derive(Debug, thiserror::Error)]
enum SessionError {
    #[error("connection ended")]
    Wire(#[from] WireError),
    #[error("message not understood")]
    Message(#[from] nanami_model::MessageError),
    #[error("store failed")]
    Store(#[from] crate::store::StoreError),
    #[error("a message came that has no place here")]
    Unexpected,
    #[error("peer was silent or took no bytes for too long")]
    Slow,
    #[error("there is no randomness")]
    NoRandomness,
}

/// Chosen: two round trips around the world, with losses.
const GREETING_TIMEOUT: Duration = Duration::from_secs(10);
/// Chosen: longer than it takes to apply a map, shorter than anybody waits.
const RESEND_AFTER: Duration = Duration::from_secs(5);
