//! How long the loss of each gateway in turn takes to look at: PLANNING.md's workload W6, figure P13.
//!
//! `cargo run --release -p nanami-plan --example sweep -- [CLIENTS] [ROUTES] [GATEWAYS]`, 10,000, 200 and 20 unless said; each route
//! is behind a window of five gateways, balanced, with one standby for each client. Prints one JSON object.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    clippy::unwrap_used,
    reason = "it measures, and begins with what it made itself"
)]

use std::time::Instant;

use nanami_model::{
    Gateway, Group, Intent, Name, Network, Observed, Peer, Policy, PrivateKey, Region, ReturnPath, Route, RouteMode,
    Service, Timestamp, User,
};
use nanami_plan::{Selection, compile, select};

fn main() {
    let mut sizes = std::env::args().skip(1).map(|text| text.parse().unwrap());
    let mut size = |usual: usize| sizes.next().unwrap_or(usual);
    let (clients, routes, gateways) = (size(10_000), size(200), size(20));
    let intent = workspace(clients, routes, gateways);
    let now = Timestamp::from_millis(0);
    let (select_ms, chosen) = timed(|| select(&intent, Observed::none(), &Selection::default(), now));
    let (again_ms, again) = timed(|| select(&intent, Observed::none(), &chosen, now));
    assert_eq!(again, chosen, "the same again moves nobody");
    let (compile_ms, desired) = timed(|| compile(&intent, &chosen));
    let view = desired.beside(Observed::none(), now);
    let (sweep_ms, sweep) = (0..5).map(|_| timed(|| view.sweep())).min_by(|a, b| a.0.total_cmp(&b.0)).unwrap();
    let assignments: usize = sweep.tolls()[0].unaffected + sweep.tolls()[0].fails_over;
    println!(
        "{{\"workload\":\"w6\",\"clients\":{clients},\"routes\":{routes},\"gateways\":{gateways},\"assignments\":{assignments},\
         \"select_ms\":{select_ms:.1},\"select_again_ms\":{again_ms:.1},\"compile_ms\":{compile_ms:.1},\"p13_ms\":{sweep_ms:.2}}}"
    );
}

fn timed<T>(with: impl FnOnce() -> T) -> (f64, T) {
    let begun = Instant::now();
    let done = with();
    (begun.elapsed().as_secs_f64() * 1000.0, done)
}

fn workspace(clients: usize, routes: usize, gateways: usize) -> Intent {
    let named = |kind: &str, n: usize| -> Name { format!("{kind}{n}").parse().unwrap() };
    let key = |n: usize| {
        let mut bytes = [7; 32];
        bytes[1..9].copy_from_slice(&(n as u64).to_le_bytes());
        PrivateKey::from_bytes(bytes).public()
    };
    let empty = Intent::new("w6".parse().unwrap(), User::new("owner".parse().unwrap()));
    let mut draft = empty.draft();
    let group = draft.add(Group::new("all".parse().unwrap()));
    let network = draft.add(Network::new("net".parse().unwrap(), group, ["100.64.0.0/10".parse().unwrap()]));
    let regions: Vec<_> = (0..4).map(|n| draft.add(Region::new(named("region", n)))).collect();
    let gateways: Vec<_> = (0..gateways)
        .map(|n| {
            let peer = draft.add(Peer::new(named("gate", n)).with_networks([network]).with_key(key(n)));
            draft.add(Gateway::new(named("gate", n), peer, regions[n % 4]))
        })
        .collect();
    for n in 0..clients {
        draft.add(Peer::new(named("peer", n)).with_groups([group]).with_networks([network]).with_key(key(1000 + n)));
    }
    for n in 0..routes {
        let window = (0..5.min(gateways.len())).map(|at| gateways[(n + at) % gateways.len()]);
        let prefix = format!("10.{n}.0.0/16").parse().unwrap();
        let route = Route::new(named("route", n), network, prefix, window.collect::<Vec<_>>());
        let route = route.with_redundancy(2).with_mode(RouteMode::Balanced).with_return_path(ReturnPath::Declared);
        let route = draft.add(route);
        draft.add(Policy::allow(named("use", n), group, route, Service::ANY));
    }
    empty.apply(empty.owner(), &draft.into_changes()).unwrap()
}
