//! What a request changed, worked out by comparing each peer that it touched before and after.
//!
//! **Invariant**: each list is in the order of keys, without duplicates, and names only what is not as it was before.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use nanami_model::{Cidr, PublicKey};

use super::config::{Config, PeerConfig};

/// What came, went and changed when [`Changes`](super::Changes) were applied.
///
/// A peer that was removed and added again by the same request, as `wg setconf` does with all of them, is in `went` and in
/// `came`: it starts anew, without keypairs and counters, as it does in the kernel. It is in none of the other lists.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Applied {
    /// Whether the private key is another one.
    pub private_key: bool,
    /// Whether the port to listen on is another one.
    pub listen_port: bool,
    /// Whether the mark is another one.
    pub fwmark: bool,
    /// Peers that were there and are not any more, or start anew.
    pub went: Vec<PublicKey>,
    /// Peers that are new, or start anew.
    pub came: Vec<PublicKey>,
    /// Peers that stay and have other allowed IPs, by gaining, losing or having them moved away.
    pub allowed_ips: Vec<PublicKey>,
    /// Peers that stay and have another keepalive.
    pub keepalive: Vec<PublicKey>,
    /// Peers that stay and have another preshared key, or none any more.
    pub preshared_key: Vec<PublicKey>,
    /// Where peers are reached from now on, new ones too: every endpoint that the request named, the last one for each peer.
    pub endpoints: Vec<(PublicKey, SocketAddr)>,
}

impl Applied {
    /// Whether the map of [`Config::to_map`] is another one, or has to be built up again.
    pub fn changes_map(&self) -> bool {
        ![&self.went, &self.came, &self.allowed_ips, &self.keepalive].iter().all(|keys| keys.is_empty())
    }
}

/// Peers as they were before a request touched them.
#[derive(Default)]
pub(super) struct Touched(BTreeMap<PublicKey, Touch>);

struct Touch {
    /// `None` if it was not there.
    before: Option<(PeerConfig, Vec<Cidr>)>,
    /// Whether it was removed in between.
    removed: bool,
    endpoint: Option<SocketAddr>,
}

impl Touched {
    /// Remembers a peer as it is, unless it is remembered already. Comes before whatever is done to it.
    fn touch(&mut self, config: &Config, key: PublicKey) -> &mut Touch {
        self.0.entry(key).or_insert_with(|| Touch {
            before: config.peer(&key).map(|peer| (peer.clone(), config.allowed_ips(&key).collect())),
            removed: false,
            endpoint: None,
        })
    }

    pub(super) fn changes(&mut self, config: &Config, key: PublicKey) {
        self.touch(config, key);
    }

    pub(super) fn removes(&mut self, config: &Config, key: PublicKey) {
        let touch = self.touch(config, key);
        (touch.removed, touch.endpoint) = (true, None);
    }

    pub(super) fn moves(&mut self, config: &Config, key: PublicKey, to: SocketAddr) {
        self.touch(config, key).endpoint = Some(to);
    }

    /// Compares what was with what is.
    pub(super) fn compare(self, after: &Config, applied: &mut Applied) {
        for (key, touch) in self.0 {
            let now = after.peer(&key);
            if now.is_some() {
                applied.endpoints.extend(touch.endpoint.map(|endpoint| (key, endpoint)));
            }
            match (touch.before, now) {
                (Some((was, ranges)), Some(is)) if !touch.removed => {
                    let lists = [
                        (&mut applied.allowed_ips, !after.allowed_ips(&key).eq(ranges)),
                        (&mut applied.keepalive, was.keepalive != is.keepalive),
                        (&mut applied.preshared_key, was.preshared_key != is.preshared_key),
                    ];
                    lists.into_iter().filter(|(_, differs)| *differs).for_each(|(list, _)| list.push(key));
                }
                (was, is) => {
                    applied.went.extend(was.map(|_| key));
                    applied.came.extend(is.map(|_| key));
                }
            }
        }
    }
}
