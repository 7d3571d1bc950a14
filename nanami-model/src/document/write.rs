//! A workspace as the document that says it, in the order and the style of one that a person would write.
//!
//! **Invariant**: reading what is written gives the same workspace, but for ids, sessions, and the hashes and uses of
//! join keys, which no document carries.
//! Every address that a peer has is written, so that it keeps them. A bare name stands only where it has one meaning. Both
//! formats say the same: [`printer`] only spells it.

mod printer;
mod sentences;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

pub(super) use printer::quote;
use printer::{Fields, Json, Layout, Printer, Toml};

use super::instant;
use crate::entity::{
    Activity, Admission, Assertion, Claim, Condition, Direction, Duties, Facts, Gateway, GatewaySelector, JoinKey,
    Lifecycle, Lifetime, Mode, Network, OnAllDown, Peer, Policy, ReturnPath, Route, RouteMode, RoutingMode,
    RoutingPreference, Selector, Serves, Standing, User, Uses, Verdict, Workspace,
};
use crate::id::RegionId;
use crate::intent::Intent;
use crate::name::Name;
use crate::object::{Entity, ObjectId};

impl Intent {
    /// The workspace as a TOML document. Reading it gives the same workspace, except for ids, the revision, sessions,
    /// and what is known of join keys beyond what they grant: no document has a secret, its hash, or who used it.
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
    let fields = Fields::new().text("name", intent.name().as_str());
    to.table("workspace", &revoked_fields(fields, intent.get(intent.workspace())));
    // A gateway declares its region, and its peer where the two bear one name.
    let regions: BTreeSet<_> = intent.gateways().map(|(_, gateway)| gateway.region()).collect();
    let own = intent.gateways().filter(|(_, gateway)| own_peer(intent, gateway).is_some());
    let peers: BTreeSet<_> = own.map(|(_, gateway)| gateway.peer()).collect();
    let renamed: BTreeSet<_> = intent.renamed().iter().map(|(id, _)| *id).collect();
    let said = |id: &RegionId| !regions.contains(id) || renamed.contains(&(*id).into());
    let regions = intent.regions().filter(|(id, _)| said(id));
    let peers = intent.peers().filter(|(id, _)| !peers.contains(id));
    let sections = &mut Sections { renamed: intent.renamed().iter().map(|(id, from)| (*id, from)).collect(), to };
    sections.put("users", Layout::Lines, intent.users(), |user| user_fields(intent, user));
    sections
        .put("groups", Layout::Lines, intent.groups(), |group| Fields::new().names(intent, "groups", group.groups()));
    sections.put("networks", Layout::Tables, intent.networks(), |network| network_fields(intent, network));
    sections.put("regions", Layout::Lines, regions, |_| Fields::new());
    sections.put("gateways", Layout::Lines, intent.gateways(), |gateway| gateway_fields(intent, gateway));
    sections.put("peers", Layout::Lines, peers, |peer| peer_fields(Fields::new(), intent, peer));
    sections.put("routes", Layout::Tables, intent.routes(), |route| route_fields(intent, route));
    sections.put("policies", Layout::Lines, intent.policies(), |policy| policy_fields(intent, policy));
    sections.put("join_keys", Layout::Lines, intent.join_keys(), |key| join_key_fields(intent, key));
    sections.put("assertions", Layout::Lines, intent.assertions(), |claim| assertion_fields(intent, claim));
    let routing = routing_fields(intent);
    if !routing.is_empty() {
        sections.to.table("routing", &routing);
    }
}

/// The sections of entries.
struct Sections<'a, P> {
    renamed: BTreeMap<ObjectId, &'a Name>,
    to: &'a mut P,
}

impl<P: Printer> Sections<'_, P> {
    fn put<'a, E: Entity>(
        &mut self,
        title: &'static str,
        layout: Layout,
        entries: impl Iterator<Item = (E::Id, &'a E)> + Clone,
        fields: impl Fn(&E) -> Fields,
    ) {
        let widths = entries.clone().map(|(_, entity)| entity.name().as_str().len());
        let Some(width) = widths.max() else { return };
        self.to.begin(title, layout, width);
        for (id, entity) in entries {
            let fields = fields(entity);
            let fields = match self.renamed.get(&id.into()) {
                Some(from) => fields.text("renamed_from", from.as_str()),
                None => fields,
            };
            self.to.entry(entity.name().as_str(), &fields);
        }
        self.to.end();
    }
}

