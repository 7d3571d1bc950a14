//! `plan`: what a document means, or the change between two.

use std::path::Path;

use nanami::model::Observed;
use nanami::plan::{Base, plan};

use crate::answer::{Answer, Exit};
use crate::args::Form;
use crate::failure::Failure;
use crate::source::Document;

pub(crate) fn run(file: &Path, against: Option<&Path>, form: &Form) -> Result<Answer, Failure> {
    let wanted = Document::read(file)?;
    let plan = match against {
        None => plan(&Base::nothing(), &wanted.desired(), Observed::none(), wanted.at()),
        Some(old) => {
            let old = Document::read(old)?;
            let next = old.revised(&wanted.intent, file)?;
            let base = Base::settled(&old.desired());
            plan(&base, &old.leads_to(&next), old.observed(), old.at())
        }
    };
    let exit = match plan.check_assertions(&[]) {
        Err(_) => Exit::Refused,
        Ok(()) => Exit::yes_if(plan.is_empty()),
    };
    Answer::of(&plan, form, exit)
}
