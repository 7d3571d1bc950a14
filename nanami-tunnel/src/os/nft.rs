//! The text of our one nft table, and what is read of one that is there.
//!
//! **Invariant**: the text says nothing of other tables, and replaces ours in one transaction of the kernel.

use std::fmt::Write as _;

use nanami_model::Cidr;

use super::sysctl::{Before, read_before, write_before};
use super::{GROUP, HostOptions, MARK};

/// What the table is there for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Ruleset {
    /// Whether this host forwards for others.
    pub(super) forwards: bool,
    /// Whether this host forwarded nothing before: then it goes on forwarding nothing between its other interfaces.
    pub(super) closes_others: bool,
    /// Destinations that see this host's own address.
    pub(super) masqueraded: Vec<Cidr>,
    /// Whether answers to the tunnel's datagrams need its mark.
    pub(super) marks_answers: bool,
    /// Settings that are changed, as they were.
    pub(super) before: Before,
}

/// A table of ours that is there, in nft's own words.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostTable {
    pub(super) name: String,
    /// Without the table around it.
    pub(super) body: String,
    pub(super) comment: String,
}

impl Ruleset {
    pub(super) fn is_empty(&self) -> bool {
        !self.forwards && !self.marks_answers && self.before.is_empty()
    }

    pub(super) fn table(&self, options: &HostOptions) -> HostTable {
        let chains = self.chains(&options.name);
        // Whoever finds the table compares it by this word: nft prints rules in other words than it reads.
        let digest = blake3::hash(chains.as_bytes()).to_hex();
        let comment = format!("nanami {}{}", &digest[..16], write_before(&self.before));
        HostTable { name: table_name(&options.name), body: format!("\tcomment \"{comment}\"\n{chains}"), comment }
    }

    fn chains(&self, interface: &str) -> String {
        let mut text = String::new();
        let mut chain = |name: &str, hook: &str, rules: &[String]| {
            if !rules.is_empty() {
                let _ = write!(text, "\tchain {name} {{\n\t\ttype {hook}; policy accept;\n");
                rules.iter().for_each(|rule| text += &format!("\t\t{rule}\n"));
                text += "\t}\n";
            }
        };
        chain("forward", "filter hook forward priority mangle", &self.forward(interface));
        chain("translate", "nat hook postrouting priority srcnat", &self.translate(interface));
        if self.marks_answers {
            let is_ours = format!("meta mark {MARK:#x} meta l4proto udp ct mark set meta mark");
            chain("leave", "filter hook postrouting priority mangle", &[is_ours]);
            let answers = format!("meta l4proto udp ct mark {MARK:#x} meta mark set ct mark");
            chain("arrive", "filter hook prerouting priority mangle", &[answers]);
        }
        text
    }

    fn forward(&self, interface: &str) -> Vec<String> {
        let mut rules = Vec::new();
        if self.forwards {
            // Whoever begins a connection hears of the shorter way here, where neither end sees it (PLANNING.md, case 14).
            for direction in ["iifname", "oifname"] {
                rules.push(format!(
                    "{direction} \"{interface}\" tcp flags & (syn | rst) == syn tcp option maxseg size set rt mtu"
                ));
            }
            if self.closes_others {
                rules.push(format!("iifgroup != {GROUP} oifgroup != {GROUP} drop"));
            }
        }
        rules
    }

    fn translate(&self, interface: &str) -> Vec<String> {
        let from = format!("iifname \"{interface}\" oifname != \"{interface}\"");
        let rule = |(is_ipv4, family, protocol)| {
            let ranges = apart(self.masqueraded.iter().filter(|range| range.is_ipv4() == is_ipv4));
            match ranges.as_slice() {
                [] => None,
                [all] if all.length() == 0 => Some(format!("{from} meta nfproto {protocol} masquerade")),
                [range] => Some(format!("{from} {family} daddr {range} masquerade")),
                _ => {
                    let list: Vec<_> = ranges.iter().map(ToString::to_string).collect();
                    Some(format!("{from} {family} daddr {{ {} }} masquerade", list.join(", ")))
                }
            }
        };
        [(true, "ip", "ipv4"), (false, "ip6", "ipv6")].into_iter().filter_map(rule).collect()
    }
}

/// The ranges without those inside others: nft takes no set whose elements overlap.
fn apart<'a>(ranges: impl Iterator<Item = &'a Cidr>) -> Vec<&'a Cidr> {
    let mut ranges: Vec<_> = ranges.collect();
    // What covers others stands before them.
    ranges.sort_unstable_by_key(|range| (range.address(), range.length()));
    let mut apart: Vec<&Cidr> = Vec::with_capacity(ranges.len());
    for range in ranges {
        if apart.last().is_none_or(|last| !last.covers(range)) {
            apart.push(range);
        }
    }
    apart
}

impl HostTable {
    /// What `nft list table` printed; `None` if that is no table.
    pub(super) fn read(name: &str, listing: &str) -> Option<Self> {
        let (_, rest) = listing.split_once("{\n")?;
        let (body, _) = rest.rsplit_once('}')?;
        let comment = body.lines().find_map(|line| line.trim().strip_prefix("comment \"")?.strip_suffix('"'));
        Some(Self { name: name.to_owned(), body: body.to_owned(), comment: comment.unwrap_or_default().to_owned() })
    }

    pub(super) fn before(&self) -> Before {
        read_before(&self.comment)
    }
}

/// A transaction after which `name` is this table, or is gone. Whether it is there before makes no difference.
pub(super) fn script(name: &str, table: Option<&HostTable>) -> String {
    // Adding what is there already changes nothing, and one cannot delete what is not there.
    let mut text = format!("add table inet {name}\ndelete table inet {name}\n");
    if let Some(table) = table {
        let _ = write!(text, "table inet {name} {{\n{}}}\n", table.body);
    }
    text
}

pub(super) fn table_name(interface: &str) -> String {
    format!("{PREFIX}{interface}")
}

/// How the names of our tables begin.
pub(super) const PREFIX: &str = "nanami-";

#[cfg(test)]
mod tests;
