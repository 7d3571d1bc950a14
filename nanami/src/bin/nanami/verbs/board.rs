//! `board`: the workspace as a picture or a page.

use std::path::Path;

use nanami::model::GroupId;
use nanami::plan::board::{Cards, Detail};
use nanami::plan::{Base, plan};

use crate::answer::Answer;
use crate::args::{By, DEFAULT};
use crate::failure::Failure;
use crate::source::{self, Document};
use crate::waiting::Waiting;

pub(crate) fn run(
    file: &Path,
    output: &Path,
    by: Option<By>,
    open: &[String],
    new: Option<&Path>,
) -> Result<Answer, Failure> {
    let html = match output.extension().and_then(|ending| ending.to_str()) {
        Some("svg") => false,
        Some("html" | "htm") => true,
        _ => {
            return Err(Failure::new(format!("{} is neither a picture nor a page", output.display()))
                .with_remedy("name the file board.svg or board.html"));
        }
    };
    let read = Document::read(file)?;
    let _waiting = Waiting::for_long("drawing the board".to_owned());
    let mut detail = Detail::default();
    if let Some(by) = by {
        detail = detail.by(match by {
            By::Peer => Cards::Peers,
            By::Group => Cards::Groups,
            By::Network => Cards::Networks,
        });
    }
    if !html {
        detail = detail.unexplained();
    }
    let next = new.map(|new| read.revised(&Document::read(new)?.intent, new)).transpose()?;
    let shown = next.as_ref().unwrap_or(&read.intent);
    for group in open {
        detail = detail.opening(shown.id::<GroupId>(group)?);
    }
    let asked = new.unwrap_or(file);
    if new.is_some() || asked != Path::new(DEFAULT) {
        detail = detail.asking(quoted(asked));
    }
    let desired = read.desired();
    let view = read.beside(&desired);
    let board = match (&next, new) {
        (Some(next), Some(new)) => {
            let plan = plan(&Base::settled(&desired), &read.leads_to(next), read.observed(), read.at());
            let command = format!("nanami plan {} --against {}", quoted(new), quoted(file));
            view.board_of(&plan, detail).with_plan_command(command)
        }
        _ => view.board_in(detail),
    };
    let text = if html { board.to_html() } else { board.to_svg() };
    source::write(output, &text)?;
    let (peers, bytes) = (shown.peers().len(), text.len());
    Ok(Answer::text(format!("{}: {} with {peers} peers, {bytes} bytes", output.display(), read.intent.name())))
}

/// A path as a shell reads it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./+,:@%".contains(c);
    if !text.is_empty() && text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
}
