//! `explain`: why a flow passes, or everything that stops it and what would change that.

use std::path::Path;

use nanami::model::{Flow, Intent};
use nanami::plan::{Base, Explanation, Fix, WhyNot, plan};

use crate::answer::{Answer, Exit};
use crate::args::{self, Form};
use crate::document;
use crate::failure::Failure;
use crate::source::{self, Document};

pub(crate) fn run(
    file: &Path,
    flow: &args::Flow,
    fix: Option<usize>,
    output: Option<&Path>,
    form: &Form,
) -> Result<Answer, Failure> {
    let read = Document::read(file)?;
    let asked = asked(&read.intent, flow)?;
    let desired = read.desired();
    let explanation = read.beside(&desired).explain(&asked);
    let Some(number) = fix else {
        let exit = Exit::yes_if(matches!(explanation, Explanation::Allowed(_)));
        return Answer::of(&explanation, form, exit);
    };
    let fix = chosen(&explanation, number)?;
    let refused = |refused: nanami::model::Refused| Failure::new(refused.to_string());
    let next = read.intent.apply(read.intent.owner(), fix.changes()).map_err(refused)?;
    if let Some(path) = output {
        let text = document::merged(&read, &next)?;
        source::write(path, &text)?;
    }
    let plan = plan(&Base::settled(&desired), &read.leads_to(&next), read.observed(), read.at());
    Answer::of(&plan, form, Exit::No)
}

/// The flow that was asked about.
pub(crate) fn asked(intent: &Intent, flow: &args::Flow) -> Result<Flow, Failure> {
    Ok(intent.flow(&flow.from, &flow.to, flow.service)?)
}

fn chosen(explanation: &Explanation, number: usize) -> Result<&Fix, Failure> {
    let Explanation::Denied(why_not) = explanation else {
        return Err(Failure::new("the flow is allowed: there is nothing to fix"));
    };
    why_not.fixes().get(number - 1).ok_or_else(|| none(why_not, number))
}

fn none(why_not: &WhyNot, number: usize) -> Failure {
    let failure = Failure::new(format!("there is no fix {number}"));
    match why_not.fixes().len() {
        0 => failure.with_remedy("no single change opens this flow; ask without --fix for all that stands in the way"),
        1 => failure.with_remedy("there is one: --fix 1"),
        n => failure.with_remedy(format!("there are {n}: --fix 1 to --fix {n}")),
    }
}
