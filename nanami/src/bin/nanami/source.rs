//! Documents: read from files or standard input, written beside them.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use nanami::model::{DocumentErrors, Intent, Observed, Recording, Timestamp};
use nanami::plan::{Desired, Selection, View, compile};

use crate::failure::Failure;
use crate::waiting::Waiting;

/// A document that was read, with its text; or a recording, with what was observed.
pub(crate) struct Document {
    pub(crate) intent: Intent,
    pub(crate) text: String,
    pub(crate) syntax: Syntax,
    pub(crate) recording: Option<Recording>,
    /// Which gateways serve whom, as control had chosen; the order of the document, unless this is a recording.
    pub(crate) selection: Selection,
}

/// How a document is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Syntax {
    Toml,
    Json,
    /// What a control plane recorded; nobody edits it.
    Recording,
}

impl Document {
    /// Reads a document. Its name says how it is written; where that says nothing, what it begins with.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let text = text_of(path)?;
        if Recording::is_in(&text) {
            return Self::recorded(path, text);
        }
        let syntax = match path.extension().and_then(|ending| ending.to_str()) {
            Some("json") => Syntax::Json,
            Some("toml") => Syntax::Toml,
            _ if text.trim_start().starts_with('{') => Syntax::Json,
            _ => Syntax::Toml,
        };
        let _waiting = Waiting::for_long(format!("reading {}", name_of(path)));
        let intent = parse(&text, syntax).map_err(|errors| mistakes(&errors, &name_of(path)))?;
        Ok(Self { intent, text, syntax, recording: None, selection: Selection::default() })
    }

    fn recorded(path: &Path, text: String) -> Result<Self, Failure> {
        let recording: Recording = serde_json::from_str(&text).map_err(|error| {
            Failure::new(format!("{} is no recording: {error}", name_of(path)))
                .with_remedy("record the workspace again, with the release that runs it")
        })?;
        let intent = recording.intent().clone();
        let selection = recording.selection().map_or_else(|| Ok(Selection::default()), serde_json::from_str);
        let selection = selection.map_err(|error| {
            Failure::new(format!(
                "{} says in no words of this release which gateways serve whom: {error}",
                name_of(path)
            ))
            .with_remedy("read it with the release that wrote it, or record the workspace again")
        })?;
        Ok(Self { intent, text, syntax: Syntax::Recording, recording: Some(recording), selection })
    }

    /// The state that the document leads to.
    pub(crate) fn desired(&self) -> Desired {
        self.leads_to(&self.intent)
    }

    /// The state that another revision of it leads to, while the same gateways serve the same clients.
    pub(crate) fn leads_to(&self, intent: &Intent) -> Desired {
        compile(intent, &self.selection)
    }

    /// What was observed: nothing, unless this is a recording.
    pub(crate) fn observed(&self) -> &Observed {
        self.recording.as_ref().map_or(Observed::none(), Recording::observed)
    }

    /// The moment that ages count to: that of the recording, or now.
    pub(crate) fn at(&self) -> Timestamp {
        self.recording.as_ref().map_or_else(now, Recording::at)
    }

    /// A state of this workspace beside what was observed.
    pub(crate) fn beside<'a>(&'a self, desired: &'a Desired) -> View<'a> {
        let view = desired.beside(self.observed(), self.at());
        match &self.recording {
            Some(recording) => view.with_generations(recording.generations()),
            None => view,
        }
    }

    /// The same workspace as another document describes it: what both name is the same object.
    pub(crate) fn revised(&self, wanted: &Intent, path: &Path) -> Result<Intent, Failure> {
        self.intent.revised(wanted).map_err(|refused| {
            Failure::new(format!("{} cannot follow: {refused}", name_of(path)))
                .with_remedy("what changes between two documents goes by the rules of any other change")
        })
    }
}

pub(crate) fn parse(text: &str, syntax: Syntax) -> Result<Intent, DocumentErrors> {
    match syntax {
        Syntax::Toml => Intent::from_toml(text),
        Syntax::Json | Syntax::Recording => Intent::from_json(text),
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Every mistake of a document, each with its place.
pub(crate) fn mistakes(errors: &DocumentErrors, name: &str) -> Failure {
    let n = errors.len() + errors.left_out();
    let mistakes = if n == 1 { "1 mistake".to_owned() } else { format!("{n} mistakes") };
    Failure::new(format!("{name} has {mistakes}\n\n{}", errors.with_file(name)))
}

/// What a file is called in a text.
pub(crate) fn name_of(path: &Path) -> String {
    if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() }
}

fn text_of(path: &Path) -> Result<String, Failure> {
    let bytes = if path == Path::new("-") {
        let mut bytes = Vec::new();
        io::stdin().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        fs::read(path)
    };
    let bytes = bytes.map_err(|error| {
        let failure = Failure::file("read", path, &error);
        match error.kind() {
            io::ErrorKind::NotFound => {
                failure.with_remedy("name the document with -f FILE, for plan without -f, or in NANAMI_FILE")
            }
            io::ErrorKind::IsADirectory => failure.with_remedy("name the document in it, such as nanami.toml"),
            _ => failure,
        }
    })?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
        Failure::new(format!("{}:{line}: this is no UTF-8 text, from byte {at} on", name_of(path)))
            .with_remedy("save it as UTF-8")
    })
}

/// Writes a whole file or nothing: what stood there stays until the new text is on the disk.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let beside = {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.part", std::process::id()));
        path.with_file_name(name)
    };
    let written = write_new(&beside, text).and_then(|()| fs::rename(&beside, path));
    written.map_err(|error| {
        let _ = fs::remove_file(&beside);
        let failure = Failure::file("write", path, &error);
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let folder = folder.display();
        match error.kind() {
            io::ErrorKind::NotFound => {
                failure.with_remedy(format!("make the folder {folder} first, or name another file"))
            }
            io::ErrorKind::NotADirectory => failure.with_remedy(format!("{folder} is no folder: name another file")),
            io::ErrorKind::IsADirectory => failure.with_remedy("that is a folder: name a file in it"),
            io::ErrorKind::PermissionDenied => {
                failure.with_remedy(format!("write where you may, or ask for the right to write into {folder}"))
            }
            _ => failure,
        }
    })
}

fn write_new(path: &PathBuf, text: &str) -> io::Result<()> {
    let mut file = fs::File::create_new(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
