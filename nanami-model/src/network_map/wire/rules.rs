//! Rules, those that say the same of several sources together: services, policy and destination once, then the sources.
//!
//! A source that is all the hosts of a neighbor in the same map is said as that neighbor's place in the order.

use std::collections::BTreeMap;

use super::bytes::{Input, Output};
use super::neighbors::{Row, hosts};
use super::prefixes;
use crate::cidr::Cidr;
use crate::id::PolicyId;
use crate::network_map::{AcceptRule, ForwardRule, Neighbor};
use crate::service::Services;
use crate::tlv::{self, MessageError, malformed};

/// What both kinds of rules have: sources, and what is said of them.
pub(super) trait Rule: Sized {
    /// Whether a rule names destinations.
    const HAS_DESTINATION: bool;

    fn parts(&self) -> (Cidr, Said<'_>);
    fn from_parts(from: Cidr, to: Option<Cidr>, services: &Services, policy: Option<PolicyId>) -> Self;
}

/// What is said of a source.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Said<'a> {
    to: Option<Cidr>,
    policy: Option<PolicyId>,
    services: &'a Services,
}

impl Rule for AcceptRule {
    const HAS_DESTINATION: bool = false;

    fn parts(&self) -> (Cidr, Said<'_>) {
        (self.from, Said { to: None, policy: self.policy, services: &self.services })
    }

    fn from_parts(from: Cidr, _: Option<Cidr>, services: &Services, policy: Option<PolicyId>) -> Self {
        Self { from, services: services.clone(), policy }
    }
}

impl Rule for ForwardRule {
    const HAS_DESTINATION: bool = true;

    fn parts(&self) -> (Cidr, Said<'_>) {
        (self.from, Said { to: Some(self.to), policy: self.policy, services: &self.services })
    }

    fn from_parts(from: Cidr, to: Option<Cidr>, services: &Services, policy: Option<PolicyId>) -> Self {
        let to = to.expect("a rule that has destinations was read with one");
        Self { from, to, services: services.clone(), policy }
    }
}

pub(super) fn write<R: Rule>(out: &mut Output, rules: &[R], rows: &[Row<'_>]) {
    let mut groups: BTreeMap<Said<'_>, Vec<Cidr>> = BTreeMap::new();
    for (from, said) in rules.iter().map(Rule::parts) {
        groups.entry(said).or_default().push(from);
    }
    let owners = owners(rows);
    out.count(groups.len());
    for (said, sources) in groups {
        write_said(out, &said);
        let whole = whole_neighbors(&sources, &owners, rows);
        let rest: Vec<Cidr> = sources
            .into_iter()
            .filter(|source| owner(&owners, source).is_none_or(|at| whole.binary_search(&(at as u128)).is_err()))
            .collect();
        out.numbers(&whole);
        prefixes::write(out, &rest);
    }
}

fn write_said(out: &mut Output, said: &Said<'_>) {
    out.count(said.services.iter().count());
    for service in said.services.iter() {
        let text = service.to_string();
        out.count(text.len());
        out.bytes(text.as_bytes());
    }
    out.byte(said.policy.is_some().into());
    said.policy.iter().for_each(|policy| out.bytes(&policy.to_bytes()));
    said.to.iter().for_each(|to| prefixes::write_one(out, to));
}

/// Each host with the place of the neighbor that owns it, sorted by host.
fn owners(rows: &[Row<'_>]) -> Vec<(Cidr, usize)> {
    let mut owners: Vec<_> = rows.iter().enumerate().flat_map(|(at, row)| row.hosts().map(move |h| (*h, at))).collect();
    owners.sort_unstable();
    owners.dedup_by_key(|(host, _)| *host);
    owners
}

fn owner(owners: &[(Cidr, usize)], source: &Cidr) -> Option<usize> {
    owners.binary_search_by_key(source, |(host, _)| *host).ok().map(|at| owners[at].1)
}

/// The places of the neighbors all of whose hosts are sources, in order.
fn whole_neighbors(sources: &[Cidr], owners: &[(Cidr, usize)], rows: &[Row<'_>]) -> Vec<u128> {
    let mut named: Vec<usize> = sources.iter().filter_map(|source| owner(owners, source)).collect();
    named.sort_unstable();
    let whole = named.chunk_by(|a, b| a == b).filter(|hosts| rows[hosts[0]].hosts().count() == hosts.len());
    whole.map(|hosts| hosts[0] as u128).collect()
}

pub(super) fn read<R: Rule>(
    mut input: Input<'_>,
    neighbors: &[Neighbor],
    left: &mut usize,
) -> Result<Vec<R>, MessageError> {
    let mut rules = Vec::new();
    if input.is_empty() {
        return Ok(rules);
    }
    // A group takes at least five bytes: a service, no policy, no neighbor, no prefix.
    for _ in 0..input.count(5)? {
        let services = read_services(&mut input)?;
        let policy = match input.byte()? {
            0 => None,
            1 => Some(PolicyId::from_bytes(input.array()?)),
            _ => return Err(malformed("policy")),
        };
        let to = if R::HAS_DESTINATION { Some(prefixes::read_one(&mut input)?) } else { None };
        for at in input.numbers(left)? {
            let neighbor = usize::try_from(at).ok().and_then(|at| neighbors.get(at)).ok_or(NO_NEIGHBOR)?;
            for host in hosts(neighbor) {
                *left = left.checked_sub(1).ok_or(malformed("too many entries"))?;
                rules.push(R::from_parts(*host, to, &services, policy));
            }
        }
        let rest = prefixes::read_inline(&mut input, left)?;
        rules.extend(rest.into_iter().map(|from| R::from_parts(from, to, &services, policy)));
    }
    input.end()?;
    Ok(rules)
}

fn read_services(input: &mut Input<'_>) -> Result<Services, MessageError> {
    let mut services = Vec::new();
    for _ in 0..input.count(2)? {
        let length = input.count(1)?;
        services.push(tlv::parse(input.bytes(length)?, "service")?);
    }
    Services::new(services).map_err(|_| malformed("a rule without services"))
}

const NO_NEIGHBOR: MessageError = MessageError::Malformed { what: "a source that is no neighbor" };
