//! A workspace: one revision of an intent, beside what was observed of it if it comes of a recording.

mod ask;
mod name;
mod read;

use std::sync::{Arc, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

use nanami_model::{Actor, Intent, Observed, Recording, Timestamp, User, UserId};
use nanami_plan::board::Detail;
use nanami_plan::{Desired, Selection, View, compile};
use pyo3::prelude::*;

use crate::answer::Answer;
use crate::changes::Changes;
use crate::edge::work;
use crate::import::named;
use crate::trouble::Trouble;

/// A workspace at one revision.
#[pyclass(frozen, module = "nanami._nanami")]
pub(crate) struct Core {
    intent: Intent,
    recording: Option<Arc<Recording>>,
    /// Shared by the revisions that came of one another by changes.
    lineage: Arc<()>,
    desired: OnceLock<Desired>,
    /// Which gateways serve whom, as control had chosen; the order of the document, unless this comes of a recording.
    selection: Arc<Selection>,
}

impl Core {
    pub(crate) fn of(intent: Intent) -> Self {
        let (recording, lineage, desired, selection) = Default::default();
        Self { intent, recording, lineage, desired, selection }
    }

    pub(crate) fn intent(&self) -> &Intent {
        &self.intent
    }

    fn recorded(recording: Recording, selection: Selection) -> Self {
        let of = Self::of(recording.intent().clone());
        Self { recording: Some(Arc::new(recording)), selection: Arc::new(selection), ..of }
    }

    /// A revision that came of this one.
    fn next(&self, intent: Intent) -> Self {
        let (recording, lineage, selection) = (self.recording.clone(), self.lineage.clone(), self.selection.clone());
        Self { intent, recording, lineage, desired: OnceLock::new(), selection }
    }

    /// The other workspace as a revision of this one: what both name is the same object.
    fn followed_by(&self, wanted: &Self) -> Result<Self, Trouble> {
        if Arc::ptr_eq(&self.lineage, &wanted.lineage) {
            return Ok(self.next(wanted.intent.clone()));
        }
        Ok(self.next(self.intent.revised(&wanted.intent)?))
    }

    fn desired(&self) -> &Desired {
        self.desired.get_or_init(|| compile(&self.intent, &self.selection))
    }

    fn observed(&self) -> &Observed {
        self.recording.as_deref().map_or(Observed::none(), Recording::observed)
    }

    /// The moment that ages count to: that of the recording, or now.
    fn at(&self) -> Timestamp {
        self.recording.as_deref().map_or_else(now, Recording::at)
    }

    fn view(&self) -> View<'_> {
        let view = self.desired().beside(self.observed(), self.at());
        match &self.recording {
            Some(recording) => view.with_generations(recording.generations()),
            None => view,
        }
    }

    fn user(&self, name: &str) -> Result<UserId, Trouble> {
        Ok(self.intent.id::<UserId>(name)?)
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

#[pymethods]
impl Core {
    /// The empty workspace: nobody but its owner.
    #[staticmethod]
    fn new(py: Python<'_>, name: &str, owner: &str) -> PyResult<Self> {
        work(py, || Ok(Self::of(Intent::new(named("workspace", name)?, User::new(named("owner", owner)?)))))
    }

    /// Reads a document or a recording. `syntax` is `toml`, `json`, `objects` (JSON that a program
    /// made), or `None` for what the text looks like.
    #[staticmethod]
    #[pyo3(signature = (text, syntax=None, file=None))]
    fn read(py: Python<'_>, text: &str, syntax: Option<&str>, file: Option<&str>) -> PyResult<Self> {
        work(py, || read::read(text, syntax, file))
    }

    #[getter]
    fn name(&self) -> &str {
        self.intent.name().as_str()
    }

    #[getter]
    fn revision(&self) -> u64 {
        self.intent.revision().value()
    }

    /// The moment of the recording, in milliseconds since 1970; `None` if this comes of a document.
    #[getter]
    fn recorded_at(&self) -> Option<u64> {
        self.recording.as_ref().map(|recording| recording.at().as_millis())
    }

    fn to_toml(&self, py: Python<'_>) -> PyResult<String> {
        work(py, || Ok(self.intent.to_toml()))
    }

    fn to_json(&self, py: Python<'_>) -> PyResult<String> {
        work(py, || Ok(self.intent.to_json()))
    }

    fn changes_to(&self, py: Python<'_>, wanted: &Self) -> PyResult<Changes> {
        work(py, || Ok(Changes::new(self.intent.clone(), self.intent.changes_to(&wanted.intent))))
    }

    #[pyo3(signature = (changes, by=None))]
    fn apply(&self, py: Python<'_>, changes: &Changes, by: Option<&str>) -> PyResult<Self> {
        work(py, || {
            let actor = by.map_or_else(|| Ok(self.intent.owner()), |name| self.user(name).map(Actor::User))?;
            Ok(self.next(self.intent.apply(actor, &changes.set)?))
        })
    }

    #[pyo3(signature = (since=None, by=None))]
    fn plan(&self, py: Python<'_>, since: Option<&Self>, by: Option<&str>) -> PyResult<Answer> {
        work(py, || self.planned(since, by))
    }

    fn compare(&self, py: Python<'_>, since: &Self) -> PyResult<Answer> {
        work(py, || self.compared(since))
    }

    fn recipients(&self, py: Python<'_>, since: &Self) -> PyResult<Vec<String>> {
        work(py, || self.told(since))
    }

    fn explain(&self, py: Python<'_>, from: &str, to: &str, service: &str) -> PyResult<Answer> {
        work(py, || self.explained(from, to, service))
    }

    /// `kind` is `from`, `to` or `user`.
    fn reach(&self, py: Python<'_>, kind: &str, of: &str) -> PyResult<Answer> {
        work(py, || self.reached(kind, of))
    }

    fn impact(
        &self,
        py: Python<'_>,
        gateways: Vec<String>,
        regions: Vec<String>,
        hosts: Vec<String>,
        without_control: bool,
    ) -> PyResult<Answer> {
        work(py, || self.without(&gateways, &regions, &hosts, without_control))
    }

    fn sweep(&self, py: Python<'_>) -> PyResult<Answer> {
        work(py, || Ok(Answer::of(self.view().sweep())))
    }

    #[pyo3(signature = (since=None))]
    fn check(&self, py: Python<'_>, since: Option<&Self>) -> PyResult<Answer> {
        work(py, || self.judged(since))
    }

    fn status(&self, py: Python<'_>) -> PyResult<Answer> {
        work(py, || Ok(Answer::of(self.view().overview())))
    }

    /// The picture; with the plan over it that leads to another workspace.
    #[pyo3(signature = (plan=None))]
    fn to_svg(&self, py: Python<'_>, plan: Option<&Self>) -> PyResult<String> {
        work(py, || Ok(self.board(plan, Detail::default().unexplained())?.to_svg()))
    }

    /// The page, the same way.
    #[pyo3(signature = (plan=None))]
    fn to_html(&self, py: Python<'_>, plan: Option<&Self>) -> PyResult<String> {
        work(py, || Ok(self.board(plan, Detail::default())?.to_html()))
    }

    /// This workspace without an object and all that cannot be without it, and what else goes.
    fn without_object(&self, py: Python<'_>, section: &str, name: &str) -> PyResult<(Self, Vec<String>)> {
        work(py, || self.bereft(section, name))
    }

    #[pyo3(signature = (peer, endpoint=None))]
    fn export(&self, py: Python<'_>, peer: &str, endpoint: Option<&str>) -> PyResult<String> {
        work(py, || self.exported(peer, endpoint))
    }

    /// Says which names are near one that a section of the document does not have.
    fn known(&self, py: Python<'_>, section: &str, name: &str) -> PyResult<()> {
        work(py, || Ok(name::object(&self.intent, section, name).map(drop)?))
    }
}
