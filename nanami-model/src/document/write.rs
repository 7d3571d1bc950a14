//! A workspace as the document that says it, in the order and the style of one that a person would write.
//!
//! **Invariant**: reading what is written gives the same workspace, but for ids and join keys, which no document carries.
//! Every address that a peer has is written, so that it keeps them. A bare name stands only where it has one meaning.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::entity::{
    Activity, Assertion, Claim, Direction, Gateway, GatewaySelector, Network, Peer, Policy, ReturnPath, Route,
    Selector, User, Verdict,
};
use crate::id::{GroupId, NetworkId, PeerId, RouteId};
use crate::intent::Intent;
use crate::object::{Entity, ObjectId};

impl Intent {
    /// The workspace as a TOML document. Reading it gives the same workspace, except for ids, the revision and join keys.
    ///
    /// ```
    /// use nanami_model::{Intent, User, name};
    ///
    /// let acme = Intent::new(name!("acme"), User::new(name!("netops")));
    /// assert_eq!(acme.to_toml(), "[workspace]\nname = \"acme\"\n\n[users]\nnetops = { role = \"owner\" }\n");
    /// ```
    pub fn to_toml(&self) -> String {
        let mut text = format!("[workspace]\nname = {}\n", quoted(self.name().as_str()));
        // A gateway declares its region, and its peer where the two bear one name.
        let regions: BTreeSet<_> = self.gateways().map(|(_, gateway)| gateway.region()).collect();
        let own = self.gateways().filter(|(_, gateway)| self.name_of(gateway.peer()) == Some(gateway.name()));
        let peers: BTreeSet<_> = own.map(|(_, gateway)| gateway.peer()).collect();
        let regions = self.regions().filter(|(id, _)| !regions.contains(id));
        let peers = self.peers().filter(|(id, _)| !peers.contains(id));
        section(&mut text, "users", self.users().map(|(_, user)| (user, user_fields(self, user))));
        let groups = self.groups().map(|(_, group)| (group, Fields::new().names(self, "groups", group.groups())));
        section(&mut text, "groups", groups);
        tables(&mut text, "networks", self.networks().map(|(_, network)| (network, network_fields(self, network))));
        section(&mut text, "regions", regions.map(|(_, region)| (region, Fields::new())));
        section(&mut text, "gateways", self.gateways().map(|(_, gateway)| (gateway, gateway_fields(self, gateway))));
        section(&mut text, "peers", peers.map(|(_, peer)| (peer, peer_fields(Fields::new(), self, peer))));
        tables(&mut text, "routes", self.routes().map(|(_, route)| (route, route_fields(self, route))));
        section(&mut text, "policies", self.policies().map(|(_, policy)| (policy, policy_fields(self, policy))));
        let assertions = self.assertions().map(|(_, assertion)| (assertion, assertion_fields(self, assertion)));
        section(&mut text, "assertions", assertions);
        text
    }
}

fn user_fields(intent: &Intent, user: &User) -> Fields {
    let mut roles = Fields::new();
    for (group, role) in user.roles() {
        roles = roles.text(&name(intent, group), &role.to_string());
    }
    let fields = match user.role() {
        Some(role) => Fields::new().text("role", &role.to_string()),
        None => Fields::new(),
    };
    if roles.0.is_empty() { fields } else { fields.raw("roles", roles.inline()) }
}

fn network_fields(intent: &Intent, network: &Network) -> Fields {
    Fields::new().text("owner", &name(intent, network.owner())).list("pools", network.pools())
}

fn gateway_fields(intent: &Intent, gateway: &Gateway) -> Fields {
    let mut fields = Fields::new().text("region", &name(intent, gateway.region()));
    let peer = name(intent, gateway.peer());
    fields = match intent.get(gateway.peer()) {
        Some(own) if peer == gateway.name().as_str() => peer_fields(fields, intent, own),
        _ => fields.text("peer", &peer),
    };
    match gateway.activity() {
        Activity::Active => fields,
        Activity::Draining => fields.raw("draining", "true".to_owned()),
        Activity::Disabled => fields.raw("disabled", "true".to_owned()),
    }
}

fn peer_fields(fields: Fields, intent: &Intent, peer: &Peer) -> Fields {
    let fields = fields.names(intent, "groups", peer.groups()).names(intent, "networks", peer.networks());
    let fields = match peer.key() {
        Some(key) => fields.text("key", &key.to_string()),
        None => fields,
    };
    if peer.addresses().is_empty() { fields } else { fields.list("addresses", peer.addresses()) }
}

fn route_fields(intent: &Intent, route: &Route) -> Fields {
    let fields = Fields::new().text("network", &name(intent, route.network()));
    let fields = match route.prefixes() {
        [prefix] => fields.text("prefix", &prefix.to_string()),
        _ => fields.raw("exit", "true".to_owned()),
    };
    let fields = match route.gateways() {
        GatewaySelector::Only(gateways) => fields.names(intent, "gateways", gateways),
        GatewaySelector::InRegion(regions) => {
            fields.raw("gateways", Fields::new().names(intent, "in_region", regions).inline())
        }
        GatewaySelector::All => fields.text("gateways", "all"),
    };
    let fields = match route.redundancy() {
        1 => fields,
        ranks => fields.raw("redundancy", ranks.to_string()),
    };
    match route.return_path() {
        ReturnPath::Unstated => fields,
        ReturnPath::Declared => fields.text("return_path", "declared"),
        ReturnPath::Snat => fields.raw("snat", "true".to_owned()),
    }
}

