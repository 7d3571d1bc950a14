//! A change as people say it, in the words of the document: an audit record reads so.
//!
//! **Invariant**: one sentence for each change, whatever the changes are, also such as were never made. No sentence has the hash of a
//! secret in it.

use super::printer::{Fields, plain};
use super::*;
use crate::change::{Change, ChangeSet};
use crate::entity::Session;
use crate::object::Object;

impl ChangeSet {
    /// What the changes do to this revision, a sentence for each, in their order: what is added with all that it says, what is
    /// changed with what is other than it was. What is nowhere to be found reads as its id.
    ///
    /// ```
    /// use nanami_model::{Intent, User, name};
    ///
    /// let acme = Intent::new(name!("acme"), User::new(name!("netops")));
    /// let mut draft = acme.draft();
    /// draft.add(User::new(name!("auditor")).with_role(nanami_model::Role::Viewer));
    /// assert_eq!(draft.into_changes().sentences(&acme), ["adds user auditor: role viewer"]);
    /// ```
    pub fn sentences(&self, before: &Intent) -> Vec<String> {
        let after = before.unchecked(self);
        let mut all: Vec<_> = self.iter().map(|change| sentence(change, before, &after)).collect();
        all.extend(
            self.acknowledged()
                .map(|through| format!("lets addresses that were released up to revision {through} go to other peers")),
        );
        all
    }
}

fn sentence(change: &Change, before: &Intent, after: &Intent) -> String {
    let id = change.id();
    match change {
        Change::Remove(_) => format!("removes {}", before.label(id)),
        Change::Add(object) => {
            let said = fields(after, object);
            let said: Vec<_> = said.iter().map(|(key, value)| with_space(key, &plain(value))).collect();
            about(format!("adds {}", after.label(id)), &said)
        }
        Change::Update(object) => {
            let old = before.object(id).map(|object| fields(before, &object)).unwrap_or_default();
            let mut said = differences(&old, &fields(after, object));
            said.extend(renamed(before, object));
            about(format!("changes {}", before.label(id)), &said)
        }
    }
}

fn about(what: String, said: &[String]) -> String {
    if said.is_empty() { what } else { format!("{what}: {}", said.join("; ")) }
}

fn with_space(key: &str, value: &str) -> String {
    if value.is_empty() { key.to_owned() } else { format!("{key} {value}") }
}

fn renamed(before: &Intent, object: &Object) -> Option<String> {
    let old = before.name_of(object.id())?;
    (old != object.name()).then(|| format!("named {}", object.name()))
}

/// What the one says and the other does not, or otherwise.
fn differences(old: &Fields, new: &Fields) -> Vec<String> {
    let find = |fields: &Fields, key: &str| fields.iter().find(|(own, _)| own == key).map(|(_, value)| plain(value));
    let mut said = Vec::new();
    for (key, value) in new.iter() {
        let value = plain(value);
        match find(old, key) {
            Some(was) if was == value => {}
            Some(was) => said.push(format!("{}, was {was}", with_space(key, &value))),
            None => said.push(with_space(key, &value)),
        }
    }
    let gone = old.iter().filter(|(key, _)| find(new, key).is_none());
    said.extend(gone.map(|(key, value)| match plain(value).as_str() {
        "" => format!("not {key} any more"),
        was => format!("no {key} any more, was {was}"),
    }));
    said
}

/// What an object says, whether a document has a place for it or not.
fn fields(intent: &Intent, object: &Object) -> Fields {
    let with = |fields: Fields, preference: RoutingPreference| match preference.is_none() {
        true => fields,
        false => fields.table("routing", preference_fields(intent, preference)),
    };
    match object {
        Object::User(_, user) => with(user_fields(intent, user), user.preference()),
        Object::Group(_, group) => Fields::new().names(intent, "groups", group.groups()),
        Object::Network(_, network) => with(network_fields(intent, network), network.preference()),
        Object::Region(..) => Fields::new(),
        Object::Peer(_, peer) => with(peer_fields(Fields::new(), intent, peer), peer.preference()),
        Object::Gateway(_, gateway) => {
            let region = Fields::new().text("region", &name(intent, gateway.region()));
            duty_fields(region.text("peer", &name(intent, gateway.peer())), intent, gateway)
        }
        Object::Route(_, route) => route_fields(intent, route),
        Object::Policy(_, policy) => policy_fields(intent, policy),
        Object::JoinKey(_, key) => use_fields(join_key_fields(intent, key), intent, key),
        Object::Assertion(_, assertion) => assertion_fields(intent, assertion),
        Object::Session(_, session) => session_fields(session),
        Object::Workspace(_, workspace) => with(revoked_fields(Fields::new(), Some(workspace)), workspace.preference()),
    }
}

fn use_fields(fields: Fields, intent: &Intent, key: &JoinKey) -> Fields {
    let fields = if key.redemptions() > 0 { fields.number("used", key.redemptions()) } else { fields };
    match key.redeemed_by() {
        Some(peer) => fields.text("last_by", &name(intent, peer)),
        None => fields,
    }
}

fn session_fields(session: &Session) -> Fields {
    let fields = Fields::new().text("from", &session.started().to_string()).text("to", &session.ends().to_string());
    let fields = match session.idle_limit() {
        Some(limit) => fields.text("idle_limit", &format!("{limit:?}")),
        None => fields,
    };
    if session.is_revoked() { fields.flag("revoked") } else { fields }
}
