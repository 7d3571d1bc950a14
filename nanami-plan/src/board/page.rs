//! The page around the picture: filters, and the explanation of the link that was chosen.
//!
//! **Invariant**: one file, nothing fetched, no script but its own; a content security policy in the page says so too. Without
//! the script the picture and every explanation are still there.

use super::draw::{Audience, link_id, svg};
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
    let explanations: String = board.sorted_links().map(|link| explanation(board, link)).collect();
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

fn explanation(board: &Board, link: &super::Link) -> String {
    let (from, to) = board.ends(link);
    let id = link_id(board, link);
    let (text, command) = match &link.explanation {
        Some((text, command)) => (text.clone(), format!("<p class=\"command\"><code>{}</code></p>", Escaped(command))),
        None => (board.label(link), String::new()),
    };
    format!(
        "<article id=\"why.{id}\"><h2>{} <span aria-hidden=\"true\">\u{2192}</span><span class=\"unseen\">to</span> {}</h2><pre tabindex=\"0\">{}</pre>{command}</article>\n",
        Escaped(from),
        Escaped(to),
        Escaped(text)
    )
}
