//! The peer's half of the control protocol: joins, watches for maps, reports.
//!
//! **Invariant: an agent that has joined starts again without control** (SECURITY.md E1): key, place and last map are on
//! disk before the map is handed out. It never gives up on control, and never touches the tunnel: it hands out maps and
//! hints, and takes reports.
//!
//! ```no_run
//! use nanami_control::agent::{Agent, AgentOptions};
//! use nanami_model::{JoinString, Report};
//!
//! # async fn run(join: JoinString) -> Result<(), nanami_control::agent::JoinError> {
//! let agent = Agent::join(&join, AgentOptions::in_dir("/var/lib/nanami")).await?;
//! let mut watched = agent.watch();
//! while watched.changed().await.is_ok() {
//!     let view = watched.borrow_and_update().clone();
//!     if let Some(map) = &view.map {
//!         // … apply it to a tunnel, then say so:
//!         agent.report(Report { epoch: map.epoch(), generation: map.generation(), ..Report::default() });
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod core;
mod dial;
mod error;
mod run;
mod state;
#[cfg(test)]
mod tests;

use std::{fmt, io, path::PathBuf, sync::Arc, time::Duration};

use nanami_model::{JoinString, NetworkMap, PeerId, PrivateKey, Report, Timestamp, message::Hint};
use tokio::{sync::watch, task::AbortHandle};

use self::{run::Shell, state::Saved};
use crate::files::{Files, KeyStore, StateStore};

pub use self::{
    core::{Lost, RefusedMap},
    error::JoinError,
};

/// One running agent. Clones share it; dropping the last one ends it.
#[derive(Clone)]
pub struct Agent {
    shared: Arc<Shared>,
}

struct Shared {
    key: PrivateKey,
    peer: PeerId,
    control: String,
    view: watch::Receiver<AgentView>,
    reports: watch::Sender<Option<Report>>,
    stop: watch::Sender<bool>,
    task: AbortHandle,
}

/// What an agent holds and how it stands with control, at one moment. Level-triggered: only the latest counts.
#[derive(Debug, Clone)]
pub struct AgentView {
    /// The last map that was taken; `None` before the first.
    pub map: Option<Arc<NetworkMap>>,
    /// Where neighbors may be, as control last said.
    pub hints: Arc<[Hint]>,
    /// How the agent stands with control.
    pub control: ControlLink,
    /// The last map that was refused and why; `None` when there was none.
    pub refused: Option<RefusedMap>,
}

/// How an agent stands with control.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ControlLink {
    /// It has not been attached since it started.
    Connecting,
    /// Control knows it and hears its reports.
    Attached {
        /// Since when.
        since: Timestamp,
    },
    /// It was attached, or tried to be; it goes on trying.
    Lost {
        /// Since when.
        since: Timestamp,
        /// Why.
        why: Lost,
    },
}

/// How an agent keeps its key and state.
#[derive(Clone)]
pub struct AgentOptions {
    keys: Arc<dyn KeyStore>,
    states: Arc<dyn StateStore>,
}

impl AgentOptions {
    /// Key and state as private files in one directory.
    #[must_use]
    pub fn in_dir(path: impl Into<PathBuf>) -> AgentOptions {
        let files = Files::in_dir(path);
        AgentOptions { keys: Arc::new(files.clone()), states: Arc::new(files) }
    }

    /// Keeps the key elsewhere.
    #[must_use]
    pub fn with_key_store(self, keys: impl KeyStore) -> AgentOptions {
        AgentOptions { keys: Arc::new(keys), ..self }
    }

    /// Keeps the state elsewhere.
    #[must_use]
    pub fn with_state_store(self, states: impl StateStore) -> AgentOptions {
        AgentOptions { states: Arc::new(states), ..self }
    }
}

impl Agent {
    /// How often the embedder reports when nothing changes; a control that hears nothing for three of these believes nothing.
    pub const REPORT_EVERY: Duration = Duration::from_secs(15);

