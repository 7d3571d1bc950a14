//! The gateway on three hosts, which are network namespaces: as root.
#![allow(clippy::unwrap_used, reason = "a test says what went wrong by panicking")]

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

#[test]
#[ignore = "needs root, ip, nft and unshare; `cargo xtask test interop` runs it"]
fn a_gateway_on_a_real_host_carries_what_the_policy_allows_and_leaves_when_it_is_told() {
    let mut path = std::env::current_exe().unwrap();
    path.pop();
    path.pop();
    path.push("examples/gateway");
    let mut gateway = Command::new(&path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut said = String::new();
    for line in BufReader::new(gateway.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        if line.starts_with("running") {
            kill_process(Pid::from_child(&gateway), Signal::TERM).unwrap();
        }
        said += &line;
        said.push('\n');
    }
    assert!(gateway.wait().unwrap().success(), "{said}");
    for expected in [
        "sysctl net.ipv4.ip_forward=1  # was 0",
        "iifname \"nanami0\" oifname != \"nanami0\" ip daddr 10.60.0.0/24 masquerade",
        "tcp/80: connected; the server sees 10.60.0.1",
        "tcp/22: No route to host",
        "both hosts are byte by byte as they were",
    ] {
        assert!(said.contains(expected), "{expected:?} is missing in:\n{said}");
    }
}
