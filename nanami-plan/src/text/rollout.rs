//! The steps of a stage as rows: who, what, why.
//!
//! **Invariant**: a row speaks of steps with one reason; what it does not spell out it counts.

use std::collections::{BTreeMap, BTreeSet};

use nanami_model::Destination;

use super::count;
use crate::bitmap::Bitmap;
use crate::stage::Stage;
use crate::step::{Action, Reason};
use crate::steps::Steps;
use crate::steps::bundle::{Bundle, Deed};

/// One row of a stage.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) who: String,
    pub(crate) what: String,
    pub(crate) why: String,
}

/// Rows that name everything: one for each thing that is done for one reason, whoever does it.
pub(crate) fn each(steps: &Steps, stage: Stage) -> Vec<Row> {
    let mut rows: BTreeMap<(String, Kind, String), Vec<String>> = BTreeMap::new();
    for step in steps.of(stage) {
        for (action, sentence) in step.actions.iter().zip(&step.sentences) {
            let key = (why(&step.reason), Kind::of(action), sentence.clone());
            rows.entry(key).or_default().push(step.name.to_string());
        }
    }
    let row =
        |((why, _, what), who): ((String, Kind, String), Vec<String>)| Row { who: some(who.len(), || who), what, why };
    rows.into_iter().map(row).collect()
}

/// Rows that gather what is done alike for one reason: its tunnels, its routes, what it lets through.
pub(crate) fn gathered(steps: &Steps, stage: Stage) -> Vec<Row> {
    let mut rows: BTreeMap<(String, Kind), Gathered<'_>> = BTreeMap::new();
    for bundle in steps.bundles.iter().filter(|bundle| bundle.stage == stage) {
        let row = rows.entry((why(&bundle.reason), Kind::of_deed(&bundle.deed))).or_default();
        bundle.who.add_to(&mut row.who);
        row.bundles.push(bundle);
    }
    let row = |((why, kind), row): ((String, Kind), Gathered<'_>)| {
        let names = || steps.named(&row.who).into_iter().map(|(name, ..)| name.to_string()).collect();
        let (many, sentences) = row.sentences(steps);
        Row { who: some(row.who.count(), names), what: kind.gather(many, &sentences), why }
    };
    rows.into_iter().map(row).collect()
}

#[derive(Default)]
struct Gathered<'a> {
    who: Bitmap,
    bundles: Vec<&'a Bundle>,
}

/// The most pairs that are told one by one to see which sentences are the same.
const EACH: usize = 4096;

impl Gathered<'_> {
    /// How many different sentences there are, and if they are few, all of them.
    fn sentences(&self, steps: &Steps) -> (usize, BTreeSet<String>) {
        if self.bundles.iter().map(|bundle| bundle.pairs()).sum::<usize>() > EACH {
            return self.counted(steps);
        }
        let mut sentences = BTreeSet::new();
        for bundle in &self.bundles {
            for slot in bundle.who.iter() {
                let Some((at, _)) = steps.after.intent().in_slot(slot) else { continue };
                let actions = bundle.actions(slot, steps.before.as_ref(), &steps.after);
                sentences.extend(actions.map(|action| action.sentence(at, &steps.names)));
            }
        }
        (sentences.len(), sentences)
    }

    /// The same of many: whoever lets somebody through says the same as others who do, and both ends of a tunnel say the same.
    fn counted(&self, steps: &Steps) -> (usize, BTreeSet<String>) {
        let (mut ends, mut pairs) = (0, 0);
        let mut others: BTreeMap<(&Deed, Option<Destination>), Bitmap> = BTreeMap::new();
        let mut sentences = BTreeSet::new();
        for bundle in &self.bundles {
            match &bundle.deed {
                Deed::Only(action) => {
                    let all = bundle.who.iter().filter_map(|slot| steps.after.intent().in_slot(slot));
                    let all = all.take(if action.is_same_everywhere() { 1 } else { usize::MAX });
                    sentences.extend(all.map(|(at, _)| action.sentence(at, &steps.names)));
                }
                // The other end says the same, if it is there.
                Deed::Connect | Deed::Disconnect if matches!(bundle.reason, Reason::Because(_)) => {
                    let state = bundle.state(steps.before.as_ref(), &steps.after).intent();
                    let stays =
                        |slot| state.in_slot(slot).is_some_and(|(id, _)| steps.after.intent().get(id).is_some());
                    let staying = bundle.whom.iter().filter(|slot| stays(*slot)).count();
                    let alone = (bundle.whom.count() - staying) * bundle.who.count();
                    ends += bundle.pairs() - alone;
                    pairs += alone;
                }
                Deed::Connect | Deed::Disconnect | Deed::Rekey | Deed::Attribute(None) => pairs += bundle.pairs(),
                deed => {
                    let to = if let Deed::Attribute(to) = deed { *to } else { None };
                    bundle.whom.add_to(others.entry((deed, to)).or_default());
                }
            }
        }
        let let_through: usize = others.values().map(Bitmap::count).sum();
        let many = ends / 2 + pairs + let_through + sentences.len();
        if let (1, Some(((deed, _), whom))) = (many, others.iter().next()) {
            let bundle = self.bundles.iter().find(|bundle| bundle.deed == **deed);
            let state = bundle.map(|bundle| bundle.state(steps.before.as_ref(), &steps.after).intent());
            let other = whom.iter().next().and_then(|slot| Some(state?.in_slot(slot)?.0));
            let at = self.who.iter().next().and_then(|slot| Some(steps.after.intent().in_slot(slot)?.0));
            let action = at.zip(other).and_then(|(at, other)| Some((at, deed.action(at, other)?)));
            sentences.extend(action.map(|(at, action)| action.sentence(at, &steps.names)));
        }
        (many, sentences)
    }
}

