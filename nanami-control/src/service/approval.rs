//! Who must agree to a plan, and whether they have.
//!
//! **Invariant: nobody approves alone what they proposed, unless they are the only one who could.** A plan needs every group
//! that owns a network where a destination gains or loses reach. An admin of the group gives the group's consent; where a
//! group has none, an owner of the workspace does. In a workspace that is still empty, the groups that a plan makes are
//! represented by the admins that it names for them.

use nanami_model::{Actor, GroupId, Intent, Permission, Revision, Role, UserId};

use super::audit::Approval;

/// A group whose consent is missing, and who could give it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// The group.
    pub group: GroupId,
    /// Who could approve for it, by name's order.
    pub could: Vec<UserId>,
}

/// Who may approve for `group` a plan that leads from `before` to `after`.
#[must_use]
pub fn approvers(before: &Intent, after: &Intent, group: GroupId) -> Vec<UserId> {
    let intent = if before.revision() == Revision::ZERO { after } else { before };
    let admins =
        |user: &nanami_model::User| user.roles().any(|(on, role)| on == group && role.permits(Permission::PlanApprove));
    let named = who(intent, admins);
    if named.is_empty() { who(before, |user| user.role() == Some(Role::Owner)) } else { named }
}

/// Whether `by` may approve a plan that needs these groups.
#[must_use]
pub fn may_approve(before: &Intent, after: &Intent, groups: &[GroupId], by: Actor) -> bool {
    let Actor::User(user) = by else { return false };
    groups.iter().any(|group| approvers(before, after, *group).contains(&user))
}

/// The groups whose consent is missing; a plan without any may be applied.
#[must_use]
pub fn missing(
    before: &Intent,
    after: &Intent,
    groups: &[GroupId],
    proposed_by: Actor,
    approvals: &[Approval],
) -> Vec<Missing> {
    let missing = |group: &GroupId| {
        let could = approvers(before, after, *group);
        let others = could.iter().filter(|user| Actor::User(**user) != proposed_by);
        let alone = others.clone().next().is_none();
        let given = alone || others.clone().any(|user| approvals.iter().any(|approval| approval.by == *user));
        (!given).then_some(Missing { group: *group, could })
    };
    groups.iter().filter_map(missing).collect()
}

fn who(intent: &Intent, is: impl Fn(&nanami_model::User) -> bool) -> Vec<UserId> {
    intent.users().filter(|(_, user)| is(user)).map(|(id, _)| id).collect()
}

#[cfg(test)]
mod tests {
    use nanami_model::{Group, Timestamp, User, name};

    use super::*;

    struct Story {
        empty: Intent,
        acme: Intent,
        platform: GroupId,
        delivery: GroupId,
        lead: UserId,
        member: UserId,
    }

    /// netops owns; platform-lead administers platform; delivery has no admin.
    fn story() -> Story {
        let empty = Intent::new(name!("acme"), User::new(name!("netops")));
        let mut draft = empty.draft();
        let platform = draft.add(Group::new(name!("platform")));
        let delivery = draft.add(Group::new(name!("delivery")));
        let lead = draft.add(User::new(name!("platform-lead")).with_group_role(platform, Role::Admin));
        let member = draft.add(User::new(name!("dev")).with_group_role(platform, Role::Member));
        let acme = empty.apply(empty.owner(), &draft.into_changes()).unwrap();
        Story { empty, acme, platform, delivery, lead, member }
    }

    fn given(by: UserId) -> [Approval; 1] {
        [Approval { by, at: Timestamp::from_millis(1) }]
    }

    #[test]
    fn an_admin_of_the_group_approves_and_the_owner_does_not() {
        let s = story();
        let (owner, groups) = (s.acme.owner(), [s.platform]);
        let Actor::User(netops) = owner else { panic!("an owner is a user") };
        let waiting = missing(&s.acme, &s.acme, &groups, owner, &[]);
        assert_eq!(waiting, [Missing { group: s.platform, could: vec![s.lead] }]);
        assert_eq!(missing(&s.acme, &s.acme, &groups, owner, &given(netops)), waiting);
        assert_eq!(missing(&s.acme, &s.acme, &groups, owner, &given(s.member)), waiting);
        assert_eq!(missing(&s.acme, &s.acme, &groups, owner, &given(s.lead)), []);
        assert!(may_approve(&s.acme, &s.acme, &groups, Actor::User(s.lead)));
        assert!(!may_approve(&s.acme, &s.acme, &groups, Actor::User(s.member)));
        assert!(!may_approve(&s.acme, &s.acme, &groups, Actor::Control));
    }

    #[test]
    fn an_owner_stands_in_for_a_group_without_an_admin() {
        let s = story();
        let by_lead = missing(&s.acme, &s.acme, &[s.delivery], Actor::User(s.lead), &[]);
        let Actor::User(netops) = s.acme.owner() else { panic!("an owner is a user") };
        assert_eq!(by_lead, [Missing { group: s.delivery, could: vec![netops] }]);
        assert_eq!(missing(&s.acme, &s.acme, &[s.delivery], s.acme.owner(), &[]), [], "the only one who could");
    }

    #[test]
    fn nobody_approves_alone_what_they_proposed_unless_they_are_the_only_one_who_could() {
        let s = story();
        let lead = Actor::User(s.lead);
        assert_eq!(missing(&s.acme, &s.acme, &[s.platform], lead, &[]), [], "platform-lead is alone");
        let mut draft = s.acme.draft();
        let second = draft.add(User::new(name!("second")).with_group_role(s.platform, Role::Admin));
        let two = s.acme.apply(s.acme.owner(), &draft.into_changes()).unwrap();
        assert_eq!(missing(&two, &two, &[s.platform], lead, &given(s.lead)).len(), 1);
        assert_eq!(missing(&two, &two, &[s.platform], lead, &given(second)), []);
    }

    #[test]
    fn in_an_empty_workspace_the_admins_that_the_plan_names_speak_for_its_groups() {
        let s = story();
        assert_eq!(approvers(&s.empty, &s.acme, s.platform), [s.lead]);
        assert!(may_approve(&s.empty, &s.acme, &[s.platform], Actor::User(s.lead)));
        // Later a plan cannot bring its own approvers along.
        let mut draft = s.acme.draft();
        let group = draft.add(Group::new(name!("new")));
        let own = draft.add(User::new(name!("own")).with_group_role(group, Role::Admin));
        let next = s.acme.apply(s.acme.owner(), &draft.into_changes()).unwrap();
        assert!(!approvers(&s.acme, &next, group).contains(&own));
    }
}
