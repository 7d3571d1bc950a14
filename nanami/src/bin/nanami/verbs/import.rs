//! `import`: a proposed workspace from files that exist.

use std::fs;
use std::path::{Path, PathBuf};

use nanami::model::{Name, User, wg_quick};

use crate::answer::Answer;
use crate::failure::Failure;
use crate::source;

/// The document goes to standard output or a file, the report of what was guessed and left behind to standard error.
pub(crate) fn run(dir: &Path, name: &str, owner: &str, output: Option<&Path>) -> Result<Answer, Failure> {
    let named = |what: &str, text: &str| -> Result<Name, Failure> {
        text.parse().map_err(|error| Failure::new(format!("{what} {text:?}: {error}")))
    };
    let (name, owner) = (named("workspace", name)?, User::new(named("owner", owner)?));
    let texts = texts(dir)?;
    if texts.is_empty() {
        return Err(Failure::new(format!("{} has no .conf file", dir.display()))
            .with_remedy("name the folder that holds the wg-quick files, such as /etc/wireguard"));
    }
    let files = wg_quick::read_files(texts.iter().map(|(path, text)| (path.as_str(), text.as_str())))
        .map_err(|errors| Failure::new(format!("not every file reads\n\n{errors}")))?;
    let imported = wg_quick::import(name, owner, &files)
        .map_err(|refused| Failure::new(format!("these files make no workspace: {refused}")))?;
    eprint!("{imported}");
    let document = imported.intent().to_toml();
    match output {
        None => Ok(Answer::text(document)),
        Some(path) => {
            source::write(path, &document)?;
            let path = path.display();
            Ok(Answer::text(format!("{path}: {}; next: nanami plan {path}", imported.intent().name())))
        }
    }
}

/// Every `.conf` file below a folder, by path.
fn texts(dir: &Path) -> Result<Vec<(String, String)>, Failure> {
    let (mut folders, mut paths) = (vec![dir.to_owned()], Vec::<PathBuf>::new());
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).map_err(|error| Failure::file("read", &folder, &error))?;
        for entry in entries {
            let entry = entry.map_err(|error| Failure::file("read", &folder, &error))?;
            let kind = entry.file_type().map_err(|error| Failure::file("read", &entry.path(), &error))?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if entry.path().extension().is_some_and(|ending| ending == "conf") {
                paths.push(entry.path());
            }
        }
    }
    paths.sort();
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).map_err(|error| Failure::file("read", &path, &error))?;
        Ok((path.strip_prefix(dir).unwrap_or(&path).display().to_string(), text))
    };
    paths.into_iter().map(read).collect()
}