fn user_fields(intent: &Intent, user: &User) -> Fields {
    let mut roles = Fields::new();
    for (group, role) in user.roles() {
        roles = roles.text(name(intent, group), &role.to_string());
    }
    let mut fields = Fields::new();
    if let Some(role) = user.role() {
        fields = fields.text("role", &role.to_string());
    }
    if !roles.is_empty() {
        fields = fields.table("roles", roles);
    }
    fields = fields.names(intent, "groups", user.groups());
    let identities = user.identities().iter();
    let identities = identities.map(|one| Fields::new().text("issuer", one.issuer()).text("subject", one.subject()));
    match user.identities() {
        [] => fields,
        _ => fields.tables("identities", identities.collect()),
    }
}

fn network_fields(intent: &Intent, network: &Network) -> Fields {
    let mut fields = Fields::new().text("owner", &name(intent, network.owner())).list("pools", network.pools());
    if network.lifecycle() != Lifecycle::Active {
        fields = fields.text("lifecycle", network.lifecycle().as_str());
    }
    match network.dns_suffix() {
        Some(suffix) => fields.text("dns_suffix", suffix.as_str()),
        None => fields,
    }
}

fn gateway_fields(intent: &Intent, gateway: &Gateway) -> Fields {
    let mut fields = Fields::new().text("region", &name(intent, gateway.region()));
    fields = match own_peer(intent, gateway) {
        Some(own) => peer_fields(fields, intent, own),
        None => fields.text("peer", &name(intent, gateway.peer())),
    };
    duty_fields(fields, intent, gateway)
}

fn duty_fields(mut fields: Fields, intent: &Intent, gateway: &Gateway) -> Fields {
    if gateway.duties() != Duties::ALL {
        fields = fields.list("duties", &gateway.duties().iter().collect::<Vec<_>>());
    }
    if let Some(clients) = gateway.capacity() {
        fields = fields.number("capacity", clients.get());
    }
    if gateway.activity() != Activity::Active {
        fields = fields.text("activity", gateway.activity().as_str());
    }
    if let Serves::Only(networks) = gateway.serves() {
        fields = fields.names(intent, "serves", networks);
    }
    match gateway.host() {
        Some(host) => fields.text("host", host.as_str()),
        None => fields,
    }
}

/// The peer that stands in the entry of its gateway: it bears the same name, and an agent.
fn own_peer<'a>(intent: &'a Intent, gateway: &Gateway) -> Option<&'a Peer> {
    let peer = intent.get(gateway.peer())?;
    (Entity::name(peer) == gateway.name() && peer.mode() == Mode::Managed).then_some(peer)
}

fn peer_fields(fields: Fields, intent: &Intent, peer: &Peer) -> Fields {
    let mut fields = fields.names(intent, "groups", peer.groups()).names(intent, "networks", peer.networks());
    if let Some(key) = peer.key() {
        fields = fields.text("key", &key.to_string());
    }
    if !peer.addresses().is_empty() {
        fields = fields.list("addresses", peer.addresses());
    }
    if let Some(owner) = peer.owner() {
        fields = fields.text("owner", &name(intent, owner));
    }
    if peer.standing() != Standing::Active {
        fields = fields.text("standing", peer.standing().as_str());
    }
    if peer.lifetime() == Lifetime::Ephemeral {
        fields = fields.flag("ephemeral");
    }
    if let Mode::Limited { gateway } = peer.mode() {
        fields = fields.text("mode", "limited").text("gateway", &name(intent, gateway));
    }
    if *peer.facts() != Facts::unknown() {
        fields = fields.table("facts", facts_fields(peer.facts()));
    }
    fields
}

fn facts_fields(facts: &Facts) -> Fields {
    let mut fields = Fields::new();
    if let Some(os) = facts.os() {
        fields = fields.text("os", os.as_str());
    }
    if let Some(version) = facts.os_version() {
        fields = fields.text("os_version", &version.to_string());
    }
    match facts.agent_version() {
        Some(version) => fields.text("agent_version", &version.to_string()),
        None => fields,
    }
}

fn route_fields(intent: &Intent, route: &Route) -> Fields {
    let mut fields = Fields::new().text("network", &name(intent, route.network()));
    fields = match route.prefixes() {
        [prefix] => fields.text("prefix", &prefix.to_string()),
        _ => fields.flag("exit"),
    };
    fields = match route.gateways() {
        GatewaySelector::Only(gateways) => fields.names(intent, "gateways", gateways),
        GatewaySelector::InRegion(regions) => {
            fields.table("gateways", Fields::new().names(intent, "in_region", regions))
        }
        GatewaySelector::All => fields.text("gateways", "all"),
    };
    if route.mode() != RouteMode::Primary {
        fields = fields.text("mode", route.mode().as_str());
    }
    if route.redundancy() != 1 {
        fields = fields.number("redundancy", route.redundancy());
    }
    fields = match route.return_path() {
        ReturnPath::Unstated => fields,
        ReturnPath::Declared => fields.text("return_path", "declared"),
        ReturnPath::Snat => fields.flag("snat"),
    };
    match route.on_all_down() {
        OnAllDown::Hold => fields,
        other => fields.text("on_all_down", other.as_str()),
    }
}

