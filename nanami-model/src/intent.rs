//! Intent: what people asked for, as one immutable revision of a workspace.
//!
//! **Invariant**: in an `Intent` every reference resolves, names are unique within their kind, pools are disjoint, keys and
//! addresses belong to one peer each, and somebody owns the workspace. There is no way to an `Intent` but by
//! [`Intent::new`], [`Intent::apply`] and a document, which check the same rules. Clones share everything.

use std::sync::Arc;

use crate::change::{Actor, ChangeSet, Draft};
use crate::cidr::{Cidr, parse_address};
use crate::entity::{
    Assertion, Gateway, Group, JoinKey, Network, Peer, Policy, Region, Role, Route, RoutingPreference, Selector,
    Session, User, Workspace,
};
use crate::flow::{Destination, Flow};
use crate::generation::Revision;
use crate::id::{
    AssertionId, GatewayId, GroupId, JoinKeyId, NetworkId, PeerId, PolicyId, RegionId, RouteId, SessionId, UserId,
    WorkspaceId,
};
use crate::ipam::Ipam;
use crate::name::Name;
use crate::near::nearest;
use crate::object::{Entity, Id, Label, Object, ObjectId};
use crate::refused::{Refused, Violation};
use crate::service::Service;

mod apply;
mod dense;
mod difference;
mod effective;
mod gateways;
mod index;
mod membership;
mod permissions;
mod ranges;
mod roll;
mod rules;
mod table;

pub use difference::Difference;
pub use effective::{Layer, Preference, Setting};
pub(crate) use ranges::innermost;
pub(crate) use table::Table;

/// One immutable revision of a workspace.
///
/// ```
/// use nanami_model::{Group, Intent, Network, Peer, PeerId, Policy, Service, User, name};
///
/// let empty = Intent::new(name!("acme"), User::new(name!("netops")));
/// let mut draft = empty.draft();
/// let platform = draft.add(Group::new(name!("platform")));
/// let prod = draft.add(Network::new(name!("prod"), platform, ["10.42.0.0/16".parse()?]));
/// let [api, db] = [name!("api"), name!("db")].map(|n| draft.add(Peer::new(n).with_networks([prod])));
/// draft.add(Policy::allow(name!("api-to-db"), api, db, Service::tcp(5432)));
/// let acme = empty.apply(empty.owner(), &draft.into_changes())?;
/// assert_eq!(acme.id::<PeerId>("api")?, api);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Intent {
    name: Name,
    revision: Revision,
    tables: Arc<Tables>,
    /// Which objects had another name before: only a document says so, and only until its changes are made.
    renamed: Arc<[(ObjectId, Name)]>,
    /// One for all revisions that came of one intent: these share the pages in which they do not differ.
    origin: Arc<()>,
}

/// The objects of a workspace, kind by kind, and which addresses are taken.
#[derive(Debug, Clone, Default)]
#[allow(unreachable_pub, reason = "a sealed trait names it; the module is private")]
pub struct Tables {
    pub(crate) users: Table<UserId, User>,
    pub(crate) groups: Table<GroupId, Group>,
    pub(crate) networks: Table<NetworkId, Network>,
    pub(crate) regions: Table<RegionId, Region>,
    pub(crate) peers: Table<PeerId, Peer>,
    pub(crate) gateways: Table<GatewayId, Gateway>,
    pub(crate) routes: Table<RouteId, Route>,
    pub(crate) policies: Table<PolicyId, Policy>,
    pub(crate) join_keys: Table<JoinKeyId, JoinKey>,
    pub(crate) assertions: Table<AssertionId, Assertion>,
    pub(crate) sessions: Table<SessionId, Session>,
    pub(crate) workspaces: Table<WorkspaceId, Workspace>,
    pub(crate) ipam: Ipam,
    pub(crate) index: index::Index,
    roll: roll::Roll,
}

/// A name that no object of the wanted kind bears.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no {kind} {name:?}{}", near(nearest))]
pub struct UnknownName {
    /// The kind that was asked for.
    pub kind: &'static str,
    /// The name.
    pub name: String,
    /// The names that are most like it, the nearest first; at most three.
    pub nearest: Vec<Name>,
}

crate::coded! { UnknownName: Caller;
    Self { kind, nearest, .. } => ("name.unknown", match nearest.first() {
        Some(name) => format!("write {name}, if that is meant"),
        None => format!("name a {kind} that is there"),
    });
}

fn near(names: &[Name]) -> String {
    match names {
        [] => String::new(),
        [first, rest @ ..] => {
            rest.iter().fold(format!("; did you mean {first}"), |text, name| format!("{text} or {name}")) + "?"
        }
    }
}

