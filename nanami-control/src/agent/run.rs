//! The agent's tokio shell: a socket, a timer and two stores around [`Core`]. It decides nothing.

use std::{
    collections::BTreeMap,
    future::pending,
    io,
    pin::pin,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use nanami_model::{
    JoinString, Observed, PrivateKey, Report, Timestamp,
    message::{Hint, ToControl, ToPeer},
};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};
use tracing::{debug, info, warn};

use super::{
    Agent, AgentOptions, AgentView, ControlLink, JoinError, Shared,
    core::{Core, Lost, Output},
    dial,
    state::Saved,
    state_error,
};
use crate::{
    channel::{Channel, Event},
    wire::{Wire, WireError},
};

type Connection = Wire<TokioIo<Upgraded>>;

/// Joins: one connection, one answer. The running agent opens its own connection then.
pub(super) async fn join(with: &JoinString, key: PrivateKey, options: AgentOptions) -> Result<Agent, JoinError> {
    let authority = with.authority().to_owned();
    let mut wire = open(&authority, with, &key).await?;
    let unreachable =
        |error: WireError| JoinError::Unreachable { authority: authority.clone(), source: io::Error::other(error) };
    // The one place where the join key is said: inside the open channel, never in its handshake (SEC-10).
    let secret = with.secret().expose().parse().expect("a join key is its own text");
    wire.send(&ToControl::Hello { join: Some(secret), held: None }.encode()).await.map_err(unreachable)?;
    let peer = loop {
        let Event::Message(bytes) = wire.next().await.map_err(unreachable)? else { continue };
        match ToPeer::decode(&bytes) {
            Ok(ToPeer::Welcome { peer, .. }) => break peer,
            Ok(ToPeer::Refused) => return Err(JoinError::Refused),
            Ok(_) => {}
            Err(error) => return Err(unreachable(io::Error::new(io::ErrorKind::InvalidData, error).into())),
        }
    };
    let saved = Saved {
        control: authority,
        control_key: with.control(),
        workspace: with.workspace().clone(),
        peer,
        map: None,
        hints: Vec::new(),
    };
    options.states.save(&saved.encode()).map_err(state_error("the state cannot be kept"))?;
    info!(target: "nanami::agent", %peer, "joined");
    wire.close().await;
    Ok(Shell::new(saved, key, options).start())
}

async fn open(authority: &str, with: &JoinString, key: &PrivateKey) -> Result<Connection, JoinError> {
    let unreachable = |source| JoinError::Unreachable { authority: authority.to_owned(), source };
    let wrong = || JoinError::WrongControl { authority: authority.to_owned() };
    let stream = dial::dial(authority, with.workspace()).await.map_err(unreachable)?;
    let seed = fresh_bytes().map_err(state_error("there is no randomness"))?;
    let channel = Channel::connect(key, &with.control(), with.workspace(), seed).map_err(|_| wrong())?;
    let mut wire = Wire::new(stream, channel);
    match wire.next().await {
        Ok(Event::Open { .. }) => Ok(wire),
        // Control that cannot read message 1 hangs up: it holds another key than the one that we addressed.
        Ok(Event::Message(_)) | Err(WireError::Channel(_)) => Err(wrong()),
        Err(WireError::Stream(error)) if error.kind() == io::ErrorKind::UnexpectedEof => Err(wrong()),
        Err(WireError::Stream(source)) => Err(unreachable(source)),
    }
}

/// Everything around the core of a running agent.
pub(super) struct Shell {
    saved: Saved,
    key: PrivateKey,
    options: AgentOptions,
    clock: Clock,
}

impl Shell {
    pub(super) fn new(saved: Saved, key: PrivateKey, options: AgentOptions) -> Shell {
        Shell { saved, key, options, clock: Clock::new() }
    }

    /// Runs in a task of the caller's runtime.
    pub(super) fn start(self) -> Agent {
        let first = AgentView {
            map: self.saved.map.clone().map(Arc::new),
            hints: self.saved.hints.clone().into(),
            control: ControlLink::Connecting,
            refused: None,
        };
        let (view, viewer) = watch::channel(first);
        let (reports, reported) = watch::channel(None);
        let (stop, stopped) = watch::channel(false);
        let (key, peer, control) = (self.key.clone(), self.saved.peer, self.saved.control.clone());
        let task = tokio::spawn(self.run(view, reported, stopped)).abort_handle();
        Agent { shared: Arc::new(Shared { key, peer, control, view: viewer, reports, stop, task }) }
    }

    async fn run(
        mut self,
        view: watch::Sender<AgentView>,
        mut reports: watch::Receiver<Option<Report>>,
        mut stop: watch::Receiver<bool>,
    ) {
        let seed = fresh_bytes().map_or(1, |bytes: [u8; 8]| u64::from_le_bytes(bytes));
        let mut core = Core::new(self.saved.map.clone(), seed);
        let mut wire = None;
        while !*stop.borrow() {
            let until = tokio::select! {
                until = self.drain(&mut core, &mut wire, &view) => until,
                _ = stop.changed() => break,
            };
            tokio::select! {
                event = next(&mut wire) => self.handle_event(&mut core, &mut wire, event),
                Ok(()) = reports.changed() => {
                    if let Some(report) = reports.borrow_and_update().clone() {
                        core.handle_report(self.clock.now(), report);
                    }
                }
                () = self.clock.sleep_until(until) => core.handle_timeout(self.clock.now()),
                _ = stop.changed() => break,
            }
        }
        if let Some(wire) = wire {
            wire.close().await;
        }
    }

