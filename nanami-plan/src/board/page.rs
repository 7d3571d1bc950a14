//! The page around the picture: filters, and the explanation of the link that was chosen.
//!
//! **Invariant**: one file, nothing fetched, no script but its own; a content security policy in the page says so too. Without
//! the script the picture and every explanation are still there.

use super::draw::{Audience, svg};
use super::strand::Strand;
use super::xml::Escaped;
use super::{Board, State};

pub(super) fn html(board: &Board) -> String {
    let name = board.intent.name();
    let picture = svg(board, Audience::Page);
    let options =
        |names: Vec<String>| names.into_iter().map(|n| format!("<option>{}</option>", Escaped(n))).collect::<String>();
    let groups = options(
        board.intent.groups().filter_map(|(id, _)| board.intent.name_of(id)).map(ToString::to_string).collect(),
    );
    let networks = options(
        board.intent.networks().filter_map(|(id, _)| board.intent.name_of(id)).map(ToString::to_string).collect(),
    );
    let states = options(State::ALL.iter().map(ToString::to_string).collect());
    let explanations: String = board.strands().0.iter().map(|strand| explanation(board, strand)).collect();
    format!(
        include_str!("page.html"),
        name = name,
        style = include_str!("page.css"),
        script = include_str!("page.js"),
        groups = groups,
        networks = networks,
        states = states,
        picture = picture,
        explanations = explanations,
    )
}

fn explanation(board: &Board, strand: &Strand<'_>) -> String {
    let (text, command) = match strand.single() {
        None => (listing(board, strand), String::new()),
        Some(link) => match &link.explanation {
            Some((text, command)) if command.is_empty() => (text.clone(), String::new()),
            Some((text, command)) => {
                (text.clone(), format!("<p class=\"command\"><code>{}</code></p>", Escaped(command)))
            }
            None => (board.link_label(link), String::new()),
        },
    };
    format!(
        "<article id=\"why.{}\"><h2>{} <span aria-hidden=\"true\">\u{2192}</span><span class=\"unseen\">to</span> {}</h2>\
         <pre tabindex=\"0\">{}</pre>{command}</article>\n",
        board.strand_id(strand),
        Escaped(board.end_name(strand.from)),
        Escaped(board.end_name(strand.to)),
        Escaped(text)
    )
}

/// What a bundle holds: its first links, and how many more there are.
fn listing(board: &Board, strand: &Strand<'_>) -> String {
    let mut lines = vec![board.strand_label(strand), String::new()];
    let mut links: Vec<_> = strand.links().map(|link| board.link_label(link)).collect();
    links.sort();
    let more = links.len().saturating_sub(LISTED);
    lines.extend(links.into_iter().take(LISTED));
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    lines.join("\n")
}

/// chosen: a screenful (OUTPUT.md, rule 2).
const LISTED: usize = 24;