/// What is alike, in the order in which it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Itself,
    Tunnel,
    DropTunnel,
    Route,
    Accept,
    Forward,
    Masquerade,
}

impl Kind {
    fn of(action: &Action) -> Self {
        match action {
            Action::Start | Action::Renumber | Action::Ranges => Self::Itself,
            Action::Connect { .. } | Action::Rekey { .. } => Self::Tunnel,
            Action::Disconnect { .. } => Self::DropTunnel,
            Action::Route { .. } | Action::Move { .. } | Action::Unroute { .. } => Self::Route,
            Action::StandBy { .. } | Action::StandDown { .. } => Self::Route,
            Action::Accept { .. } | Action::Refuse { .. } => Self::Accept,
            Action::Forward { .. } | Action::StopForwarding { .. } | Action::Attribute { .. } => Self::Forward,
            Action::Masquerade { .. } | Action::StopMasquerading { .. } => Self::Masquerade,
        }
    }

    fn of_deed(deed: &Deed) -> Self {
        match deed {
            Deed::Connect | Deed::Rekey => Self::Tunnel,
            Deed::Disconnect => Self::DropTunnel,
            Deed::Accept(_) | Deed::Refuse(_) => Self::Accept,
            Deed::Forward(..) | Deed::StopForwarding(..) | Deed::Attribute(_) => Self::Forward,
            Deed::Only(action) => Self::of(action),
        }
    }

    /// One thing in words; several tunnels by the end that they share; else how many.
    fn gather(self, many: usize, sentences: &BTreeSet<String>) -> String {
        if let (1, Some(only)) = (many, sentences.first()) {
            return only.clone();
        }
        let hub = |head| hub(sentences, head).filter(|_| sentences.len() == many);
        match self {
            Self::Tunnel => hub("tunnel ").unwrap_or_else(|| count(many, "tunnel")),
            Self::DropTunnel => hub("drop tunnel ").unwrap_or_else(|| format!("drop {}", count(many, "tunnel"))),
            Self::Route => count(many, "route"),
            Self::Accept | Self::Forward => count(many, "flow"),
            Self::Masquerade => format!("{} with another return path", count(many, "route")),
            Self::Itself => count(many, "change"),
        }
    }
}

/// `tunnels ci-runner - eu-west, us-east`, if there are few, and one end is the same.
fn hub(sentences: &BTreeSet<String>, head: &str) -> Option<String> {
    let ends = |text: &String| {
        let (a, b) = text.strip_prefix(head)?.split_once(" - ")?;
        Some([a.to_owned(), b.to_owned()])
    };
    let pairs: Vec<[String; 2]> = sentences.iter().map(ends).collect::<Option<_>>()?;
    let shared = pairs.first()?.iter().find(|end| pairs.iter().all(|pair| pair.contains(end)))?;
    let others: Vec<_> = pairs.iter().flatten().filter(|end| *end != shared).cloned().collect();
    (others.len() <= 3).then(|| format!("{}s {shared} - {}", head.trim_end(), others.join(", ")))
}

/// A policy by its name alone, for most reasons are policies.
fn why(reason: &Reason) -> String {
    let text = reason.to_string();
    text.strip_prefix("policy ").map(str::to_owned).unwrap_or(text)
}

/// The names, or how many there are.
fn some(many: usize, names: impl FnOnce() -> Vec<String>) -> String {
    if many > 2 { count(many, "peer") } else { names().join(", ") }
}
