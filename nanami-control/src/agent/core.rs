//! What an agent decides: when to connect, what to say, which maps to take. Sans-IO. Joining is one exchange before it (see `run`).
//!
//! **Invariants: a map that is older than the held one, or another one of the same generation, is refused (SEC-30); a
//! difference counts only on the map that it was made for, else the whole map is asked for; a map
//! is saved before it is handed out, so that a restart never falls behind what the tunnel ran.** Connecting never ends:
//! only who holds the agent stops it.

use std::{collections::VecDeque, time::Duration};

use nanami_model::{
    NetworkMap, Observed, PeerId, Report, Timestamp,
    message::{HeldMap, Hint, ToControl, ToPeer},
};

/// The peer's half of the protocol: `handle_*` takes what happened, [`Core::poll_output`] gives what to do.
pub(crate) struct Core {
    phase: Phase,
    held: Option<NetworkMap>,
    report: Option<Report>,
    report_at: Timestamp,
    failures: u32,
    jitter: u64,
    outputs: VecDeque<Output>,
}

/// What the shell is to do.
#[derive(Debug)]
pub(crate) enum Output {
    /// Dial control and open a channel.
    Dial,
    /// Say this on the channel.
    Send(ToControl),
    /// Close the channel and come back with `handle_closed`.
    Hangup,
    /// Save this map, then hand it out.
    Map(Box<NetworkMap>),
    /// Hand these out: where neighbors may be.
    Hints(Vec<Hint>),
    /// Control knows us as this peer.
    Attached(PeerId),
    /// Control is gone, or will not have us.
    Lost(Lost),
    /// A map was not taken.
    RefusedMap(RefusedMap),
    /// Nothing is to be done before then, or before something happens.
    Wait(Timestamp),
}

/// Why an agent is not attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Lost {
    /// Control could not be reached, or the connection ended.
    Connection,
    /// Control said nothing for the length of the lease.
    Silence,
    /// Control refused us: this key is no peer of the workspace, or the join key is not good.
    Refused,
}

/// Why a map was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RefusedMap {
    /// It is older than the one that is held: control was rolled back.
    Older,
    /// It differs from the held one in content but not in generation: control is forked.
    Forked,
    /// It is a difference to a map that is not held; control is asked for the whole one.
    Partial,
}

enum Phase {
    Waiting { until: Timestamp },
    Dialing,
    Greeting { until: Timestamp },
    Attached { until: Timestamp },
    Closing { why: Lost },
}

impl Core {
    /// Dials at once. `held` is the last map, `seed` spreads the attempts of many agents.
    pub(crate) fn new(held: Option<NetworkMap>, seed: u64) -> Core {
        Core {
            phase: Phase::Dialing,
            held,
            report: None,
            report_at: Timestamp::from_millis(0),
            failures: 0,
            jitter: seed | 1,
            outputs: VecDeque::from([Output::Dial]),
        }
    }

    /// The channel is open.
    pub(crate) fn handle_open(&mut self, now: Timestamp) {
        self.phase = Phase::Greeting { until: now.after(GREETING_TIMEOUT) };
        self.outputs
            .push_back(Output::Send(ToControl::Hello { join: None, held: self.held.as_ref().map(HeldMap::of) }));
    }

    /// The channel, or the attempt to open one, has ended.
    pub(crate) fn handle_closed(&mut self, now: Timestamp) {
        let why = match self.phase {
            Phase::Closing { why } => why,
            _ => Lost::Connection,
        };
        let until = now.after(self.backoff(why));
        self.phase = Phase::Waiting { until };
        self.outputs.push_back(Output::Lost(why));
    }

    /// Control said this.
    pub(crate) fn handle_message(&mut self, now: Timestamp, message: ToPeer) {
        if let Phase::Attached { until } = &mut self.phase {
            *until = now.after(Observed::LEASE);
        }
        match message {
            ToPeer::Welcome { peer, .. } => {
                self.failures = 0;
                self.phase = Phase::Attached { until: now.after(Observed::LEASE) };
                self.outputs.push_back(Output::Attached(peer));
                self.report_at = now;
                self.pace_report(now);
            }
            ToPeer::Map(map) => self.handle_map(*map),
            ToPeer::Hints(hints) => self.outputs.push_back(Output::Hints(hints)),
            ToPeer::Refused => self.hang_up(Lost::Refused),
        }
    }

