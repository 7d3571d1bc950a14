//! `status`: which peers are behind, altered or silent, and since when, by a recording.

use std::path::Path;

use nanami::plan::State;

use crate::answer::{Answer, Exit};
use crate::args::Form;
use crate::failure::Failure;
use crate::source::Document;

pub(crate) fn run(file: &Path, form: &Form) -> Result<Answer, Failure> {
    let read = Document::read(file)?;
    let desired = read.desired();
    let overview = read.beside(&desired).overview();
    let amiss = [State::Behind, State::Altered, State::Foreign, State::Unknown];
    let exit = Exit::yes_if(amiss.iter().all(|state| overview.count(*state) == 0));
    Answer::of(&overview, form, exit)
}
