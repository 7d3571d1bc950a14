//! The control plane as a child process: what the child does, and how the quickstart speaks with it.
//!
//! The child is this same program, started with one word more. It says on its standard output where it listens and which
//! tokens it issued, and ends when its standard input does, so that it never outlives the quickstart.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::process::{ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;
use nanami::control::Client;
use nanami::control::api::PeerStatus;
use nanami::control::store::Sqlite;
use nanami::control::{ControlPlane, Tokens};
use nanami::model::User;
use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::net::TcpListener;

/// The word that makes this program the child.
pub(crate) const WORD: &str = "control-plane-child";
/// The workspaces that the child opens, both owned by netops.
const WORKSPACES: [&str; 2] = ["acme", "umbra"];
/// The users that get a token. What each may do is the workspace's to say.
const USERS: [&str; 4] = ["netops", "platform-lead", "data-dev", "auditor"];

/// Runs as the child: `DIRECTORY ADDRESS`.
pub(crate) fn serve(arguments: &[String]) -> ExitCode {
    let [directory, address] = arguments else {
        eprintln!("quickstart: {WORD} takes a directory and an address");
        return ExitCode::FAILURE;
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome = runtime.map_err(anyhow::Error::from).and_then(|runtime| {
        let outcome = runtime.block_on(control_plane(Path::new(directory), address));
        // A thread that still reads standard input must not keep the process.
        runtime.shutdown_background();
        outcome
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("quickstart: control plane: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn control_plane(directory: &Path, address: &str) -> anyhow::Result<()> {
    let tokens = Tokens::default();
    let mut issued = BTreeMap::new();
    for user in USERS {
        issued.insert(user.to_owned(), tokens.issue(user.parse()?)?.expose().to_owned());
    }
    let store = Sqlite::at(directory.join("control").join("nanami.db"));
    let control = ControlPlane::builder(store).with_identity(tokens).start().await?;
    for workspace in WORKSPACES {
        control.open_workspace(workspace.parse()?, User::new("netops".parse()?)).await?;
    }
    let listener = listen(address).await.with_context(|| format!("listening on {address}"))?;
    let hello = Hello { authority: listener.local_addr()?.to_string(), tokens: issued };
    writeln!(std::io::stdout(), "{}", serde_json::to_string(&hello)?)?;
    let serving = control.clone();
    tokio::select! {
        served = serving.serve(listener) => served?,
        () = parent_is_gone() => {}
    }
    control.stop().await;
    Ok(())
}

/// The port of a control plane that was killed may be somebody's for a moment.
async fn listen(address: &str) -> std::io::Result<TcpListener> {
    let started = Instant::now();
    loop {
        match TcpListener::bind(address).await {
            Err(error) if error.kind() == ErrorKind::AddrInUse && started.elapsed() < PORT_IS_BUSY => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            bound => return bound,
        }
    }
}

async fn parent_is_gone() {
    let mut rest = Vec::new();
    let _any_end_will_do = tokio::io::stdin().read_to_end(&mut rest).await;
}

/// Chosen: longer than a connection that was being made holds it.
const PORT_IS_BUSY: Duration = Duration::from_secs(10);

/// The child's first words.
#[derive(Serialize, Deserialize)]
struct Hello {
    authority: String,
    /// A bearer token for each user.
    tokens: BTreeMap<String, String>,
}

/// The control plane, as the quickstart sees it.
pub(crate) struct Child {
    process: tokio::process::Child,
    hello: Hello,
}

impl Child {
    /// Starts a control plane whose store is in `directory`, on a free port.
    pub(crate) async fn start(directory: &Path) -> anyhow::Result<Self> {
        Self::start_at(directory, "127.0.0.1:0").await
    }

    /// Starts a control plane where another was: peers look for it at the address in their join string.
    pub(crate) async fn start_at(directory: &Path, address: &str) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("finding this program")?;
        let mut process = tokio::process::Command::new(program)
            .arg(WORD)
            .arg(directory)
            .arg(address)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("starting the control plane")?;
        let output = process.stdout.take().context("the child's output is piped")?;
        let hello = BufReader::new(output).lines().next_line().await?.context("the control plane ended at once")?;
        let hello: Hello = serde_json::from_str(&hello).context("the control plane's first words")?;
        Ok(Self { process, hello })
    }

    /// Its process id.
    pub(crate) fn process(&self) -> u32 {
        self.process.id().unwrap_or_default()
    }

    /// Where it listens.
    pub(crate) fn authority(&self) -> &str {
        &self.hello.authority
    }

    /// What `user` says to it about a workspace.
    pub(crate) fn client(&self, user: &str, workspace: &str) -> anyhow::Result<Client> {
        let token = self.hello.tokens.get(user).with_context(|| format!("{user} has no token"))?;
        Ok(Client::new(self.authority(), workspace.parse()?, token))
    }

    /// What it knows of the peers of acme.
    pub(crate) async fn peers(&self) -> anyhow::Result<Vec<PeerStatus>> {
        Ok(self.client("netops", "acme")?.status().await?.peers)
    }

    /// Stops it where it is, until [`Child::resume`].
    pub(crate) fn pause(&self) -> anyhow::Result<()> {
        self.signal(Signal::STOP)
    }

    pub(crate) fn resume(&self) -> anyhow::Result<()> {
        self.signal(Signal::CONT)
    }

    fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let id = self.process.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        kill_process(id.context("the control plane has ended")?, signal).with_context(|| format!("sending {signal:?}"))
    }

    /// Kills it: no chance to write anything.
    pub(crate) async fn kill(mut self) -> anyhow::Result<()> {
        self.process.kill().await.context("killing the control plane")
    }

    /// Lets it end in order.
    pub(crate) async fn end(mut self) {
        drop(self.process.stdin.take());
        // A child that does not end in time is killed when it is dropped.
        let _ended = tokio::time::timeout(Duration::from_secs(5), self.process.wait()).await;
    }
}