    /// The embedder reports what it applied and sees; the latest report counts.
    pub(crate) fn handle_report(&mut self, now: Timestamp, report: Report) {
        self.report = Some(report);
        self.pace_report(now);
    }

    /// Time has passed.
    pub(crate) fn handle_timeout(&mut self, now: Timestamp) {
        match self.phase {
            Phase::Waiting { until } if now >= until => {
                self.phase = Phase::Dialing;
                self.outputs.push_back(Output::Dial);
            }
            Phase::Greeting { until } | Phase::Attached { until } if now >= until => self.hang_up(Lost::Silence),
            _ => {}
        }
        self.pace_report(now);
    }

    /// What to do next; ends with `Wait`, which comes again and again.
    pub(crate) fn poll_output(&mut self) -> Output {
        self.outputs.pop_front().unwrap_or_else(|| Output::Wait(self.deadline()))
    }

    fn deadline(&self) -> Timestamp {
        match self.phase {
            Phase::Waiting { until } | Phase::Greeting { until } => until,
            Phase::Attached { until } if self.report.is_some() => until.min(self.report_at),
            Phase::Attached { until } => until,
            Phase::Dialing | Phase::Closing { .. } => FOREVER,
        }
    }

    fn hang_up(&mut self, why: Lost) {
        if !matches!(self.phase, Phase::Closing { .. }) {
            self.phase = Phase::Closing { why };
            self.outputs.push_back(Output::Hangup);
        }
    }

    fn handle_map(&mut self, map: NetworkMap) {
        let place = |map: &NetworkMap| (map.epoch(), map.generation());
        let nothing = NetworkMap::default();
        let Ok(map) = self.held.as_ref().unwrap_or(&nothing).patched(&map) else {
            self.outputs.push_back(Output::RefusedMap(RefusedMap::Partial));
            self.outputs.push_back(Output::Send(ToControl::AskMap));
            return;
        };
        let refused = match &self.held {
            Some(held) if place(&map) < place(held) => Some(RefusedMap::Older),
            Some(held) if place(&map) == place(held) && map != *held => Some(RefusedMap::Forked),
            Some(held) if place(&map) == place(held) => return,
            _ => None,
        };
        match refused {
            Some(why) => self.outputs.push_back(Output::RefusedMap(why)),
            None => {
                self.held = Some(map.clone());
                self.outputs.push_back(Output::Map(Box::new(map)));
            }
        }
    }

    fn pace_report(&mut self, now: Timestamp) {
        if !matches!(self.phase, Phase::Attached { .. }) || now < self.report_at {
            return;
        }
        if let Some(report) = self.report.take() {
            self.report_at = now.after(REPORT_PACE);
            self.outputs.push_back(Output::Send(ToControl::Report(Box::new(report))));
        }
    }

    /// Doubles from `FIRST_RETRY` to `LAST_RETRY`, then a quarter up or down. Who was refused waits the longest at once.
    fn backoff(&mut self, why: Lost) -> Duration {
        let full = match why {
            Lost::Refused => LAST_RETRY,
            _ => LAST_RETRY.min(FIRST_RETRY * 2u32.saturating_pow(self.failures.min(16))),
        };
        self.failures = self.failures.saturating_add(1);
        // xorshift64 (Marsaglia 2003): agents must not come back in step, nothing more.
        self.jitter ^= self.jitter << 13;
        self.jitter ^= self.jitter >> 7;
        self.jitter ^= self.jitter << 17;
        let percent = 75 + u32::try_from(self.jitter % 51).expect("below 51");
        full * percent / 100
    }
}

/// Chosen: control that restarts is back within a fraction of a second.
const FIRST_RETRY: Duration = Duration::from_millis(100);
/// Chosen: ten thousand agents of a dead control make two thousand attempts per second.
const LAST_RETRY: Duration = Duration::from_secs(5);
/// Chosen: one round trip and a durable append.
const GREETING_TIMEOUT: Duration = Duration::from_secs(10);
/// Chosen: bursts of changes become one report; five per second at most.
const REPORT_PACE: Duration = Duration::from_millis(200);
/// Later than anybody waits, and early enough for timers.
const FOREVER: Timestamp = Timestamp::from_millis(u64::MAX);