impl Intent {
    /// The empty workspace at revision 0: nobody but its owner.
    pub fn new(name: Name, owner: User) -> Self {
        let mut tables = Tables::default();
        let id = UserId::derive(&name, owner.name(), Revision::ZERO);
        let owner = Object::User(id, owner.with_role(Role::Owner));
        let workspace =
            Object::Workspace(WorkspaceId::derive(&name, &name, Revision::ZERO), Workspace::new(name.clone()));
        tables.make(&Tables::default(), &[owner, workspace].map(index::Touched::added));
        Self {
            name,
            revision: Revision::ZERO,
            tables: Arc::new(tables),
            renamed: Arc::default(),
            origin: Arc::default(),
        }
    }

    /// The workspace at revision 1 that consists of these objects; what a document and an import build.
    ///
    /// # Errors
    /// [`Refused`] with every rule that the objects break.
    pub fn from_objects(name: Name, objects: impl IntoIterator<Item = Object>) -> Result<Self, Refused> {
        let mut tables = Tables::default();
        objects.into_iter().for_each(|object| object.push(&mut tables));
        let workspace = WorkspaceId::derive(&name, &name, Revision::ZERO);
        if tables.workspaces.occupied().all(|(_, id, _)| id != workspace) {
            tables.workspaces.push(workspace, Workspace::new(name.clone()));
        }
        let mut violations: Vec<_> = tables.order().into_iter().map(|what| Violation::DuplicateName { what }).collect();
        tables.index_all();
        violations.extend(rules::all(&tables));
        let revision = Revision::new(1);
        violations.extend(crate::ipam::settle_all(&mut tables, revision));
        match violations.is_empty() {
            true => {
                Ok(Self { name, revision, tables: Arc::new(tables), renamed: Arc::default(), origin: Arc::default() })
            }
            false => Err(Refused::new(violations)),
        }
    }

    pub(crate) fn at_revision(self, revision: Revision) -> Self {
        Self { revision, ..self }
    }

    pub(crate) fn with_renamed(self, renamed: Vec<(ObjectId, Name)>) -> Self {
        Self { renamed: renamed.into(), ..self }
    }

    /// Which objects had another name before, by the document that says so.
    pub(crate) fn renamed(&self) -> &[(ObjectId, Name)] {
        &self.renamed
    }