fn policy_fields(intent: &Intent, policy: &Policy) -> Fields {
    let fields = Fields::new().side(intent, "from", policy.from()).side(intent, "to", policy.to());
    let verdict = match policy.verdict() {
        Verdict::Allow => "allow",
        Verdict::Deny => "deny",
    };
    let services: Vec<_> = policy.services().iter().collect();
    let mut fields = fields.list(verdict, &services);
    if policy.direction() == Direction::BothWays {
        fields = fields.raw("both_ways", "true".to_owned());
    }
    fields = fields.names(intent, "via", policy.via());
    match policy.reason() {
        Some(reason) => fields.text("reason", reason),
        None => fields,
    }
}

fn assertion_fields(intent: &Intent, assertion: &Assertion) -> Fields {
    let sides = |from, to| Fields::new().side(intent, "from", from).side(intent, "to", to);
    let (claim, fields) = match *assertion.claim() {
        Claim::MustReach { from, to, service } => ("must_reach", sides(from, to).text("service", &service.to_string())),
        Claim::MustNotReach { from, to, service } => {
            ("must_not_reach", sides(from, to).text("service", &service.to_string()))
        }
        Claim::OnlyViaGateway { from, to } => ("only_via_gateway", sides(from, to)),
        Claim::SurvivesLossOf { route, gateways } => {
            let fields = Fields::new().text("route", &name(intent, route));
            ("survives_loss_of", fields.raw("gateways", gateways.to_string()))
        }
        Claim::RemovesAtMost { reachabilities } => {
            ("removes_at_most", Fields::new().raw("reachabilities", reachabilities.to_string()))
        }
        Claim::NeverTouches { what } => ("never_touches", Fields::new().side(intent, "what", what)),
    };
    Fields::new().raw(claim, fields.inline())
}

/// The name of an object, as its references are written.
fn name(intent: &Intent, id: impl Into<ObjectId>) -> String {
    intent.name_of(id).expect("in an intent every reference resolves").to_string()
}

/// Keys with their values as TOML, in the order in which they are written.
struct Fields(Vec<(String, String)>);

impl Fields {
    fn new() -> Self {
        Self(Vec::new())
    }

    fn raw(mut self, key: &str, value: String) -> Self {
        self.0.push((key.to_owned(), value));
        self
    }

    fn text(self, key: &str, value: &str) -> Self {
        self.raw(key, quoted(value))
    }

    fn list(self, key: &str, values: &[impl ToString]) -> Self {
        let values: Vec<_> = values.iter().map(|value| quoted(&value.to_string())).collect();
        self.raw(key, format!("[{}]", values.join(", ")))
    }

    /// The names of these objects; the field is left out where there are none.
    fn names<I: Into<ObjectId> + Copy>(self, intent: &Intent, key: &str, ids: &[I]) -> Self {
        let names: Vec<_> = ids.iter().map(|id| name(intent, *id)).collect();
        if names.is_empty() { self } else { self.list(key, &names) }
    }

    /// The bare name if nothing else that could stand there bears it.
    fn side(self, intent: &Intent, key: &str, side: Selector) -> Self {
        let bare = name(intent, side);
        let bearers = [
            intent.id::<GroupId>(&bare).is_ok(),
            intent.id::<NetworkId>(&bare).is_ok(),
            intent.id::<RouteId>(&bare).is_ok(),
            intent.id::<PeerId>(&bare).is_ok(),
        ];
        match bearers.into_iter().filter(|bears| *bears).count() {
            1 => self.text(key, &bare),
            _ => self.text(key, &format!("{}:{bare}", ObjectId::from(side).kind())),
        }
    }

    fn inline(&self) -> String {
        let fields: Vec<_> = self.0.iter().map(|(key, value)| format!("{key} = {value}")).collect();
        if fields.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", fields.join(", ")) }
    }
}

/// One section with a line for each entry, the equals signs below each other.
fn section<'a, E: Entity>(text: &mut String, title: &str, entries: impl Iterator<Item = (&'a E, Fields)>) {
    let entries: Vec<_> = entries.map(|(entity, fields)| (entity.name().as_str(), fields.inline())).collect();
    let width = entries.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (i, (name, fields)) in entries.iter().enumerate() {
        if i == 0 {
            put(text, format_args!("\n[{title}]\n"));
        }
        put(text, format_args!("{name:width$} = {fields}\n"));
    }
}

/// One table for each entry.
fn tables<'a, E: Entity>(text: &mut String, title: &str, entries: impl Iterator<Item = (&'a E, Fields)>) {
    for (entity, Fields(fields)) in entries {
        put(text, format_args!("\n[{title}.{}]\n", entity.name()));
        let width = fields.iter().map(|(key, _)| key.len()).max().unwrap_or(0);
        for (key, value) in fields {
            put(text, format_args!("{key:width$} = {value}\n"));
        }
    }
}

fn put(text: &mut String, line: std::fmt::Arguments<'_>) {
    text.write_fmt(line).expect("writing to a string does not fail");
}

/// A TOML basic string (TOML 1.0, "String"): quotes, backslashes and control characters are escaped.
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            control if control.is_control() => put(&mut quoted, format_args!("\\u{:04X}", u32::from(control))),
            other => quoted.push(other),
        }
    }
    quoted + "\""
}

#[cfg(test)]
mod tests;
