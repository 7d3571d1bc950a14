//! `board`: the workspace as a picture or a page.

use std::path::Path;

use nanami::model::GroupId;
use nanami::plan::board::{Cards, Detail};

use crate::answer::Answer;
use crate::args::By;
use crate::failure::Failure;
use crate::source::{self, Document};
use crate::waiting::Waiting;

pub(crate) fn run(file: &Path, output: &Path, by: Option<By>, open: &[String]) -> Result<Answer, Failure> {
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
    for group in open {
        detail = detail.opening(read.intent.id::<GroupId>(group)?);
    }
    if !html {
        detail = detail.unexplained();
    }
    let board = read.beside(&read.desired()).board_in(detail);
    let text = if html { board.to_html() } else { board.to_svg() };
    source::write(output, &text)?;
    let (peers, bytes) = (read.intent.peers().len(), text.len());
    Ok(Answer::text(format!("{}: {} with {peers} peers, {bytes} bytes", output.display(), read.intent.name())))
}
