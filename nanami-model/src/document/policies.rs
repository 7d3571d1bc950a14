//! Entries of policies and assertions.

use super::error::Problem;
use super::sections::{Entry, Reader};
use super::tree::Node;
use super::walk::{Fields, Part};
use crate::entity::{Assertion, Policy, Selector, Verdict};
use crate::near::nearest;
use crate::service::{Service, Services};

impl<'t> Reader<'t> {
    pub(super) fn policy(&mut self, Entry { name, node }: Entry<'t>) {
        let Some(mut fields) = self.walker.fields(node, "a policy") else { return };
        let sides = self.sides(&mut fields);
        let (allow, deny) = (fields.get("allow"), fields.get("deny"));
        let statement = self.statement(node, allow, deny);
        let via = fields.get("via");
        let via = self.filled_refs(via);
        let both_ways = fields.get("both_ways").and_then(|node| self.walker.flag(node)).unwrap_or(false);
        let reason = fields.get("reason").and_then(|node| self.walker.text(node));
        fields.finish(&mut self.walker, &["when", "expires", "log"]);
        let (Some((from, to)), Some((verdict, services))) = (sides, statement) else { return };
        let mut policy = match verdict {
            Verdict::Allow => Policy::allow(name, from, to, services),
            Verdict::Deny => Policy::deny(name, from, to, services),
        };
        policy = policy.with_via(via);
        if both_ways {
            policy = policy.both_ways();
        }
        if let Some(reason) = reason {
            policy = policy.with_reason(reason);
        }
        self.put(node, policy);
    }

    fn sides(&mut self, fields: &mut Fields<'t>) -> Option<(Selector, Selector)> {
        let from = fields.need(&mut self.walker, "from", "from = \"NAME\"");
        let from = from.and_then(|node| self.names.side(&mut self.walker, node));
        let to = fields.need(&mut self.walker, "to", "to = \"NAME\"");
        let to = to.and_then(|node| self.names.side(&mut self.walker, node));
        Some((from?, to?))
    }

    fn statement(
        &mut self,
        policy: Node<'t>,
        allow: Option<Node<'t>>,
        deny: Option<Node<'t>>,
    ) -> Option<(Verdict, Services)> {
        let (verdict, list) = match (allow, deny) {
            (Some(list), None) => (Verdict::Allow, list),
            (None, Some(list)) => (Verdict::Deny, list),
            (Some(list), Some(deny)) => {
                let (why, remedy) = ("a policy allows or denies, not both", "make two policies of it");
                self.walker.report(deny, Part::Key, Problem::Contradiction { why, remedy });
                self.walker.parse_list::<Service>(deny);
                (Verdict::Allow, list)
            }
            (None, None) => {
                let (parent, field, example) = ("a policy", "allow or deny", "allow = [\"tcp/443\"]");
                self.walker.report(policy, Part::Key, Problem::Missing { parent, field, example });
                return None;
            }
        };
        let services = self.walker.parse_list::<Service>(list);
        Some((verdict, Services::new(services).ok()?))
    }

    pub(super) fn assertion(&mut self, Entry { name, node }: Entry<'t>) {
        let Some(entry) = self.walker.fields(node, "an assertion") else { return };
        let claims: Vec<_> = entry.node().children().collect();
        let [claim] = claims.as_slice() else {
            let (why, remedy) = ("an assertion makes one claim", "make one assertion of each claim");
            let problem = match claims.is_empty() {
                true => Problem::Missing { parent: "an assertion", field: "a claim", example: CLAIM_EXAMPLE },
                false => Problem::Contradiction { why, remedy },
            };
            self.walker.report(node, Part::Key, problem);
            return;
        };
        if !CLAIMS.contains(&claim.key()) {
            let nearest = nearest(claim.key(), CLAIMS.into_iter());
            let field = claim.key().chars().take(80).collect();
            let problem = match nearest.is_empty() {
                true => Problem::Unsupported { what: field },
                false => Problem::UnknownField { parent: "an assertion", field, nearest },
            };
            self.walker.report(*claim, Part::Key, problem);
            return;
        }
        let Some(fields) = self.walker.fields(*claim, "the claim") else { return };
        let assertion = match claim.key() {
            "survives_loss_of" => self.survives(fields, name),
            "only_via_gateway" => self.only_via(fields, name),
            kind => self.reaches(fields, name, kind == "must_reach"),
        };
        if let Some(assertion) = assertion {
            self.put(node, assertion);
        }
    }

    fn survives(&mut self, mut fields: Fields<'t>, name: crate::name::Name) -> Option<Assertion> {
        let route = fields.need(&mut self.walker, "route", "route = \"ROUTE\"");
        let route = route.and_then(|node| self.names.resolve(&mut self.walker, node));
        let gateways = fields.need(&mut self.walker, "gateways", "gateways = 1");
        let gateways = gateways.and_then(|node| self.walker.count(node));
        fields.finish(&mut self.walker, &[]);
        Some(Assertion::survives_loss_of(name, route?, gateways?))
    }

    fn only_via(&mut self, mut fields: Fields<'t>, name: crate::name::Name) -> Option<Assertion> {
        let sides = self.sides(&mut fields);
        fields.finish(&mut self.walker, &["service"]);
        let (from, to) = sides?;
        Some(Assertion::only_via_gateway(name, from, to))
    }

    fn reaches(&mut self, mut fields: Fields<'t>, name: crate::name::Name, must: bool) -> Option<Assertion> {
        let sides = self.sides(&mut fields);
        let service = fields.need(&mut self.walker, "service", "service = \"tcp/443\"");
        let service = service.and_then(|node| self.walker.parse(node));
        fields.finish(&mut self.walker, &[]);
        let ((from, to), service) = (sides?, service?);
        Some(match must {
            true => Assertion::must_reach(name, from, to, service),
            false => Assertion::must_not_reach(name, from, to, service),
        })
    }
}

const CLAIMS: [&str; 4] = ["must_reach", "must_not_reach", "only_via_gateway", "survives_loss_of"];
const CLAIM_EXAMPLE: &str = "must_reach = { from = \"NAME\", to = \"NAME\", service = \"tcp/443\" }";
