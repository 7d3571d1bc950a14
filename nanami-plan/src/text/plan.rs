//! The plan as people read it: what changes, what that means, who must approve, what peers do, what is promised.

use std::collections::BTreeMap;
use std::fmt;

use nanami_model::{GroupId, Intent, ObjectId, Permission, Role};

use super::rollout::{self, Row};
use super::{Limit, Table, count, wrap};
use crate::assertion::AssertionsFailed;
use crate::changes::{Edit, EditKind};
use crate::drift::Drift;
use crate::effect::Passage;
use crate::guarantee::{Guarantee, Precondition};
use crate::names::Names;
use crate::notice::Notice;
use crate::plan::Plan;
use crate::stage::Stage;
use crate::usage::InUse;

/// The longest text that is not asked to be complete.
const LINES: usize = 24;

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Text::new(self, f.alternate());
        // What does not fit so does not fit unabridged either, and nothing is listed for it.
        let whole = if f.alternate() { Limit::NONE } else { Limit::rows(LINES) };
        let mut lines = text.lines(whole, whole);
        // Lists give way until the page holds them, those of the rollout before what it is for.
        let rows = (1..=8).rev().flat_map(|reach| (2..=12).rev().map(move |rest| (reach, rest)));
        let mut rows = rows.chain((1..=8).rev().map(|reach| (reach, 1))).filter(|_| !f.alternate());
        while lines.len() > LINES
            && let Some((reach, rest)) = rows.next()
        {
            lines = text.lines(Limit::rows(reach), Limit::rows(rest));
        }
        // What is busy in every way gives up the space between its sections, the last first.
        while !f.alternate()
            && lines.len() > LINES
            && let Some(blank) = lines.iter().rposition(String::is_empty)
        {
            lines.remove(blank);
        }
        f.write_str(&lines.join("\n"))
    }
}

struct Text<'a> {
    plan: &'a Plan,
    full: bool,
    limit: Limit,
    stages: Vec<(Stage, Vec<Row>)>,
    asserted: Result<(), AssertionsFailed>,
    notices: Vec<Notice>,
    in_use: Option<InUse>,
}

impl<'a> Text<'a> {
    fn new(plan: &'a Plan, full: bool) -> Self {
        let rows = |stage| if full { rollout::each(&plan.steps, stage) } else { rollout::gathered(&plan.steps, stage) };
        let stages = Stage::ALL.map(|stage| (stage, rows(stage))).to_vec();
        let notices = if plan.is_empty() { Vec::new() } else { plan.notices() };
        let in_use = plan.evidence.in_use(&plan.effect);
        Self { plan, full, limit: Limit::NONE, stages, asserted: plan.check_assertions(&[]), notices, in_use }
    }

    fn lines(&mut self, reach: Limit, rest: Limit) -> Vec<String> {
        self.limit = rest;
        if self.plan.is_empty() {
            let mut lines = vec![self.heading()];
            lines.extend(self.besides(Vec::new()));
            return lines;
        }
        let reach = self.reachability(reach);
        let sections = [vec![self.heading()], self.changes(), reach, self.judgement(), self.rollout(), self.next()];
        let sections = sections.into_iter().filter(|lines| !lines.is_empty());
        sections.collect::<Vec<_>>().join(&String::new())
    }

    fn names(&self) -> &Names {
        self.plan.effect.names()
    }

    fn after(&self) -> &Intent {
        self.plan.desired.intent()
    }

    fn heading(&self) -> String {
        let (after, plan) = (self.after(), self.plan);
        if plan.is_empty() {
            return format!(
                "Nothing to do for {}: revision {} is what is planned already.",
                after.name(),
                after.revision()
            );
        }
        let before = plan.base.intent().map_or(nanami_model::Revision::ZERO, Intent::revision);
        let by = plan.author.map(|user| format!(" by {}", self.names().of(user))).unwrap_or_default();
        let (name, revision, edits) = (after.name(), after.revision(), count(plan.edits.len(), "change"));
        format!("Plan {} for {name}, revision {before} -> {revision}: {edits}{by}. Not applied.", plan.id())
    }

    fn changes(&self) -> Vec<String> {
        edit_lines(&self.plan.edits, if self.full { Limit::NONE } else { Limit::rows(self.limit.most(8)) })
    }

    fn reachability(&self, limit: Limit) -> Vec<String> {
        let used = |passage: &Passage| self.plan.evidence.about(passage);
        let evidence = |passage: &Passage| Some(used(passage).map_or_else(|| "use unknown".to_owned(), super::used));
        super::effect::lines(&self.plan.effect, limit, &evidence, self.in_use)
    }

