//! A lab of two hosts: network namespaces `a` and `b` with a cable between them, in a mount namespace of their own, so that
//! names, control sockets and interfaces are nobody else's. A test may add hosts and cables.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// An implementation of WireGuard under test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Make {
    Ours,
    /// Ours, with `NANAMI_WG_OFFLOADS` set to this.
    OursWith(&'static str),
    WireGuardGo,
}

impl Make {
    fn program(self) -> &'static str {
        match self {
            Self::Ours | Self::OursWith(_) => env!("CARGO_BIN_EXE_nanami-wg"),
            Self::WireGuardGo => "wireguard-go",
        }
    }
}

/// Which makes meet.
pub(crate) const PAIRS: [(Make, Make); 3] =
    [(Make::Ours, Make::WireGuardGo), (Make::WireGuardGo, Make::Ours), (Make::Ours, Make::Ours)];

/// Runs `test` in a process of its own, in namespaces of its own: nobody else's interfaces, mounts and control sockets.
pub(crate) fn alone(name: &str, test: impl FnOnce()) {
    const INSIDE: &str = "NANAMI_LAB_INSIDE";
    if std::env::var_os(INSIDE).is_some() {
        return test();
    }
    let mut inner = Command::new("unshare");
    inner.args(["--net", "--mount"]).arg(std::env::current_exe().unwrap());
    inner.args(["--ignored", "--exact", "--nocapture", name]).env(INSIDE, "1");
    assert!(inner.status().expect("`unshare` runs").success());
}

/// Runs `test` in the lab.
pub(crate) fn run(name: &str, test: impl FnOnce()) {
    alone(name, || {
        wire();
        test();
    });
}

/// Makes both hosts and the cable.
fn wire() {
    for directory in ["/run/netns", "/run/wireguard"] {
        std::fs::create_dir_all(directory).unwrap();
        sh(&format!("mount -t tmpfs tmpfs {directory}"));
    }
    cable(["a", "b"]);
}

/// Two hosts and a cable between them: 10.77.0.N and fd77::N, where N is 1 for `a`.
pub(crate) fn cable(hosts: [&str; 2]) {
    for host in hosts {
        sh(&format!("ip netns add {host} && ip -n {host} link set lo up"));
    }
    let [x, y] = hosts;
    sh(&format!("ip link add cable-{x} netns {x} type veth peer name cable-{y} netns {y}"));
    for host in hosts {
        let n = n(host);
        sh(&format!(
            "ip -n {host} address add 10.77.0.{n}/24 dev cable-{host}
             ip -n {host} address add fd77::{n}/64 dev cable-{host} nodad
             ip -n {host} link set cable-{host} up"
        ));
    }
}