    /// Whether the two came of one intent.
    pub(crate) fn has_origin_of(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.origin, &other.origin)
    }

    /// The name of the workspace.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// The id of the workspace, which follows from its name.
    pub fn workspace(&self) -> WorkspaceId {
        WorkspaceId::derive(&self.name, &self.name, Revision::ZERO)
    }

    /// What peers prefer where nobody else says.
    pub fn preference(&self) -> RoutingPreference {
        self.tables.workspace().map(Workspace::preference).unwrap_or_default()
    }

    /// Which revision this is.
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// An owner of the workspace, the first by name.
    pub fn owner(&self) -> Actor {
        let (_, owner) = self.tables.index.owners.iter().next().expect("the rules refuse a workspace without an owner");
        Actor::User(*owner)
    }

    /// Begins to collect changes to this revision.
    pub fn draft(&self) -> Draft {
        Draft::new(self.clone())
    }

    /// The next revision: this one with the changes made, all or none.
    ///
    /// # Errors
    /// [`Refused`] with everything that stands against it: permissions, references, rules.
    pub fn apply(&self, by: Actor, changes: &ChangeSet) -> Result<Self, Refused> {
        apply::apply(self, by, changes)
    }

    /// The next revision by changes that were made to this one before and acknowledged: a log is read so. Nobody is asked for
    /// permission again, and rules that came later, or stricter limits, stand against nothing: what they would find is in
    /// [`violations`](Self::violations).
    ///
    /// ```
    /// use nanami_model::{Actor, Intent, Network, User, cidr, name};
    ///
    /// let empty = Intent::new(name!("acme"), User::new(name!("netops")));
    /// let mut draft = empty.draft();
    /// let group = draft.add(nanami_model::Group::new(name!("platform")));
    /// draft.add(Network::new(name!("prod"), group, [cidr!("10.42.0.0/16")]));
    /// let changes = draft.into_changes();
    /// let acme = empty.apply(empty.owner(), &changes)?;
    /// let again = empty.replay(&changes)?;
    /// assert!(again.difference(&acme).is_empty() && again.violations().is_empty());
    /// # Ok::<(), nanami_model::Refused>(())
    /// ```
    ///
    /// # Errors
    /// [`Refused`] if the changes are not such as were ever made to this revision: they name what is not there, or make twice what
    /// there is once.
    pub fn replay(&self, changes: &ChangeSet) -> Result<Self, Refused> {
        apply::replay(self, changes)
    }

    /// What the rules of this release find in this revision. An intent that was read from a document or came about by
    /// [`apply`](Self::apply) breaks none; one that was [replayed](Self::replay) may break rules that an older release did not ask.
    /// It works as it did; whoever changes what is at fault puts it right. The work grows with the workspace.
    pub fn violations(&self) -> Vec<Violation> {
        rules::all(&self.tables)
    }

    /// The changes that turn this workspace into the wanted one. Names are identity: what keeps its name keeps its id, and so
    /// does what a document says was `renamed_from` another; if nobody bears that name, [`apply`](Self::apply) refuses.
    ///
    /// What `wanted` cannot know is kept: a key and an address that it does not mention, facts that agents reported, join keys
    /// and sessions, ephemeral peers, the hash of a join key and how often it was used; a join key that was taken back stays so.
    ///
    /// Where both came of one intent, this takes the time that their difference does; against a document, everything is compared.
    pub fn changes_to(&self, wanted: &Intent) -> ChangeSet {
        crate::change::between(self, wanted)
    }

    /// The next revision of this workspace, as another one describes it: what both name is the same object. It is this one where
    /// nothing differs.
    ///
    /// # Errors
    /// [`Refused`] if what changes between the two goes against a rule of changes.
    pub fn revised(&self, wanted: &Intent) -> Result<Self, Refused> {
        let changes = self.changes_to(wanted);
        if changes.is_empty() { Ok(self.clone()) } else { self.apply(self.owner(), &changes) }
    }

    /// The id of the object of this kind and name.
    ///
    /// # Errors
    /// [`UnknownName`] with the names that are most like it.
    pub fn id<I: Id>(&self, name: &str) -> Result<I, UnknownName> {
        let table = <I::Entity as crate::object::sealed::Stored>::table(&self.tables);
        table.id(name).ok_or_else(|| UnknownName {
            kind: I::KIND,
            name: name.to_owned(),
            nearest: nearest_names(name, table.names()),
        })
    }

    /// The same for whoever expects that there may be none: no names that are like it are looked for.
    pub fn find<I: Id>(&self, name: &str) -> Option<I> {
        <I::Entity as crate::object::sealed::Stored>::table(&self.tables).id(name)
    }

    /// The object with this id.
    pub fn get<I: Id>(&self, id: I) -> Option<&I::Entity> {
        <I::Entity as crate::object::sealed::Stored>::table(&self.tables).get(&id)
    }

    /// The name of the object with this id.
    pub fn name_of(&self, id: impl Into<ObjectId>) -> Option<&Name> {
        id.into().name_in(&self.tables)
    }

    /// Kind and name of the object with this id, for texts.
    pub fn label(&self, id: impl Into<ObjectId>) -> Label {
        Label::new(id, &self.tables)
    }

    /// The object of any kind with this id.
    pub fn object(&self, id: ObjectId) -> Option<Object> {
        id.object_in(&self.tables)
    }

    /// The ids of all objects, kind by kind, by name.
    pub fn ids(&self) -> impl Iterator<Item = ObjectId> {
        self.tables.ids()
    }

    /// The flow from the peer `from` to `to`, which is the name of a peer or of a route, or an address.
    ///
    /// # Errors
    /// [`UnknownName`] if a name is nobody's.
    pub fn flow(&self, from: &str, to: &str, service: Service) -> Result<Flow, UnknownName> {
        let from = self.id::<PeerId>(from)?;
        let to = match parse_address(to) {
            Ok(address) => self.peer_at(address).map_or(Destination::Address(address), Destination::Peer),
            Err(_) => self.named(to)?,
        };
        Ok(Flow { from, to, service })
    }

    /// The peer or the route that a name means, or an address: the peer's that has it, else the route's that leads to it, else
    /// the address itself. What is in a network's pool is behind no route.
    ///
    /// # Errors
    /// [`UnknownName`] if it is neither an address nor anybody's name.
    pub fn destination(&self, name: &str) -> Result<Destination, UnknownName> {
        let Ok(address) = parse_address(name) else { return self.named(name) };
        let pooled = || self.networks().any(|(_, network)| network.pools().iter().any(|pool| pool.contains(address)));
        let route = || self.route_to(address).filter(|_| !pooled()).map(|(id, _)| id.into());
        let peer = self.peer_at(address).map(Destination::Peer);
        Ok(peer.or_else(route).unwrap_or(Destination::Address(address)))
    }

    /// A host that some gateway stands on, by its name.
    ///
    /// # Errors
    /// [`UnknownName`] with the hosts that are most like it.
    pub fn host(&self, name: &str) -> Result<Name, UnknownName> {
        let hosts = || self.gateways().filter_map(|(_, gateway)| gateway.host());
        hosts().find(|host| host.as_str() == name).cloned().ok_or_else(|| UnknownName {
            kind: "host of a gateway",
            name: name.to_owned(),
            nearest: nearest_names(name, hosts()),
        })
    }

    /// A peer, else a route, by its name; `peer:` and `route:` before it say which is meant.
    fn named(&self, name: &str) -> Result<Destination, UnknownName> {
        if let Some(route) = name.strip_prefix("route:") {
            return self.id::<RouteId>(route).map(Destination::Route);
        }
        if let Some(peer) = name.strip_prefix("peer:") {
            return self.id::<PeerId>(peer).map(Destination::Peer);
        }
        match (self.id::<PeerId>(name), self.id::<RouteId>(name)) {
            (Ok(peer), _) => Ok(Destination::Peer(peer)),
            (Err(_), Ok(route)) => Ok(Destination::Route(route)),
            (Err(_), Err(mut unknown)) => {
                unknown.kind = "peer or route";
                unknown.nearest = nearest_names(name, self.tables.peers.names().chain(self.tables.routes.names()));
                Err(unknown)
            }
        }
    }

    pub(crate) fn tables(&self) -> &Tables {
        &self.tables
    }

    /// What the changes make of it, whatever stands against them; for texts only.
    pub(crate) fn unchecked(&self, changes: &ChangeSet) -> Self {
        apply::unchecked(self, changes)
    }
}

