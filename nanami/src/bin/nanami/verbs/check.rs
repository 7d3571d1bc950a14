//! `check`: whether all assertions hold, on a state and on the change that leads to it.

use std::path::Path;

use crate::answer::{Answer, Exit};
use crate::args::Form;
use crate::failure::Failure;
use crate::source::Document;

pub(crate) fn run(file: &Path, against: Option<&Path>, form: &Form) -> Result<Answer, Failure> {
    let wanted = Document::read(file)?;
    let judgement = match against {
        None => wanted.desired().judge(&[]),
        Some(old) => {
            let old = Document::read(old)?;
            let next = old.revised(&wanted.intent, file)?;
            old.desired().what_if(&next).judge(&[])
        }
    };
    let exit = if judgement.holds() { Exit::Yes } else { Exit::Refused };
    Answer::of(&judgement, form, exit)
}
