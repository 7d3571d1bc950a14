//! The import of `wg-quick` files.

use nanami_model::{Name, User, wg_quick};
use pyo3::prelude::*;

use crate::core::Core;
use crate::edge::work;
use crate::trouble::Trouble;

/// A name that somebody wrote, and what it is the name of.
pub(crate) fn named(what: &str, text: &str) -> Result<Name, Trouble> {
    text.parse().map_err(|error: nanami_model::ParseNameError| Trouble::value(what, text, &error))
}

/// What was supposed or left behind, why, how sure that is, and the file and line where it stands.
type Remark = (String, String, &'static str, Option<(String, usize)>);

/// A proposed workspace of files, each with its path and text; the report for people; what was guessed and what was dropped.
#[pyfunction]
pub(crate) fn import_wg_quick(
    py: Python<'_>,
    files: Vec<(String, String)>,
    name: &str,
    owner: &str,
) -> PyResult<(Core, String, Vec<Remark>, Vec<Remark>)> {
    work(py, || {
        let (name, owner) = (named("workspace", name)?, User::new(named("owner", owner)?));
        let files = wg_quick::read_files(files.iter().map(|(path, text)| (path.as_str(), text.as_str())))?;
        let imported = wg_quick::import(name, owner, &files).map_err(|refused| {
            let message = format!("these files make no workspace: {refused}");
            Trouble::from(refused).with_message(message)
        })?;
        let place = |source: &wg_quick::Source| (source.file.to_string(), source.line);
        let guesses = imported.guesses().iter().map(|guess| {
            (guess.what.clone(), guess.why.clone(), certainty(guess.certainty), guess.source.as_ref().map(place))
        });
        let dropped =
            imported.dropped().iter().map(|it| (it.what.clone(), it.why.clone(), "", Some(place(&it.source))));
        let remarks = (guesses.collect(), dropped.collect());
        Ok((Core::of(imported.intent().clone()), imported.to_string(), remarks.0, remarks.1))
    })
}

fn certainty(of: wg_quick::Certainty) -> &'static str {
    match of {
        wg_quick::Certainty::Doubtful => "doubtful",
        wg_quick::Certainty::Likely => "likely",
        wg_quick::Certainty::Certain => "certain",
    }
}
