//! The page around the picture: filters, and the explanation of the link that was chosen.
//!
//! **Invariant**: one file, nothing fetched, no script but its own; a content security policy in the page says so too. Without
//! the script the picture and every explanation are still there.

use std::collections::BTreeSet;

use super::draw::{Audience, svg};
use super::members;
use super::overlay::Overlay;
use super::strand::{Holds, Strand};
use super::xml::Escaped;
use super::{Board, Link, State};

pub(super) fn html(board: &Board) -> String {
    let name = board.objects.intent().name();
    let strands = board.strands();
    let picture = svg(board, &strands, Audience::Page);
    let options =
        |names: Vec<String>| names.into_iter().map(|n| format!("<option>{}</option>", Escaped(n))).collect::<String>();
    let named = |ids: Vec<nanami_model::ObjectId>| options(ids.into_iter().map(|id| board.word(id)).collect());
    let groups = named(board.objects.groups().map(|(id, _)| id.into()).collect());
    let networks = named(board.objects.networks().map(|(id, _)| id.into()).collect());
    let owners: BTreeSet<_> = board.objects.networks().map(|(_, network)| board.word(network.owner())).collect();
    let states = options(State::ALL.iter().map(ToString::to_string).collect());
    let explanations: String = strands.drawn.iter().map(|strand| explanation(board, strand)).collect();
    let (members, listed) = match members::lines(board).as_str() {
        "" => (String::new(), ""),
        lines => (format!("<pre id=\"members\" hidden>{}</pre>\n", Escaped(lines)), MEMBERS),
    };
    let (plan, filter) = match &board.overlay {
        Some(overlay) => (plan(overlay), FILTER),
        None => (String::new(), ""),
    };
    format!(
        include_str!("page.html"),
        name = name,
        plan = plan,
        filter = filter,
        style = include_str!("page.css"),
        script = include_str!("page.js"),
        groups = groups,
        networks = networks,
        owners = options(owners.into_iter().collect()),
        states = states,
        picture = picture,
        explanations = explanations + listed,
        members = members,
    )
}

/// The plan that the board shows, in its own words.
fn plan(overlay: &Overlay) -> String {
    let id = Escaped(&overlay.id);
    let (text, command) = (Escaped(&overlay.text), command(&overlay.command));
    format!(
        "<section id=\"plan\" aria-label=\"The plan\"><h2>Plan {id}</h2><pre tabindex=\"0\">{text}</pre>{command}</section>\n"
    )
}

/// The filter that only a board with a plan has.
const FILTER: &str = "<label>Plan <select name=\"plan\"><option value=\"\">all</option><option value=\"changes\">what it changes</option>\
                      <option>gained</option><option>lost</option><option>rerouted</option><option>disturbed</option></select></label>\n";

/// Where the script lists those behind a card that was chosen.
const MEMBERS: &str = "<article id=\"why.members\"><h2></h2><pre tabindex=\"0\"></pre></article>\n";

fn explanation(board: &Board, strand: &Strand<'_>) -> String {
    let (text, asked) = told(board, strand);
    format!(
        "<article id=\"why.{}\"><h2>{} <span aria-hidden=\"true\">\u{2192}</span><span class=\"unseen\">to</span> {}</h2>{}\
         <pre tabindex=\"0\">{}</pre>{}</article>\n",
        board.strand_id(strand),
        Escaped(board.end_name(strand.from)),
        Escaped(board.end_name(strand.to)),
        changed(strand),
        Escaped(text),
        command(&asked)
    )
}

fn command(text: &str) -> String {
    match text {
        "" => String::new(),
        text => format!("<p class=\"command\"><code>{}</code></p>", Escaped(text)),
    }
}

/// What the plan does to a strand: of a link each passage, of many how many.
fn changed(strand: &Strand<'_>) -> String {
    let lines = match strand.single() {
        Some(link) => link.differs.lines.clone(),
        None => strand.tally.each().map(|(count, what)| format!("{count} {what}")).collect(),
    };
    if lines.is_empty() {
        return String::new();
    }
    let items: String = lines.iter().map(|line| format!("<li>{}</li>", Escaped(line))).collect();
    format!("<ul class=\"changed\">{items}</ul>")
}

/// What is said of a strand, and the command that says the same, or nothing.
fn told(board: &Board, strand: &Strand<'_>) -> (String, String) {
    match &strand.holds {
        Holds::One(link) => link.explanation.clone().unwrap_or_else(|| (board.link_label(link), String::new())),
        Holds::All(links) => (listing(board, strand, links), String::new()),
        Holds::First(first) => {
            let label = board.strand_label(strand);
            match first.and_then(|first| board.explanations.get(&first)) {
                Some((text, command)) => (format!("{label}\nOne of them:\n\n{text}"), command.clone()),
                None => (label, String::new()),
            }
        }
    }
}

/// What a bundle holds: its first links, and how many more there are.
fn listing(board: &Board, strand: &Strand<'_>, links: &[&Link]) -> String {
    let mut lines = vec![board.strand_label(strand), String::new()];
    let mut links: Vec<_> = links.iter().map(|link| board.link_label(link)).collect();
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
