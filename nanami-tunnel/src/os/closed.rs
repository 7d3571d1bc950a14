//! Chains of others that drop what this host forwards, as far as nft prints them.
//!
//! **Invariant**: nothing is changed here. A packet has to pass every chain at a hook, so that no rule of ours lets through what a
//! chain of somebody else's drops; whoever keeps that chain is told what to add.

use std::collections::BTreeSet;
use std::fmt;

use super::nft::PREFIX;

/// A chain of somebody else's that drops forwarded packets which no rule of its table accepts, those of our interface among them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Closed {
    family: String,
    table: String,
    chain: String,
    /// What drops.
    how: &'static str,
    /// The chain that rules of others are meant to stand in.
    place: String,
    interface: String,
    /// The program that alone may change the table; empty for any.
    owner: String,
    /// In which directions nothing accepts.
    missing: Vec<&'static str>,
}

impl Closed {
    /// Family and name of the tables with a chain that all forwarded packets pass, in what `nft list chains` prints.
    pub(super) fn tables(listing: &str) -> BTreeSet<(String, String)> {
        let mut tables = BTreeSet::new();
        let mut table = None;
        for line in listing.lines() {
            table = heading(line).or(table);
            if let Some((family, name)) = table.filter(|_| is_at_hook(line))
                && FAMILIES.contains(&family)
                && !name.starts_with(PREFIX)
            {
                tables.insert((family.to_owned(), name.to_owned()));
            }
        }
        tables
    }

    /// The chains of a table, as nft prints it, that drop what this interface forwards. A rule of the table that names the interface
    /// and accepts is taken for somebody having seen to it.
    pub(super) fn read(listing: &str, interface: &str) -> Vec<Self> {
        let Some((family, table)) = listing.lines().find_map(heading) else { return Vec::new() };
        let (chains, owner) = (chains(listing), listing.lines().find_map(owner).unwrap_or_default());
        let missing = missing(&chains, interface);
        if missing.is_empty() {
            return Vec::new();
        }
        let place = chains.iter().find(|(name, _)| *name == FOR_OTHERS).map(|(name, _)| *name);
        let closed = |(chain, lines): &(&str, Vec<String>)| {
            Some(Self {
                family: family.to_owned(),
                table: table.to_owned(),
                chain: (*chain).to_owned(),
                how: drops(lines)?,
                place: place.unwrap_or(chain).to_owned(),
                interface: interface.to_owned(),
                owner: owner.to_owned(),
                missing: missing.clone(),
            })
        };
        chains.iter().filter_map(closed).collect()
    }

    /// Whether it sees packets of this family.
    pub(super) fn concerns(&self, is_ipv4: bool) -> bool {
        self.family == "inet" || self.family == if is_ipv4 { "ip" } else { "ip6" }
    }
}

/// One line: what drops, and what to do about it.
impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { family, table, chain, how, place, interface, owner, missing } = self;
        write!(
            f,
            "chain {chain} of table {family} {table}, which is somebody else's, drops what {interface} forwards ({how}): let it \
             through with "
        )?;
        if !owner.is_empty() {
            return write!(f, "{owner}, which alone may change that table");
        }
        for (n, direction) in missing.iter().enumerate() {
            let and = if n > 0 { " and " } else { "" };
            write!(f, "{and}`nft insert rule {family} {table} {place} {direction} {interface} accept`")?;
        }
        Ok(())
    }
}

/// `table inet filter {`, behind which a remark may stand.
fn heading(line: &str) -> Option<(&str, &str)> {
    let (table, remark) = line.strip_prefix("table ")?.split_once(" {")?;
    if remark.is_empty() || remark.starts_with(" #") { table.split_once(' ') } else { None }
}

/// `table inet firewalld { # progname firewalld`: a table with an owner.
fn owner(line: &str) -> Option<&str> {
    heading(line)?;
    line.split_once(" { # progname ").map(|(_, owner)| owner)
}

fn is_at_hook(line: &str) -> bool {
    line.trim_start().starts_with("type filter hook forward ")
}

/// The chains of a table with their lines, bare.
fn chains(listing: &str) -> Vec<(&str, Vec<String>)> {
    let mut chains: Vec<(&str, Vec<String>)> = Vec::new();
    let mut is_inside = false;
    for line in listing.lines().map(str::trim) {
        match line.strip_prefix("chain ").and_then(|rest| rest.strip_suffix(" {")) {
            Some(name) => {
                chains.push((name, Vec::new()));
                is_inside = true;
            }
            None if line == "}" => is_inside = false,
            None if is_inside => chains.last_mut().into_iter().for_each(|(_, lines)| lines.push(bare(line))),
            None => {}
        }
    }
    chains
}

/// A rule without its comment, and without what it counted.
fn bare(line: &str) -> String {
    let commented = line.strip_suffix('"').and_then(|line| line.rsplit_once(" comment \""));
    let rule = commented.map_or(line, |(rule, _)| rule);
    match rule.split_once("counter packets ") {
        // `7 bytes 420 drop`.
        Some((before, counted)) => format!("{before}{}", counted.splitn(4, ' ').nth(3).unwrap_or_default()),
        None => rule.to_owned(),
    }
}

/// How a chain at the hook drops what none of its rules accepts; `None` if it does not, or is somewhere else.
fn drops(lines: &[String]) -> Option<&'static str> {
    let hook = lines.iter().find(|line| is_at_hook(line))?;
    if hook.contains("policy drop") {
        return Some("policy drop");
    }
    let last = lines.last()?;
    (last == "drop" || last == "reject" || last.starts_with("reject with ")).then_some("by its last rule")
}

/// In which directions no rule accepts what the interface forwards. A rule for whatever belongs to a connection that was let through
/// counts for answers; what is accepted at another hook counts for nothing.
fn missing(chains: &[(&str, Vec<String>)], interface: &str) -> Vec<&'static str> {
    let is_elsewhere = |line: &String| line.starts_with("type ") && !is_at_hook(line);
    let chains = chains.iter().filter(|(_, lines)| !lines.iter().any(is_elsewhere));
    let accepted: Vec<_> = chains.flat_map(|(_, lines)| lines).filter_map(|line| line.strip_suffix("accept")).collect();
    let names = |direction: &str| {
        let [long, short] = ["name", ""].map(|name| format!("{direction}{name} \"{interface}\""));
        accepted.iter().any(|rule| rule.contains(&long) || rule.contains(&short))
    };
    let mut missing = Vec::new();
    missing.extend((!names("iif")).then_some("iifname"));
    missing.extend((!names("oif") && !accepted.iter().any(|rule| is_for_answers(rule))).then_some("oifname"));
    missing
}

/// `ct state established,related`, and no other condition.
fn is_for_answers(rule: &str) -> bool {
    let Some(states) = rule.strip_prefix("ct state ") else { return false };
    let states: Vec<_> = states.split([',', ' ']).filter(|word| !["", "{", "}"].contains(word)).collect();
    states.contains(&"established") && states.iter().all(|word| STATES.contains(word))
}

/// Of connections, as nft prints them.
const STATES: [&str; 5] = ["invalid", "established", "related", "new", "untracked"];

/// Families whose chains at the hook see what this host routes.
const FAMILIES: [&str; 3] = ["ip", "ip6", "inet"];

/// Where Docker leaves the rules of others alone; its other chains it makes anew.
const FOR_OTHERS: &str = "DOCKER-USER";

#[cfg(test)]
mod tests;