    /// Joins with a join string and returns when control has welcomed the peer. When this state has joined the workspace
    /// already, resumes instead, whether control is up or down, and leaves the join key alone.
    ///
    /// # Errors
    /// [`JoinError`]; [`JoinError::is_retryable`] says whether to call again.
    ///
    /// # Cancel safety
    /// May be dropped and called again: the key is kept before it is shown, and control lets the same key in again.
    pub async fn join(with: &JoinString, options: AgentOptions) -> Result<Agent, JoinError> {
        if let Some(saved) = load(&options)? {
            if saved.workspace != *with.workspace() || saved.control_key != with.control() {
                let other =
                    io::Error::new(io::ErrorKind::AlreadyExists, format!("it is a peer of {}", saved.workspace));
                return Err(state_error("this state belongs to another workspace")(other));
            }
            return Agent::resume_from(saved, options);
        }
        let key = own_key(&options)?;
        run::join(with, key, options).await
    }

    /// Starts again from saved state, whether control is up or down. Returns at once; the last map is in the view.
    ///
    /// # Errors
    /// [`JoinError::State`] when there is no state, or it cannot be read.
    ///
    /// # Cancel safety
    /// May be dropped and called again.
    pub async fn resume(options: AgentOptions) -> Result<Agent, JoinError> {
        let absent = || state_error("there is no state to resume from")(io::ErrorKind::NotFound.into());
        Agent::resume_from(load(&options)?.ok_or_else(absent)?, options)
    }

    fn resume_from(saved: Saved, options: AgentOptions) -> Result<Agent, JoinError> {
        let key = options.keys.load().map_err(state_error("the private key cannot be read"))?;
        let absent = || state_error("the private key is gone")(io::ErrorKind::NotFound.into());
        Ok(Shell::new(saved, key.ok_or_else(absent)?, options).start())
    }

    /// The peer's key pair, for the tunnel of this machine.
    #[must_use]
    pub fn key(&self) -> &PrivateKey {
        &self.shared.key
    }

    /// Which peer this is.
    #[must_use]
    pub fn peer(&self) -> PeerId {
        self.shared.peer
    }

    /// Where control listens, `HOST:PORT`, as the join string spelled it.
    #[must_use]
    pub fn control(&self) -> &str {
        &self.shared.control
    }

    /// What the agent holds, now and whenever it changes.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<AgentView> {
        self.shared.view.clone()
    }

    /// Tells control what was applied and what is seen. Only the latest report counts; a report is sent within a fifth of
    /// a second, and never again: without a new one control stops believing.
    pub fn report(&self, report: Report) {
        self.shared.reports.send_replace(Some(report));
    }

    /// Ends in order: what waits is written, the stream closed. Again is harmless.
    ///
    /// # Cancel safety
    /// May be dropped; the agent ends nevertheless.
    pub async fn stop(&self) {
        self.shared.stop.send_replace(true);
        // The task drops its end when it is over.
        let mut view = self.watch();
        while view.changed().await.is_ok() {}
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl fmt::Debug for Agent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Agent").field("peer", &self.shared.peer).finish_non_exhaustive()
    }
}

impl fmt::Debug for AgentOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgentOptions").finish_non_exhaustive()
    }
}

fn load(options: &AgentOptions) -> Result<Option<Saved>, JoinError> {
    let Some(bytes) = options.states.load().map_err(state_error("the state cannot be read"))? else { return Ok(None) };
    let damaged = |bad| state_error("the state cannot be read")(io::Error::new(io::ErrorKind::InvalidData, bad));
    Saved::decode(&bytes).map(Some).map_err(damaged)
}

/// The saved key, or a new one that is saved before anybody sees its public half.
fn own_key(options: &AgentOptions) -> Result<PrivateKey, JoinError> {
    if let Some(key) = options.keys.load().map_err(state_error("the private key cannot be read"))? {
        return Ok(key);
    }
    let key = PrivateKey::from_bytes(run::fresh_bytes().map_err(state_error("there is no randomness"))?);
    options.keys.save(&key).map_err(state_error("the private key cannot be kept"))?;
    Ok(key)
}

fn state_error(what: &'static str) -> impl Fn(io::Error) -> JoinError {
    move |source| JoinError::State { what, source }
}