    /// Does what the core asks until it only wants to wait.
    async fn drain(
        &mut self,
        core: &mut Core,
        wire: &mut Option<Connection>,
        view: &watch::Sender<AgentView>,
    ) -> Timestamp {
        loop {
            match core.poll_output() {
                Output::Wait(until) => return until,
                Output::Dial => match self.dial().await {
                    Ok(opened) => *wire = Some(opened),
                    Err(error) => {
                        debug!(target: "nanami::agent", %error, "control not reached");
                        core.handle_closed(self.clock.now());
                    }
                },
                Output::Send(message) => {
                    let Some(open) = wire else { continue };
                    // A control that takes no bytes for a lease is as good as gone.
                    let sent = timeout(Observed::LEASE, open.send(&message.encode())).await;
                    if !matches!(sent, Ok(Ok(()))) {
                        *wire = None;
                        core.handle_closed(self.clock.now());
                    }
                }
                Output::Hangup => {
                    *wire = None;
                    core.handle_closed(self.clock.now());
                }
                Output::Map(map) => {
                    self.saved.map = Some((*map).clone());
                    self.keep();
                    debug!(target: "nanami::agent", generation = %map.generation(), "map taken");
                    view.send_modify(|view| view.map = Some(Arc::from(map)));
                }
                Output::Hints(hints) => {
                    if view.send_if_modified(|view| take_hints(view, hints)) {
                        self.saved.hints = view.borrow().hints.to_vec();
                        self.keep();
                    }
                }
                Output::Attached(peer) => {
                    info!(target: "nanami::agent", %peer, "attached");
                    let since = self.clock.now();
                    view.send_modify(|view| view.control = ControlLink::Attached { since });
                }
                Output::Lost(why) => {
                    let now = self.clock.now();
                    view.send_if_modified(|view| lose(&mut view.control, now, why));
                }
                Output::RefusedMap(why) => {
                    warn!(target: "nanami::agent", ?why, "map refused");
                    view.send_modify(|view| view.refused = Some(why));
                }
            }
        }
    }

    /// The tunnel must not wait for a full disk: what is not saved now is saved with the next map or hint.
    fn keep(&self) {
        if let Err(error) = self.options.states.save(&self.saved.encode()) {
            warn!(target: "nanami::agent", %error, "state not saved");
        }
    }

    async fn dial(&self) -> io::Result<Connection> {
        let stream = dial::dial(&self.saved.control, &self.saved.workspace).await?;
        let channel = Channel::connect(&self.key, &self.saved.control_key, &self.saved.workspace, fresh_bytes()?);
        Ok(Wire::new(stream, channel.map_err(io::Error::other)?))
    }

    fn handle_event(&self, core: &mut Core, wire: &mut Option<Connection>, event: Result<Event, WireError>) {
        let now = self.clock.now();
        match event {
            Ok(Event::Open { .. }) => core.handle_open(now),
            Ok(Event::Message(bytes)) => match ToPeer::decode(&bytes) {
                Ok(message) => core.handle_message(now, message),
                Err(error) => warn!(target: "nanami::agent", %error, "message not understood"),
            },
            Err(error) => {
                debug!(target: "nanami::agent", %error, "connection ended");
                *wire = None;
                core.handle_closed(now);
            }
        }
    }
}

/// The first loss stays: whoever looks wants to know since when control is away.
fn lose(link: &mut ControlLink, now: Timestamp, why: Lost) -> bool {
    let since = match link {
        ControlLink::Lost { since, .. } => *since,
        _ => now,
    };
    let lost = ControlLink::Lost { since, why };
    let changed = *link != lost;
    *link = lost;
    changed
}

/// Hints are news by key: what is not mentioned stays, what is no neighbor's goes. None at all are a sign of life.
fn take_hints(view: &mut AgentView, news: Vec<Hint>) -> bool {
    if news.is_empty() {
        return false;
    }
    let mut hints: BTreeMap<_, _> = view.hints.iter().chain(&news).map(|hint| (hint.key, hint.clone())).collect();
    hints.retain(|key, _| view.map.as_ref().is_some_and(|map| map.neighbor(key).is_some()));
    view.hints = hints.into_values().collect();
    true
}

/// The next event of the connection, never when there is none.
async fn next(wire: &mut Option<Connection>) -> Result<Event, WireError> {
    match wire {
        Some(wire) => wire.next().await,
        None => pending().await,
    }
}

/// The wall clock at the start, moved on by the monotonic one: it never goes back while the agent runs.
struct Clock {
    started: Instant,
    at: Timestamp,
}

impl Clock {
    fn new() -> Clock {
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Clock { started: Instant::now(), at: Timestamp::from_millis(0).after(since_1970) }
    }

    fn now(&self) -> Timestamp {
        self.at.after(self.started.elapsed())
    }

    async fn sleep_until(&self, until: Timestamp) {
        // A millisecond more: the core's clock counts whole ones. No timer reaches the end of time.
        let wait = until.since(self.now()).saturating_add(Duration::from_millis(1)).min(LONGEST_SLEEP);
        pin!(sleep(wait)).await;
    }
}

pub(super) fn fresh_bytes<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes)
}

const LONGEST_SLEEP: Duration = Duration::from_secs(3600);
