//! `reach`: who gets where, before and after a change.

use std::fmt;
use std::path::Path;

use nanami::model::{Destination, Intent, PeerId, UserId};
use nanami::plan::{Reach, Who};
use schemars::JsonSchema;
use serde::Serialize;

use crate::answer::{Answer, Exit};
use crate::args::{self, Form};
use crate::failure::Failure;
use crate::source::Document;

pub(crate) fn run(file: &Path, who: &args::Who, plan: Option<&Path>, form: &Form) -> Result<Answer, Failure> {
    let read = Document::read(file)?;
    let before = reach(&read, &read.intent, who)?;
    let Some(new) = plan else {
        let exit = Exit::yes_if(before.passages().len() > 0);
        return Answer::of(&before, form, exit);
    };
    let next = read.revised(&Document::read(new)?.intent, new)?;
    let after = reach(&read, &next, who)?;
    let exit = Exit::yes_if(after.passages().len() > 0);
    Answer::of(&Twice { kind: "reach_twice", before, after }, form, exit)
}

fn reach(read: &Document, intent: &Intent, who: &args::Who) -> Result<Reach, Failure> {
    let who = resolved(intent, who)?;
    Ok(read.beside(&read.leads_to(intent)).reach(&who))
}

fn resolved(intent: &Intent, who: &args::Who) -> Result<Who, Failure> {
    match who {
        args::Who { from: Some(name), .. } => Ok(Who::From(intent.id::<PeerId>(name)?)),
        args::Who { to: Some(name), .. } => Ok(Who::To(destination(intent, name)?)),
        args::Who { user, .. } => Ok(Who::User(intent.id::<UserId>(user.as_deref().unwrap_or_default())?)),
    }
}

fn destination(intent: &Intent, name: &str) -> Result<Destination, Failure> {
    match intent.destination(name)? {
        Destination::Address(at) => Err(Failure::new(format!("{at} is nobody's address, and behind no route"))
            .with_remedy("name a peer, a route, or an address of one")),
        to => Ok(to),
    }
}

/// Reach before and after a change.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Twice {
    kind: &'static str,
    before: Reach,
    after: Reach,
}

impl fmt::Display for Twice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.alternate() {
            return write!(f, "Before\n{:#}\n\nAfter\n{:#}", self.before, self.after);
        }
        write!(f, "Before\n{}\n\nAfter\n{}", self.before, self.after)
    }
}
