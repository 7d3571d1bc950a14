//! A workspace as the document that says it, in the order and the style of one that a person would write.
//!
//! **Invariant**: reading what is written gives the same workspace, but for ids and join keys, which no document carries.
//! Every address that a peer has is written, so that it keeps them. A bare name stands only where it has one meaning. Both
//! formats say the same: [`printer`] only spells it.

mod printer;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use printer::{Fields, Json, Layout, Printer, Toml};

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
        let mut toml = Toml::new();
        write(self, &mut toml);
        toml.into_text()
    }

    /// The workspace as a JSON document, which says what [`to_toml`](Self::to_toml) says: one object to a line, so that texts
    /// of two revisions compare line by line.
    ///
    /// ```
    /// use nanami_model::{Intent, User, name};
    ///
    /// let acme = Intent::new(name!("acme"), User::new(name!("netops")));
    /// let again = Intent::from_json(&acme.to_json())?;
    /// assert!(acme.changes_to(&again).is_empty());
    /// # Ok::<(), nanami_model::DocumentErrors>(())
    /// ```
    pub fn to_json(&self) -> String {
        let mut json = Json::new();
        write(self, &mut json);
        json.into_text()
    }
}

fn write(intent: &Intent, to: &mut impl Printer) {
    let name = Fields::new().text("name", intent.name().as_str());
    to.table("workspace", &name);
    // A gateway declares its region, and its peer where the two bear one name.
    let regions: BTreeSet<_> = intent.gateways().map(|(_, gateway)| gateway.region()).collect();
    let own = intent.gateways().filter(|(_, gateway)| intent.name_of(gateway.peer()) == Some(gateway.name()));
    let peers: BTreeSet<_> = own.map(|(_, gateway)| gateway.peer()).collect();
    let regions = intent.regions().filter(|(id, _)| !regions.contains(id));
    let peers = intent.peers().filter(|(id, _)| !peers.contains(id));
    section(to, "users", Layout::Lines, intent.users(), |user| user_fields(intent, user));
    let groups = intent.groups();
    section(to, "groups", Layout::Lines, groups, |group| Fields::new().names(intent, "groups", group.groups()));
    section(to, "networks", Layout::Tables, intent.networks(), |network| network_fields(intent, network));
    section(to, "regions", Layout::Lines, regions, |_| Fields::new());
    section(to, "gateways", Layout::Lines, intent.gateways(), |gateway| gateway_fields(intent, gateway));
    section(to, "peers", Layout::Lines, peers, |peer| peer_fields(Fields::new(), intent, peer));
    section(to, "routes", Layout::Tables, intent.routes(), |route| route_fields(intent, route));
    section(to, "policies", Layout::Lines, intent.policies(), |policy| policy_fields(intent, policy));
    section(to, "assertions", Layout::Lines, intent.assertions(), |claim| assertion_fields(intent, claim));
}

fn section<'a, E: Entity>(
    to: &mut impl Printer,
    title: &'static str,
    layout: Layout,
    entries: impl Iterator<Item = (E::Id, &'a E)> + Clone,
    fields: impl Fn(&E) -> Fields,
) {
    let widths = entries.clone().map(|(_, entity)| entity.name().as_str().len());
    if let Some(width) = widths.max() {
        to.begin(title, layout, width);
        entries.for_each(|(_, entity)| to.entry(entity.name().as_str(), &fields(entity)));
        to.end();
    }
}

fn user_fields(intent: &Intent, user: &User) -> Fields {
    let mut roles = Fields::new();
    for (group, role) in user.roles() {
        roles = roles.text(name(intent, group), &role.to_string());
    }
    let fields = match user.role() {
        Some(role) => Fields::new().text("role", &role.to_string()),
        None => Fields::new(),
    };
    if roles.is_empty() { fields } else { fields.table("roles", roles) }
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
        Activity::Draining => fields.flag("draining"),
        Activity::Disabled => fields.flag("disabled"),
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
        _ => fields.flag("exit"),
    };
    let fields = match route.gateways() {
        GatewaySelector::Only(gateways) => fields.names(intent, "gateways", gateways),
        GatewaySelector::InRegion(regions) => {
            fields.table("gateways", Fields::new().names(intent, "in_region", regions))
        }
        GatewaySelector::All => fields.text("gateways", "all"),
    };
    let fields = match route.redundancy() {
        1 => fields,
        ranks => fields.number("redundancy", ranks),
    };
    match route.return_path() {
        ReturnPath::Unstated => fields,
        ReturnPath::Declared => fields.text("return_path", "declared"),
        ReturnPath::Snat => fields.flag("snat"),
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
        fields = fields.flag("both_ways");
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
            ("survives_loss_of", fields.number("gateways", gateways))
        }
        Claim::RemovesAtMost { reachabilities } => {
            ("removes_at_most", Fields::new().number("reachabilities", reachabilities))
        }
        Claim::NeverTouches { what } => ("never_touches", Fields::new().side(intent, "what", what)),
    };
    Fields::new().table(claim, fields)
}

/// The name of an object, as its references are written.
fn name(intent: &Intent, id: impl Into<ObjectId>) -> String {
    intent.name_of(id).expect("in an intent every reference resolves").to_string()
}

impl Fields {
    /// The names of these objects; the field is left out where there are none.
    fn names<I: Into<ObjectId> + Copy>(self, intent: &Intent, key: &'static str, ids: &[I]) -> Self {
        let names: Vec<_> = ids.iter().map(|id| name(intent, *id)).collect();
        if names.is_empty() { self } else { self.list(key, &names) }
    }

    /// The bare name if nothing else that could stand there bears it.
    fn side(self, intent: &Intent, key: &'static str, side: Selector) -> Self {
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
}
