//! `diff`: what two documents differ in.

use std::path::Path;

use crate::answer::{Answer, Exit};
use crate::args::Form;
use crate::failure::Failure;
use crate::source::Document;

pub(crate) fn run(old: &Path, new: &Path, form: &Form) -> Result<Answer, Failure> {
    let old = Document::read(old)?;
    let next = old.revised(&Document::read(new)?.intent, new)?;
    let comparison = old.desired().what_if(&next).comparison();
    let exit = Exit::yes_if(comparison.is_empty());
    Answer::of(&comparison, form, exit)
}
