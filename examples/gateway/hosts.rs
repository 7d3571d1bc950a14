//! Three hosts on this machine: network namespaces that nobody else sees, and that go with this process.

use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tokio::runtime::Runtime;

/// A network namespace with a runtime whose threads are in it.
pub(crate) struct Host {
    name: &'static str,
    runtime: Runtime,
}

/// Starts this program again in namespaces of its own; returns in the one that is there already.
pub(crate) fn alone() -> Result<()> {
    const INSIDE: &str = "NANAMI_GATEWAY_INSIDE";
    if std::env::var_os(INSIDE).is_some() {
        return Ok(());
    }
    // A root that may not do it, as in some containers, is told so by `unshare`.
    ensure!(rustix::process::geteuid().is_root(), "network namespaces need root: run it with `sudo`");
    let mut inner = Command::new("unshare");
    inner.args(["--net", "--mount", "--"]).arg(std::env::current_exe()?).args(std::env::args_os().skip(1));
    Err(inner.env(INSIDE, "1").exec()).context("starting `unshare`, of the package util-linux")
}

/// laptop 10.77.0.1 - 10.77.0.2 gateway 10.60.0.1 - 10.60.0.7 server, which has no route to anywhere else.
pub(crate) fn wire() -> Result<[Host; 3]> {
    run("mkdir -p /run/netns && mount -t tmpfs tmpfs /run/netns
        for host in laptop gateway server; do ip netns add $host; ip -n $host link set lo up; done
        ip link add internet netns laptop type veth peer name internet netns gateway
        ip link add lan netns gateway type veth peer name lan netns server
        ip -n laptop address add 10.77.0.1/24 dev internet; ip -n gateway address add 10.77.0.2/24 dev internet
        ip -n gateway address add 10.60.0.1/24 dev lan; ip -n server address add 10.60.0.7/24 dev lan
        ip -n laptop link set internet up; ip -n gateway link set internet up
        ip -n gateway link set lan up; ip -n server link set lan up")?;
    let host = |name| -> Result<Host> { Ok(Host { name, runtime: inside(name, runtime)?? }) };
    Ok([host("laptop")?, host("gateway")?, host("server")?])
}

fn runtime() -> Result<Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?)
}

impl Host {
    /// Runs a future on the host.
    pub(crate) fn run<T: Send>(&self, what: impl Future<Output = T> + Send) -> Result<T> {
        inside(self.name, || self.runtime.block_on(what))
    }

    pub(crate) fn name(&self) -> &str {
        self.name
    }

    /// Does something on the host.
    pub(crate) fn on<T: Send>(&self, what: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        let _guard = self.runtime.enter();
        inside(self.name, what)?
    }

    /// What the kernel says of the network of the host.
    pub(crate) fn network(&self) -> Result<String> {
        self.on(|| {
            run("ip -o -4 address; ip -4 route show table all; ip -4 rule; ip -6 rule; nft list ruleset
                sysctl net.ipv4.ip_forward")
        })
    }
}

/// Does something in a namespace, on a thread that never leaves it.
fn inside<T: Send>(name: &str, what: impl FnOnce() -> T + Send) -> Result<T> {
    let enter = || -> Result<T> {
        let namespace = std::fs::File::open(format!("/run/netns/{name}"))?;
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))?;
        Ok(what())
    };
    std::thread::scope(|scope| scope.spawn(enter).join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
}

/// A script of the shell; what it printed.
fn run(script: &str) -> Result<String> {
    let output = Command::new("sh").args(["-euc", script]).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

/// Connects from one host to a listener on another, with the hosts' own sockets; gives whom the listener sees.
pub(crate) fn connect(from: &Host, to: &Host, at: SocketAddr) -> Result<std::io::Result<IpAddr>> {
    let listener = to.on(|| Ok(TcpListener::bind(at)?))?;
    match from.on(|| Ok(TcpStream::connect_timeout(&at, PATIENCE)))? {
        Ok(_stream) => Ok(Ok(listener.accept()?.1.ip())),
        Err(error) => Ok(Err(error)),
    }
}

/// Chosen: longer than a handshake that has to be repeated once.
const PATIENCE: Duration = Duration::from_secs(10);