/// A third host, `c`, at another end of `a`.
pub(crate) fn third() {
    sh("ip netns add c && ip -n c link set lo up
        ip link add cable-c netns c type veth peer name cable-ac netns a
        ip -n c address add 10.77.0.3/24 dev cable-c && ip -n c link set cable-c up
        ip -n a link set cable-ac up && ip -n a route add 10.77.0.3 dev cable-ac");
}

/// Runs a script of the shell, which must succeed, and gives what it printed.
pub(crate) fn sh(script: &str) -> String {
    let output = try_sh(script);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{script}\n{said}");
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

pub(crate) fn try_sh(script: &str) -> Output {
    Command::new("bash").args(["-euc", script]).stdin(Stdio::null()).output().unwrap()
}

/// Runs on one of the hosts.
pub(crate) fn on<T: Send>(host: &str, what: impl FnOnce() -> T + Send) -> T {
    let enter = || {
        let namespace = std::fs::File::open(format!("/run/netns/{host}")).unwrap();
        move_into_link_name_space(std::os::fd::AsFd::as_fd(&namespace), Some(LinkNameSpaceType::Network)).unwrap();
        what()
    };
    std::thread::scope(|scope| scope.spawn(enter).join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
}

/// Waits until this holds.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < end, "after 20 s it still does not hold that {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A running WireGuard interface.
pub(crate) struct Wg {
    pub(crate) host: &'static str,
    pub(crate) name: String,
    pub(crate) public: String,
    process: Child,
}

impl Wg {
    /// An interface `wg-HOST` with a key, listening on port 51820, down.
    pub(crate) fn start(make: Make, host: &'static str) -> Self {
        let name = format!("wg-{host}");
        let process = spawn(make, host, &name);
        let key = sh("wg genkey");
        let wg = Self { host, name, public: sh(&format!("wg pubkey <<< {key}")), process };
        wg.set(&format!("private-key <(echo {key}) listen-port 51820"));
        wg
    }

    /// The process is killed; another one, with the same configuration, takes its place.
    pub(crate) fn restart(&mut self, make: Make) {
        let configuration = self.sh(&format!("wg showconf {}", self.name));
        self.kill();
        until("the kernel took the interface away", || {
            !try_sh(&format!("ip -n {} link show {}", self.host, self.name)).status.success()
        });
        self.process = spawn(make, self.host, &self.name);
        self.sh(&format!("wg setconf {} <(echo '{configuration}')", self.name));
        self.up();
    }

    /// `wg set` with these arguments.
    pub(crate) fn set(&self, arguments: &str) {
        self.sh(&format!("wg set {} {arguments}", self.name));
    }

    /// A script on this host.
    pub(crate) fn sh(&self, script: &str) -> String {
        on(self.host, || sh(script))
    }

    /// `wg show` of one column.
    pub(crate) fn show(&self, column: &str) -> String {
        self.sh(&format!("wg show {} {column}", self.name))
    }

    /// Gives it its overlay addresses, 10.78.0.N and fd78::N, and sets it up.
    pub(crate) fn up(&self) {
        let (name, n) = (&self.name, n(self.host));
        self.sh(&format!(
            "ip address add 10.78.0.{n}/24 dev {name}; ip address add fd78::{n}/64 dev {name} nodad; ip link set {name} up"
        ));
    }

    /// What `wg set` needs to know `other` as a peer, with all that it owns.
    pub(crate) fn peer(other: &Self) -> String {
        let n = n(other.host);
        format!("peer {} allowed-ips 10.78.0.{n}/32,fd78::{n}/128 endpoint 10.77.0.{n}:51820", other.public)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Whether the process has ended, and how.
    pub(crate) fn ended(&mut self) -> Option<std::process::ExitStatus> {
        self.process.try_wait().unwrap()
    }

    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Wg {
    fn drop(&mut self) {
        // It is gone already or it is not; either way it is ours.
        let _ = self.process.kill();
        let _ = self.process.wait();
        // The next one finds no socket that is about to be removed by somebody else.
        let _ = std::fs::remove_file(socket_of(&self.name));
    }
}

/// Starts a process, and waits until its interface and its socket are there.
fn spawn(make: Make, host: &str, name: &str) -> Child {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", host, make.program(), "-f", name]).stdin(Stdio::null());
    if let Make::OursWith(offloads) = make {
        command.env("NANAMI_WG_OFFLOADS", offloads);
    }
    let mut process = command.spawn().unwrap();
    until("the interface answers", || {
        assert_eq!(process.try_wait().unwrap(), None, "{make:?} does not start");
        // Not by `wg`, which removes a socket that nobody serves yet.
        let served = std::os::unix::net::UnixStream::connect(socket_of(name)).is_ok();
        served && try_sh(&format!("ip -n {host} link show {name}")).status.success()
    });
    process
}

fn socket_of(name: &str) -> String {
    format!("/run/wireguard/{name}.sock")
}

fn n(host: &str) -> u8 {
    host.as_bytes()[0] - b'a' + 1
}

/// Two interfaces that know each other and are up.
pub(crate) fn pair(makes: (Make, Make)) -> (Wg, Wg) {
    pair_on(["a", "b"], makes)
}

/// The same on other hosts.
pub(crate) fn pair_on(hosts: [&'static str; 2], makes: (Make, Make)) -> (Wg, Wg) {
    let (a, b) = (Wg::start(makes.0, hosts[0]), Wg::start(makes.1, hosts[1]));
    a.set(&Wg::peer(&b));
    b.set(&Wg::peer(&a));
    a.up();
    b.up();
    (a, b)
}

/// The overlay addresses of a host.
pub(crate) fn overlay(host: &str) -> [IpAddr; 2] {
    let n = n(host);
    [format!("10.78.0.{n}"), format!("fd78::{n}")].map(|ip| ip.parse().unwrap())
}

/// Carries bytes from one host to an address of the other over TCP, and back; they must be the same.
pub(crate) fn carry(from: &'static str, to: &'static str, at: IpAddr, bytes: usize) {
    let listener = on(to, || TcpListener::bind(SocketAddr::new(at, 0)).unwrap());
    let at = listener.local_addr().unwrap();
    let echo = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        stream.write_all(&all).unwrap();
    });
    let sent: Vec<u8> = (0..bytes).map(|at| (at * 31 % 251) as u8).collect();
    let mut stream = on(from, || TcpStream::connect_timeout(&at, PATIENCE)).expect("a connection through the tunnel");
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(&sent).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut back = Vec::new();
    stream.read_to_end(&mut back).unwrap();
    assert!(back == sent, "{} of {bytes} bytes came back, or others", back.len());
    echo.join().unwrap();
}

/// How many bytes a stream that is never idle brings to an address of another host in this time.
pub(crate) fn received(from: &'static str, to: &'static str, at: IpAddr, time: Duration) -> u64 {
    let listener = on(to, || TcpListener::bind(SocketAddr::new(at, 0)).unwrap());
    let at = listener.local_addr().unwrap();
    let mut stream = on(from, || TcpStream::connect_timeout(&at, PATIENCE)).expect("a connection through the tunnel");
    let sending = std::thread::spawn(move || while stream.write_all(&[7; 65_536]).is_ok() {});
    let (mut stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let (start, mut bytes, mut buffer) = (Instant::now(), 0, vec![0; 65_536]);
    while start.elapsed() < time {
        bytes += stream.read(&mut buffer).unwrap() as u64;
    }
    // Closed with bytes unread, it is reset, and the other end stops.
    drop((stream, listener));
    sending.join().unwrap();
    bytes
}

/// Whether one host reaches this address with a ping.
pub(crate) fn pings(from: &str, to: IpAddr) -> bool {
    // A first packet waits for a handshake, of which a lost message is repeated after 5 s and some jitter.
    on(from, || try_sh(&format!("ping -c 1 -W 8 {to}")).status.success())
}

/// Whether nothing comes back for 2 s, which is long beside any round trip here.
pub(crate) fn is_silent(from: &str, to: IpAddr) -> bool {
    on(from, || !try_sh(&format!("ping -c 1 -W 2 {to}")).status.success())
}

/// How long a stream may stand still.
const PATIENCE: Duration = Duration::from_secs(20);
