//! `what-if`: a few edits to a document, and what they would mean.

use std::path::Path;

use nanami::plan::{Base, plan};

use crate::answer::{Answer, Exit};
use crate::args::Form;
use crate::document::{self, Edit};
use crate::failure::Failure;
use crate::source::{self, Document, Syntax};

pub(crate) fn run(
    file: &Path,
    edits: &[String],
    remove: &[String],
    output: Option<&Path>,
    form: &Form,
) -> Result<Answer, Failure> {
    let read = Document::read(file)?;
    let edits = edits.iter().map(|text| Edit::set(text)).chain(remove.iter().map(|text| Edit::remove(text)));
    let text = document::edited(&read, &edits.collect::<Result<Vec<_>, _>>()?)?;
    let wanted = source::parse(&text, Syntax::Toml)
        .map_err(|errors| source::mistakes(&errors, &format!("{} with these edits", source::name_of(file))))?;
    let next = read.revised(&wanted, file)?;
    if let Some(path) = output {
        source::write(path, &text)?;
    }
    let plan = plan(&Base::settled(&read.desired()), &read.leads_to(&next), read.observed(), read.at());
    let exit = match plan.check_assertions(&[]) {
        Err(_) => Exit::Refused,
        Ok(()) => Exit::yes_if(plan.is_empty()),
    };
    Answer::of(&plan, form, exit)
}
