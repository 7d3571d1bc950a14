//! `board`: the workspace as a picture or a page.

use std::path::Path;

use crate::answer::Answer;
use crate::failure::Failure;
use crate::source::{self, Document};
use crate::waiting::Waiting;

pub(crate) fn run(file: &Path, output: &Path) -> Result<Answer, Failure> {
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
    let board = read.beside(&super::desired(&read.intent)).board();
    let text = if html { board.to_html() } else { board.to_svg() };
    source::write(output, &text)?;
    let (peers, bytes) = (read.intent.peers().len(), text.len());
    Ok(Answer::text(format!("{}: {} with {peers} peers, {bytes} bytes", output.display(), read.intent.name())))
}
