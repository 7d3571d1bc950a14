//! The targets, one file each. A target's file says where its bytes come from and what must hold for all of them.

mod allowed_ips;
mod change_set;
mod channel;
mod cidr;
mod datagram;
mod document;
mod document_json;
mod endpoint;
mod engine;
mod id;
mod join_string;
mod key;
mod log;
mod map_delta;
mod message;
mod name;
mod network_map;
mod packet;
mod plan;
mod report;
mod secret;
mod service;
mod text;
mod tunnel;
mod uapi;
mod wg_quick;
mod wg_quick_folder;

pub use channel::streams;

/// What a target made of an input. A corpus whose inputs are all refused tests little; the replay looks at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It went all the way in.
    Taken,
    /// It was refused on the way.
    Refused,
}

/// A boundary where untrusted bytes become types.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name, and its folder below `corpus`.
    pub name: &'static str,
    /// Panics when something does not hold for these bytes.
    pub run: fn(&[u8]) -> Outcome,
    /// How many mutations a replay tries: fewer where an input is dear.
    pub rounds: u32,
}

/// Every target.
pub const TARGETS: &[Target] = &[
    Target { name: "allowed_ips", run: allowed_ips::target, rounds: 100_000 },
    Target { name: "change_set", run: change_set::target, rounds: 20_000 },
    Target { name: "channel", run: channel::target, rounds: 4000 },
    Target { name: "cidr", run: cidr::target, rounds: 100_000 },
    Target { name: "datagram", run: datagram::target, rounds: 4000 },
    Target { name: "document", run: document::target, rounds: 2000 },
    Target { name: "document_json", run: document_json::target, rounds: 2000 },
    Target { name: "endpoint", run: endpoint::target, rounds: 100_000 },
    Target { name: "engine", run: engine::target, rounds: 1000 },
    Target { name: "id", run: id::target, rounds: 100_000 },
    Target { name: "join_string", run: join_string::target, rounds: 50_000 },
    Target { name: "key", run: key::target, rounds: 50_000 },
    Target { name: "log", run: log::target, rounds: 2000 },
    Target { name: "map_delta", run: map_delta::target, rounds: 50_000 },
    Target { name: "message", run: message::target, rounds: 100_000 },
    Target { name: "name", run: name::target, rounds: 100_000 },
    Target { name: "network_map", run: network_map::target, rounds: 100_000 },
    Target { name: "packet", run: packet::target, rounds: 4000 },
    Target { name: "plan", run: plan::target, rounds: 2000 },
    Target { name: "report", run: report::target, rounds: 100_000 },
    Target { name: "secret", run: secret::target, rounds: 50_000 },
    Target { name: "service", run: service::target, rounds: 100_000 },
    Target { name: "uapi", run: uapi::target, rounds: 20_000 },
    Target { name: "wg_quick", run: wg_quick::target, rounds: 4000 },
    Target { name: "wg_quick_folder", run: wg_quick_folder::target, rounds: 200 },
];