    /// Assertions, approval and notices: what stands between the plan and its being applied, and what to look at before.
    fn judgement(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let total = self.after().assertions().len();
        match &self.asserted {
            Ok(()) if total == 0 => lines.extend(wrap(ASSERTIONS, "none")),
            Ok(()) => lines.extend(wrap(ASSERTIONS, &format!("{total} of {total} hold once it is applied"))),
            Err(failed) => {
                let broken = failed.broken();
                let held = total.saturating_sub(broken.len());
                lines.extend(wrap(ASSERTIONS, &format!("{held} of {total} hold, so it will not be applied")));
                let (shown, more) = self.limit.split(broken.len());
                for broken in &broken[..shown] {
                    lines.extend(wrap("  BROKEN      ", &broken.to_string().replacen("assertion ", "", 1)));
                }
                if more > 0 {
                    lines.push(format!("              … and {more} more"));
                }
            }
        }
        let approvals: Vec<_> = self.plan.effect.approvals().iter().map(|group| self.approval(*group)).collect();
        let approvals = match (approvals.len(), self.full) {
            (0, _) => "not needed".to_owned(),
            (n, false) if n > 3 => format!("{}; and {} more", approvals[..2].join("; "), count(n - 2, "group")),
            _ => approvals.join("; "),
        };
        lines.extend(wrap("Approval      ", &approvals));
        lines
            .extend(notice_lines(&self.notices, if self.full { Limit::NONE } else { Limit::rows(self.limit.most(3)) }));
        lines
    }

    /// Which group must approve, for what it owns, and who can.
    fn approval(&self, group: GroupId) -> String {
        let intents = [Some(self.after()), self.plan.base.intent()];
        let owned = intents.into_iter().flatten().find_map(|intent| {
            let own = intent.networks().filter(|(_, network)| network.owner() == group);
            let names: Vec<_> = own.map(|(_, network)| nanami_model::Entity::name(network).to_string()).collect();
            (!names.is_empty()).then(|| names.join(", "))
        });
        let owned = owned.map(|names| format!(" (owns {names})")).unwrap_or_default();
        format!("{}{owned}: waiting for {}", self.names().of(group), approvers(self.after(), group).join(" or "))
    }

    fn rollout(&self) -> Vec<String> {
        let plan = self.plan;
        if plan.steps.is_empty() {
            let mut lines = vec!["Rollout       no peer's map changes".to_owned()];
            lines.extend(self.besides(Vec::new()));
            return lines;
        }
        let (changed, waiting) = (plan.steps.count(), plan.steps.count_of(|peer| peer.key().is_none()));
        let how = match waiting {
            0 => "each takes its new map whole, at its own moment".to_owned(),
            all if all == changed => "each takes its map when it joins".to_owned(),
            some => format!("each takes its new map whole, at its own moment; {some} when they join"),
        };
        let of = self.after().peers().len();
        let mut lines = vec![format!("Rollout       {changed} of {} change; {how}", count(of, "peer"))];
        lines.extend(self.stages());
        lines.extend(wrap("Guarantees    ", &self.guarantees()));
        let rest = plan.residual().iter().map(|exposure| ("Until then    ", exposure.to_string()));
        lines.extend(self.besides(rest.chain(self.elsewhere().map(|text| ("Elsewhere     ", text))).collect()));
        lines
    }

