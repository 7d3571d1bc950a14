//! The workspace as a document that people review, in TOML or in JSON: names are identity, and every mistake is reported at once.
//!
//! **Invariant**: a document is read completely or refused with all that is wrong with it, in document order, each with its
//! place and its remedy; one mistake is one error. What nothing enforces yet is refused, never ignored. No text panics.
//!
//! Four passes: [`mod@json`] or `toml` makes a [`tree`] in which every key and value knows its place; [`structure`] holds it against
//! the [`table`] of all fields; [`sections`] declares all names and then reads each entry into an object ([`entities`],
//! [`policies`], [`routing`]); the rules between objects are [`Intent`]'s own, and [`blame`] finds the place in the document that
//! breaks one. [`mod@write`] is the way back, and [`schema`] the table for
//! editors.

mod blame;
mod entities;
mod error;
mod instant;
mod json;
mod names;
mod place;
mod policies;
mod routing;
mod schema;
mod sections;
mod shape;
mod structure;
mod table;
#[cfg(feature = "toml")]
mod toml;
mod tree;
mod value;
mod walk;
mod write;

pub use error::{DocumentError, DocumentErrors, Problem};
pub use place::Place;
pub use schema::document_schema;

use crate::intent::Intent;
use sections::Reader;
use tree::{Fault, Tree};
use walk::{LISTED, Walker};

/// chosen: ten times a workspace of 10,000 peers. The parser needs some thirty times the memory of its text.
#[cfg(feature = "toml")]
const LONGEST_TOML: usize = 4 << 20;
/// chosen: twice a workspace of 100,000 peers. The reader needs at most twenty times the memory of its text.
const LONGEST_JSON: usize = 64 << 20;
const _: () = assert!(LONGEST_JSON <= tree::LONGEST_TEXT);

impl Intent {
    /// Reads a workspace from a TOML document, at revision 1. A document of more than 4 MiB is refused: JSON may be longer.
    ///
    /// ```no_run
    /// use nanami_model::Intent;
    /// # fn main() -> std::io::Result<()> {
    /// let Err(errors) = Intent::from_toml(&std::fs::read_to_string("acme.toml")?) else { return Ok(()) };
    /// for e in &errors {
    ///     eprintln!("acme.toml:{}: {e} [{}]\n  help: {}", e.place(), e.code(), e.remedy());
    /// }
    /// std::process::exit(1)
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`DocumentErrors`] with everything that is wrong with the document.
    #[cfg(feature = "toml")]
    pub fn from_toml(text: &str) -> Result<Self, DocumentErrors> {
        short_enough(text, LONGEST_TOML, "write it as JSON, which may be longer, or split the workspace")?;
        let (tree, faults) = toml::read(text);
        read(&tree, "TOML", faults, 0)
    }

    /// Reads a workspace from a JSON document (RFC 8259), at revision 1: the same fields as in TOML, found wrong in the same
    /// way, at the same paths. A document of more than 64 MiB is refused.
    ///
    /// ```
    /// use nanami_model::Intent;
    ///
    /// let text = r#"{ "workspace": { "name": "acme" }, "users": { "netops": { "role": "ownr" } } }"#;
    /// let errors = Intent::from_json(text).unwrap_err();
    /// assert!(errors.to_string().starts_with("1:67: users.netops.role: \"ownr\" is no role"), "{errors}");
    /// ```
    ///
    /// # Errors
    /// [`DocumentErrors`] with everything that is wrong with the document.
    pub fn from_json(text: &str) -> Result<Self, DocumentErrors> {
        short_enough(text, LONGEST_JSON, "split the workspace")?;
        let (tree, faults, left_out) = json::read(text, LISTED);
        read(&tree, "JSON", faults, left_out)
    }
}

fn short_enough(text: &str, limit: usize, remedy: &'static str) -> Result<(), DocumentErrors> {
    if text.len() <= limit {
        return Ok(());
    }
    let problem = Problem::TooLarge { found: text.len(), limit, remedy };
    Err(DocumentErrors::new(vec![DocumentError::new(Place::new(1, 1, String::new()), problem)], 0))
}

/// The other passes, and the rules between the objects that come out of them.
fn read(tree: &Tree<'_>, format: &'static str, faults: Vec<Fault>, left_out: usize) -> Result<Intent, DocumentErrors> {
    let mut walker = Walker::new(tree, format, faults, left_out);
    structure::check(&mut walker, tree.root(), &table::DOCUMENT);
    let (name, mut reader) = Reader::new(tree, walker);
    let built = Intent::from_objects(name, reader.objects());
    if let Err(refused) = &built {
        blame::report(&mut reader, tree.root(), refused.violations());
    }
    match built {
        Ok(intent) if reader.walker.is_clean() => Ok(intent.with_renamed(reader.renamed)),
        _ => {
            let (errors, left_out) = reader.walker.finish();
            Err(DocumentErrors::new(errors, left_out))
        }
    }
}

#[cfg(test)]
mod tests;
