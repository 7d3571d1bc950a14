//! How a text becomes a workspace.

use nanami_model::{Intent, Recording};
use nanami_plan::Selection;

use super::Core;
use crate::trouble::{Source, Trouble};

/// How a text is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Syntax {
    Toml,
    Json,
    /// JSON that a program made of objects.
    Objects,
}

/// Reads a text. A recording says so in its first field; else `syntax` says how the text is written, or what it begins with.
pub(super) fn read(text: &str, syntax: Option<&str>, file: Option<&str>) -> Result<Core, Trouble> {
    let syntax = match syntax {
        Some("json") => Syntax::Json,
        Some("toml") => Syntax::Toml,
        Some("objects") => Syntax::Objects,
        _ if text.trim_start().starts_with('{') => Syntax::Json,
        _ => Syntax::Toml,
    };
    if syntax != Syntax::Objects && Recording::is_in(text) {
        return recording(text, file);
    }
    let source = match (syntax, file) {
        (Syntax::Objects, _) => Source::Objects,
        (_, Some(name)) => Source::File(name),
        (_, None) => Source::Text,
    };
    let intent = if syntax == Syntax::Toml { Intent::from_toml(text) } else { Intent::from_json(text) };
    Ok(Core::of(intent.map_err(|errors| Trouble::document(&errors, source))?))
}

fn recording(text: &str, file: Option<&str>) -> Result<Core, Trouble> {
    let recording: Recording = serde_json::from_str(text).map_err(|error| {
        let message = format!("{} is no recording: {error}", file.unwrap_or("the text"));
        let remedy = "record the workspace again, with the release that runs it";
        Trouble::new("RecordingRefused", "recording.unreadable", message, remedy)
    })?;
    let selection = recording.selection().map_or_else(|| Ok(Selection::default()), serde_json::from_str);
    let selection = selection.map_err(|error| {
        let file = file.unwrap_or("the text");
        let message = format!("{file} says in no words of this release which gateways serve whom: {error}");
        let remedy = "read it with the release that wrote it, or record the workspace again";
        Trouble::new("RecordingRefused", "recording.unreadable", message, remedy)
    })?;
    Ok(Core::recorded(recording, selection))
}