    /// What to know beside the change, under its heads: first what was altered on machines that the plan starts from.
    fn besides(&self, rest: Vec<(&'static str, String)>) -> Vec<String> {
        let altered = self.altered().into_iter().map(|text| ("Altered       ", text));
        let rest: Vec<_> = altered.chain(rest).collect();
        let mut lines = Vec::new();
        let (shown, more) = self.limit.split(rest.len());
        lines.extend(rest[..shown].iter().flat_map(|(head, text)| wrap(head, text)));
        if more > 0 {
            let head = if shown == 0 { rest[0].0 } else { "              " };
            lines.push(format!("{head}… and {more} more"));
        }
        lines
    }

    /// What was altered on machines: a sentence for each of the first peers, or for each entry in the whole text.
    fn altered(&self) -> Vec<String> {
        if self.full {
            return self.plan.drift.iter().flat_map(Drift::sentences).collect();
        }
        let peers: Vec<_> = self.plan.drift.chunk_by(|a, b| a.peer() == b.peer()).collect();
        let (shown, more) = Limit::rows(2).split(peers.len());
        let first = |of: &[Drift]| {
            let mut sentences = of.iter().flat_map(Drift::sentences);
            let first = sentences.next().unwrap_or_default();
            match sentences.count() {
                0 => first,
                more => format!("{first}; and {more} more there"),
            }
        };
        let mut altered: Vec<_> = peers[..shown].iter().map(|of| first(of)).collect();
        altered.extend((more > 0).then(|| format!("… and {} besides", count(more, "peer"))));
        altered
    }

    /// What somebody else must see to, in one sentence.
    fn elsewhere(&self) -> Option<String> {
        let text = |declared: bool| {
            let of = |p: &Precondition| match p {
                Precondition::ReturnPath { route, declared: d } if *d == declared => Some(route.id()),
                _ => None,
            };
            let routes: Vec<ObjectId> = self.plan.external.iter().filter_map(of).collect();
            (!routes.is_empty()).then(|| self.names().list(&routes))
        };
        let declared = text(true).map(|routes| format!("answers from {routes} return as declared"));
        let unstated = text(false).map(|routes| format!("how answers from {routes} return, nobody has said"));
        let masked = self.plan.external.iter().filter_map(|p| match p {
            Precondition::Masquerade { route } => Some(route.id()),
            _ => None,
        });
        let masked: Vec<ObjectId> = masked.collect();
        let masked = (!masked.is_empty()).then(|| {
            format!(
                "the gateways of {} masquerade, as Nanami's Linux hosts do by themselves",
                self.names().list(&masked)
            )
        });
        let texts: Vec<_> = declared.into_iter().chain(unstated).chain(masked).collect();
        (!texts.is_empty()).then(|| texts.join("; "))
    }

    fn stages(&self) -> Vec<String> {
        let mut table = Table::new(2);
        for (stage, rows) in &self.stages {
            let (shown, more) = self.limit.split(rows.len());
            let label = |n: usize| if n == 0 { stage.to_string() } else { String::new() };
            for (n, row) in rows.iter().take(shown).enumerate() {
                table.row([label(n), row.who.clone(), row.what.clone(), row.why.clone()]);
            }
            if more > 0 {
                table.row([label(shown), format!("… and {more} more")]);
            }
        }
        table.lines()
    }

    fn guarantees(&self) -> String {
        let before = self.plan.base.intent().map_or(nanami_model::Revision::ZERO, Intent::revision);
        let held = |guarantee| self.plan.guarantees.contains(&guarantee);
        let first = match held(Guarantee::NoOverGrant) {
            true => format!("G1 nothing passes that neither revision {before} nor {} allows", self.after().revision()),
            false => "G1 does not hold: an address means somebody else".to_owned(),
        };
        let disturbed = self.plan.effect.disturbed().count();
        let second = match held(Guarantee::KeptContinue) {
            true => "G2 kept flows continue".to_owned(),
            false => format!("G2 not for {}", count(disturbed, "kept flow")),
        };
        format!("{first}; {second}")
    }

    fn next(&self) -> Vec<String> {
        let needed = self.plan.effect.approvals();
        let asserted = self.asserted.is_ok();
        let text = match (asserted, needed.is_empty()) {
            (false, _) => "change it until its assertions hold".to_owned(),
            (true, true) => "apply it".to_owned(),
            (true, false) if needed.len() > 3 => format!("approval for {} groups, then apply it", needed.len()),
            (true, false) => format!("approval for {}, then apply it", self.names().list(needed)),
        };
        wrap("Next          ", &text)
    }
}

/// What is suspicious, each with its remedy; then how many more there are.
pub(super) fn notice_lines(notices: &[Notice], limit: Limit) -> Vec<String> {
    let (shown, more) = limit.split(notices.len());
    let mut lines: Vec<_> =
        notices[..shown].iter().flat_map(|notice| wrap("Notice        ", &notice.to_string())).collect();
    if more > 0 {
        lines.push(format!("{}… and {more} more", if shown == 0 { "Notice        " } else { "              " }));
    }
    lines
}

/// The objects that change, one by one, or where they are more than the limit so many of each kind.
pub(super) fn edit_lines(edits: &[Edit], limit: Limit) -> Vec<String> {
    if edits.len() > limit.most(usize::MAX) {
        return summary(edits);
    }
    let mut table = Table::new(2);
    for edit in edits {
        let head = format!("{} {} {}", edit.sign(), edit.object().id().kind(), edit.name());
        table.row(std::iter::once(head).chain(edit.cells()));
    }
    table.lines()
}

/// So many of each kind.
fn summary(edits: &[Edit]) -> Vec<String> {
    let mut counted: BTreeMap<(EditKind, usize, &str), (&'static str, usize)> = BTreeMap::new();
    for edit in edits {
        counted.entry((edit.kind(), edit.rank(), edit.object().id().kind())).or_insert((edit.sign(), 0)).1 += 1;
    }
    let mut lines = Vec::new();
    for kind in [EditKind::Add, EditKind::Update, EditKind::Remove] {
        let of_kind: Vec<_> = counted.iter().filter(|((k, ..), _)| *k == kind).collect();
        let Some((_, (sign, _))) = of_kind.first() else { continue };
        let texts: Vec<_> = of_kind.iter().map(|((.., word), (_, n))| count(*n, word)).collect();
        lines.extend(wrap(&format!("  {sign} "), &texts.join(", ")));
    }
    lines
}

const ASSERTIONS: &str = "Assertions    ";

/// Who may approve for a group: its admins, or where there is none the owners of the workspace; by name.
pub(crate) fn approvers(intent: &Intent, group: GroupId) -> Vec<String> {
    let named = |keep: &dyn Fn(&nanami_model::User) -> bool| -> Vec<String> {
        let kept = intent.users().filter(|(_, user)| keep(user));
        kept.map(|(_, user)| nanami_model::Entity::name(user).to_string()).collect()
    };
    let admins = named(&|user| user.roles().any(|(on, role)| on == group && role.permits(Permission::PlanApprove)));
    if admins.is_empty() { named(&|user| user.role() == Some(Role::Owner)) } else { admins }
}
