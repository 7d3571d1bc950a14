//! Entries of policies and assertions.

use super::sections::{Entry, Made, Reader, flag, number, value, values};
use super::tree::Node;
use crate::entity::{Assertion, Condition, Os, Policy, Selector, Verdict};
use crate::id::{AssertionId, PolicyId};
use crate::name::Name;
use crate::service::{Service, Services};

impl<'t> Reader<'t> {
    pub(super) fn policy(&mut self, Entry { name, node }: Entry<'t>) -> Made {
        let sides = self.sides(node);
        let via = self.refs(node, "via");
        self.renamed::<PolicyId>(node);
        let (Some((from, to)), Some((verdict, services))) = (sides, statement(node)) else { return [None, None] };
        let mut policy = match verdict {
            Verdict::Allow => Policy::allow(name, from, to, services),
            Verdict::Deny => Policy::deny(name, from, to, services),
        };
        policy = policy.with_via(via).with_conditions(node.get("when").map_or_else(Vec::new, conditions));
        if flag(node, "both_ways") {
            policy = policy.both_ways();
        }
        if let Some(reason) = node.get("reason").and_then(Node::text) {
            policy = policy.with_reason(reason);
        }
        [self.object(node, policy), None]
    }

    fn sides(&mut self, node: Node<'t>) -> Option<(Selector, Selector)> {
        let from = node.get("from").and_then(|side| self.names.side(&mut self.walker, side));
        let to = node.get("to").and_then(|side| self.names.side(&mut self.walker, side));
        Some((from?, to?))
    }

    pub(super) fn assertion(&mut self, Entry { name, node }: Entry<'t>) -> Made {
        self.renamed::<AssertionId>(node);
        let assertion = self.claim(node, name);
        [assertion.and_then(|assertion| self.object(node, assertion)), None]
    }

    fn claim(&mut self, node: Node<'t>, name: Name) -> Option<Assertion> {
        let claim = node.children().find(|claim| claim.key() != "renamed_from")?;
        match claim.key() {
            "survives_loss_of" => {
                let route = self.reference(claim, "route");
                // A number that is none was told before.
                Some(Assertion::survives_loss_of(name, route?, number(claim, "gateways").filter(|n: &u8| *n > 0)?))
            }
            "only_via_gateway" => {
                let (from, to) = self.sides(claim)?;
                Some(Assertion::only_via_gateway(name, from, to))
            }
            "must_reach" => {
                let (from, to) = self.sides(claim)?;
                Some(Assertion::must_reach(name, from, to, value(claim, "service")?))
            }
            "must_not_reach" => {
                let (from, to) = self.sides(claim)?;
                Some(Assertion::must_not_reach(name, from, to, value(claim, "service")?))
            }
            "removes_at_most" => Some(Assertion::removes_at_most(name, number(claim, "reachabilities")?)),
            "never_touches" => {
                let what = self.names.side(&mut self.walker, claim.get("what")?)?;
                Some(Assertion::never_touches(name, what))
            }
            _ => None,
        }
    }
}

fn statement(policy: Node<'_>) -> Option<(Verdict, Services)> {
    let verdict = if policy.get("allow").is_some() { Verdict::Allow } else { Verdict::Deny };
    Some((verdict, Services::new(values::<Service>(policy, verdict.as_str())).ok()?))
}

fn conditions(when: Node<'_>) -> Vec<Condition> {
    let os = when.get("os").map(|_| Condition::os(values::<Os>(when, "os")));
    let os_version = value(when, "min_os_version").map(Condition::MinOsVersion);
    let agent_version = value(when, "min_agent_version").map(Condition::MinAgentVersion);
    os.into_iter().chain(os_version).chain(agent_version).collect()
}
