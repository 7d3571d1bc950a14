//! The steps from what is found to what should be.
//!
//! **Invariants**: the steps of a plan concern nothing but what is ours; a host that is as it should be needs none. What
//! carries comes before what leads there, and goes after it; a setting is changed only while our table says what it was.

use std::collections::BTreeSet;
use std::fmt;

use super::nft::table_name;
use super::rule::{HostRoute, HostRule};
use super::step::{Change, HostStep, Presence};
use super::{GROUP, HostDesired, HostObserved, HostOptions};

/// The steps from what is found to what should be, in order. Its text is commands that would do the same.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostPlan {
    steps: Vec<HostStep>,
    notes: Vec<String>,
}

impl HostPlan {
    /// The steps from `found` to `desired`.
    pub fn between(found: &HostObserved, desired: &HostDesired, options: &HostOptions) -> Self {
        let mut changes = Vec::new();
        let (no_addresses, ours) = (BTreeSet::new(), found.interface.as_ref());
        let addresses = ours.map_or(&no_addresses, |found| &found.addresses);
        changes.extend(link(found, desired));
        changes.extend(desired.addresses.difference(addresses).map(|at| Change::Address(Presence::Added, *at)));
        changes
            .extend(desired.mtu.filter(|_| ours.is_none_or(|found| !found.is_up)).map(|_| Change::Up(Presence::Added)));
        changes.extend(desired.routes.difference(&found.routes).map(|route| Change::Route(Presence::Added, *route)));
        changes.extend(settings_back(found, desired));
        changes.extend(table(found, desired, options));
        changes.extend(settings(found, desired));
        changes.extend(rule_changes(found, desired));
        changes.extend(gone_routes(found, desired));
        // Of an interface that goes, addresses go with it.
        let stays = desired.mtu.is_some();
        let gone = addresses.difference(&desired.addresses).filter(|_| stays);
        changes.extend(gone.map(|at| Change::Address(Presence::Removed, *at)));
        let (interface, table) = (options.name.clone(), options.table);
        let steps = changes.into_iter().map(|change| HostStep { change, interface: interface.clone(), table });
        let makes = (ours.is_none() && desired.mtu.is_some())
            .then(|| format!("{} is an interface of the program", options.name));
        Self { steps: steps.collect(), notes: makes.into_iter().chain(desired.notes.clone()).collect() }
    }

    /// Whether the host is as it should be.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// The steps, in order.
    pub fn steps(&self) -> &[HostStep] {
        &self.steps
    }

    /// What is not said by the steps: what of the map is not there, and why.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }
}

fn link(found: &HostObserved, desired: &HostDesired) -> Vec<Change> {
    let Some(after) = desired.mtu else { return Vec::new() };
    let before = found.interface.clone().unwrap_or_default();
    let mtu = (before.mtu != after).then_some(Change::Mtu { before: before.mtu, after });
    let group = (before.group != GROUP).then_some(Change::Group { before: before.group, after: GROUP });
    mtu.into_iter().chain(group).collect()
}

/// Settings that need not be changed any more, unless another interface of ours still needs them.
fn settings_back(found: &HostObserved, desired: &HostDesired) -> Vec<Change> {
    let written = found.written();
    let mut back = Vec::new();
    for (sysctl, after) in written {
        let is_needed = desired.before.contains_key(&sysctl) || found.siblings.contains_key(&sysctl);
        if let Some(before) = found.sysctls.get(&sysctl).filter(|now| **now != after && !is_needed) {
            back.push(Change::Sysctl { sysctl, before: *before, after });
        }
    }
    back
}

fn table(found: &HostObserved, desired: &HostDesired, options: &HostOptions) -> Option<Change> {
    let comment = |table: &Option<super::HostTable>| table.as_ref().map(|table| table.comment.clone());
    // nft prints rules in other words than it reads. So what stands there is what should if it says so in its comment, and is word by
    // word what was there when we had just made it.
    let is_untouched = found.table.is_none() || found.table == found.made;
    let is_the_same = comment(&found.table) == comment(&desired.table) && is_untouched;
    let (before, after) = (found.table.clone(), desired.table.clone());
    (!is_the_same).then(|| Change::Table { name: table_name(&options.name), before, after })
}

fn settings(found: &HostObserved, desired: &HostDesired) -> Vec<Change> {
    let change = |(sysctl, after): (&super::Sysctl, &u8)| {
        let before = *found.sysctls.get(sysctl)?;
        (before != *after).then_some(Change::Sysctl { sysctl: *sysctl, before, after: *after })
    };
    desired.sysctls.iter().filter_map(change).collect()
}

fn rule_changes(found: &HostObserved, desired: &HostDesired) -> Vec<Change> {
    let added = |rule: &HostRule| Change::Rule(Presence::Added, rule.clone());
    let removed = |rule: &HostRule| Change::Rule(Presence::Removed, rule.clone());
    // The rule that leads into the table comes last and goes first, so that what goes past the tunnel never enters it.
    let mut come: Vec<_> = desired.rules.difference(&found.rules).collect();
    come.sort_by_key(|rule| rule.is_inverted);
    let mut go: Vec<_> = found.rules.difference(&desired.rules).collect();
    go.sort_by_key(|rule| !rule.is_inverted);
    come.into_iter().map(added).chain(go.into_iter().map(removed)).collect()
}

/// Another route to the same destinations has taken the place of one already.
fn gone_routes(found: &HostObserved, desired: &HostDesired) -> Vec<Change> {
    let stays = |route: &HostRoute| desired.routes.contains(route);
    let gone = found.routes.iter().filter(|route| !stays(route));
    gone.map(|route| Change::Route(Presence::Removed, *route)).collect()
}

impl fmt::Display for HostPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.notes.iter().try_for_each(|note| writeln!(f, "# {note}"))?;
        if self.is_empty() {
            return writeln!(f, "# nothing to do");
        }
        self.steps.iter().try_for_each(|step| writeln!(f, "{step}"))
    }
}

#[cfg(test)]
mod tests;