impl Tables {
    /// What holds of the whole; the first by name while rules are being checked.
    pub(crate) fn workspace(&self) -> Option<&Workspace> {
        self.workspaces.iter().next().map(|(_, workspace)| workspace)
    }

    /// The session of a peer, which bears its name.
    pub(crate) fn session_of(&self, peer: PeerId) -> Option<(SessionId, &Session)> {
        let session = self.sessions.id(self.peers.get(&peer)?.name().as_str())?;
        self.sessions.get(&session).filter(|it| it.peer() == peer).map(|it| (session, it))
    }
}

macro_rules! listings {
    ($($(#[$doc:meta])* $name:ident: $id:ident, $entity:ident;)*) => {
        impl Intent {
            $(
                $(#[$doc])*
                pub fn $name(&self) -> impl ExactSizeIterator<Item = ($id, &$entity)> + Clone {
                    self.tables.$name.iter()
                }
            )*
        }
    };
}

listings! {
    /// The users, by name.
    users: UserId, User;
    /// The groups, by name.
    groups: GroupId, Group;
    /// The networks, by name.
    networks: NetworkId, Network;
    /// The regions, by name.
    regions: RegionId, Region;
    /// The peers, by name.
    peers: PeerId, Peer;
    /// The gateways, by name.
    gateways: GatewayId, Gateway;
    /// The routes, by name.
    routes: RouteId, Route;
    /// The policies, by name.
    policies: PolicyId, Policy;
    /// The join keys, by name.
    join_keys: JoinKeyId, JoinKey;
    /// The assertions, by name.
    assertions: AssertionId, Assertion;
    /// The sessions, by name.
    sessions: SessionId, Session;
}

impl Intent {
    /// The gateway whose role this peer bears; the first by id if it bears several.
    pub fn gateway_of(&self, peer: PeerId) -> Option<(GatewayId, &Gateway)> {
        let gateway = self.tables.named_by(peer.into()).find_map(GatewayId::of)?;
        Some((gateway, self.get(gateway)?))
    }

    /// The peer that has this overlay address.
    pub fn peer_at(&self, address: std::net::IpAddr) -> Option<PeerId> {
        ranges::holders(&self.tables.index.addresses, &address).next()
    }

    /// How many addresses were released and wait until their removal was acknowledged
    /// ([`ChangeSet::acknowledging`]); nobody else gets them before.
    pub fn waiting_addresses(&self) -> usize {
        self.tables.ipam.waiting()
    }

    /// The route that carries packets to this address: the one with the longest prefix around it.
    pub fn route_to(&self, address: std::net::IpAddr) -> Option<(RouteId, &Route)> {
        let prefix = innermost(&self.tables.index.prefixes, &Cidr::host(address))?;
        let route = ranges::holders(&self.tables.index.prefixes, &prefix).next()?;
        Some((route, self.get(route)?))
    }

    /// The peers that a side of a policy names, by name; for a route nobody, for it names what is behind it.
    pub fn members(&self, selector: Selector) -> Vec<PeerId> {
        membership::members(self, selector)
    }

    /// Whether a side of a policy names this peer.
    pub fn is_member(&self, peer: PeerId, selector: Selector) -> bool {
        membership::is_member(self, peer, selector)
    }

    /// Every group that the peer is a member of, also by nesting.
    pub fn groups_of(&self, peer: PeerId) -> Vec<GroupId> {
        membership::groups_of(self, peer)
    }
}

fn nearest_names<'a>(text: &str, names: impl Iterator<Item = &'a Name>) -> Vec<Name> {
    let near = nearest(text, names.map(Name::as_str));
    near.into_iter().map(|name| name.parse().expect("it was a name before")).collect()
}

#[cfg(test)]
mod tests;
