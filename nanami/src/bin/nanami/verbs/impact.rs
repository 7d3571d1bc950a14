//! `impact`: what a failure stops, moves or makes wait.

use std::path::Path;

use nanami::model::{GatewayId, Intent, RegionId};
use nanami::plan::{Failure as Dying, Fate};

use crate::answer::{Answer, Exit};
use crate::args::Form;
use crate::failure::Failure;
use crate::source::Document;
use crate::waiting::Waiting;

/// What dies.
pub(crate) struct Dead {
    pub(crate) gateways: Vec<String>,
    pub(crate) regions: Vec<String>,
    pub(crate) hosts: Vec<String>,
    pub(crate) control: bool,
    pub(crate) each: bool,
}

pub(crate) fn run(file: &Path, dead: &Dead, form: &Form) -> Result<Answer, Failure> {
    let read = Document::read(file)?;
    let desired = read.desired();
    let view = read.beside(&desired);
    let _waiting = Waiting::for_long("computing what fails".to_owned());
    if dead.each {
        let sweep = view.sweep();
        return Answer::of(&sweep, form, Exit::yes_if(sweep.tolls().iter().all(|toll| toll.lost == 0)));
    }
    let impact = view.impact(&dying(&read.intent, dead)?);
    let stops = impact.outcomes().iter().any(|outcome| matches!(outcome.fate(), Fate::Lost(_)));
    Answer::of(&impact, form, Exit::yes_if(!stops))
}

fn dying(intent: &Intent, dead: &Dead) -> Result<Dying, Failure> {
    let mut parts = Vec::new();
    for name in &dead.gateways {
        parts.push(Dying::gateway(intent.id::<GatewayId>(name)?));
    }
    for name in &dead.regions {
        parts.push(Dying::region(intent.id::<RegionId>(name)?));
    }
    for name in &dead.hosts {
        parts.push(Dying::host(intent.host(name)?));
    }
    if dead.control {
        parts.push(Dying::control());
    }
    parts.into_iter().reduce(Dying::and).ok_or_else(|| {
        Failure::new("nothing was named that dies")
            .with_remedy("name gateways, or --region R, --host H, --without-control, or --sweep for each gateway alone")
    })
}