fn join_key_fields(intent: &Intent, key: &JoinKey) -> Fields {
    let mut fields = match key.uses() {
        Uses::OneOff => Fields::new(),
        Uses::Limited(uses) => Fields::new().number("uses", uses.get()),
        Uses::Reusable => Fields::new().text("uses", "reusable"),
    };
    if let Some(peer) = key.peer().and_then(|peer| intent.name_of(peer)) {
        fields = fields.text("peer", peer.as_str());
    }
    fields = fields.names(intent, "groups", key.groups()).names(intent, "networks", key.networks());
    if let Some(at) = key.expires().and_then(instant::written) {
        fields = fields.text("expires", &at);
    }
    if key.lifetime() == Lifetime::Ephemeral {
        fields = fields.flag("ephemeral");
    }
    if key.admission() != Admission::PreApproved {
        fields = fields.text("admission", key.admission().as_str());
    }
    if key.is_revoked() { fields.flag("revoked") } else { fields }
}

fn revoked_fields(fields: Fields, workspace: Option<&Workspace>) -> Fields {
    match workspace.map(Workspace::revoked_keys) {
        None | Some([]) => fields,
        Some(keys) => fields.list("revoked_keys", keys),
    }
}

/// The four layers of preferences.
fn routing_fields(intent: &Intent) -> Fields {
    let mut fields = Fields::new();
    if !intent.preference().is_none() {
        fields = fields.table("default", preference_fields(intent, intent.preference()));
    }
    let mut layer = |title, entries: &mut dyn Iterator<Item = (&Name, RoutingPreference)>| {
        let mut layer = Fields::new();
        for (name, preference) in entries.filter(|(_, preference)| !preference.is_none()) {
            layer = layer.table(name.to_string(), preference_fields(intent, preference));
        }
        if !layer.is_empty() {
            fields = std::mem::take(&mut fields).table(title, layer);
        }
    };
    layer("networks", &mut intent.networks().map(|(_, network)| (Entity::name(network), network.preference())));
    layer("users", &mut intent.users().map(|(_, user)| (Entity::name(user), user.preference())));
    layer("peers", &mut intent.peers().map(|(_, peer)| (Entity::name(peer), peer.preference())));
    fields
}

fn preference_fields(intent: &Intent, preference: RoutingPreference) -> Fields {
    let mut fields = Fields::new();
    if let Some(traffic) = preference.traffic() {
        fields = fields.text("traffic", traffic.as_str());
    }
    match preference.routing() {
        None => fields,
        Some(RoutingMode::Auto) => fields.text("mode", "auto"),
        Some(RoutingMode::Manual { ingress, egress }) => {
            fields = fields.text("mode", "manual");
            if let Some(gateway) = ingress {
                fields = fields.text("ingress", &name(intent, gateway));
            }
            match egress {
                Some(gateway) => fields.text("egress", &name(intent, gateway)),
                None => fields,
            }
        }
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
    if !policy.conditions().is_empty() {
        fields = fields.table("when", condition_fields(policy.conditions()));
    }
    match policy.reason() {
        Some(reason) => fields.text("reason", reason),
        None => fields,
    }
}

fn condition_fields(conditions: &[Condition]) -> Fields {
    conditions.iter().fold(Fields::new(), |fields, condition| match condition {
        Condition::Os(systems) => fields.list("os", systems),
        Condition::MinOsVersion(version) => fields.text("min_os_version", &version.to_string()),
        Condition::MinAgentVersion(version) => fields.text("min_agent_version", &version.to_string()),
    })
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

/// The name of an object, as its references are written; in an intent every reference resolves.
fn name(intent: &Intent, id: impl Into<ObjectId>) -> String {
    let id = id.into();
    intent.name_of(id).map_or_else(|| id.to_string(), Name::to_string)
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
        // Not by `Intent::id`, which looks for near names where there is none.
        let all = intent.tables();
        let bearers = [
            all.groups.id(&bare).is_some(),
            all.networks.id(&bare).is_some(),
            all.routes.id(&bare).is_some(),
            all.peers.id(&bare).is_some(),
        ];
        match bearers.into_iter().filter(|bears| *bears).count() {
            1 => self.text(key, &bare),
            _ => self.text(key, &format!("{}:{bare}", ObjectId::from(side).kind())),
        }
    }
}
