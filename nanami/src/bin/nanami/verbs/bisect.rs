//! `bisect`: which change of a row of documents broke a flow, or opened it.

use std::path::PathBuf;

use nanami::plan::{BisectError, Named, bisect};

use crate::answer::{Answer, Exit};
use crate::args::{self, Form};
use crate::failure::Failure;
use crate::source::{Document, name_of};
use crate::waiting::Waiting;

pub(crate) fn run(flow: &args::Flow, files: &[PathBuf], form: &Form) -> Result<Answer, Failure> {
    let _waiting = Waiting::for_long(format!("asking {} documents", files.len()));
    let documents = files.iter().map(|file| Ok((name_of(file), Document::read(file)?.intent)));
    let documents = documents.collect::<Result<Vec<_>, Failure>>()?;
    let named = Named { from: &flow.from, to: &flow.to, service: flow.service };
    let found = bisect(named, documents)?;
    Answer::of(&found, form, Exit::yes_if(found.last().allowed()))
}

impl From<BisectError> for Failure {
    fn from(error: BisectError) -> Self {
        Self::new(error.to_string())
    }
}
