//! The workspace as a TOML document that people review: names are identity, and every mistake is reported at once.
//!
//! **Invariant**: a document is read completely or refused with all that is wrong with it, in document order, each with its
//! place and its remedy; one mistake is one error. What nothing enforces yet is refused, never ignored. No text panics.
//!
//! Two passes: [`tree`] keeps the place of every key and value; [`sections`] declares all names first and then reads each
//! entry into an object ([`entities`], [`policies`]). The rules between objects are [`Intent`]'s own; [`blame`] finds the place
//! in the document that breaks one. [`mod@write`] is the way back.

mod blame;
mod entities;
mod error;
mod names;
mod place;
mod policies;
mod sections;
mod tree;
mod value;
mod walk;
mod write;

pub use error::{DocumentError, DocumentErrors, Problem};
pub use place::Place;

use crate::intent::Intent;
use tree::Tree;
use walk::Walker;

/// chosen: ten times a workspace of 10,000 peers.
const LONGEST_BYTES: usize = 4 << 20;

impl Intent {
    /// Reads a workspace from a TOML document, at revision 1.
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
    pub fn from_toml(text: &str) -> Result<Self, DocumentErrors> {
        if text.len() > LONGEST_BYTES {
            let problem = Problem::TooLarge { found: text.len(), limit: LONGEST_BYTES };
            let error = DocumentError::new(Place::new(1, 1, String::new()), problem);
            return Err(DocumentErrors::new(vec![error], 0));
        }
        let (tree, syntax) = Tree::read(text);
        let walker = Walker::new(&tree, syntax);
        let (name, mut reader) = sections::read(&tree, walker);
        let built = Intent::from_objects(name, reader.objects.iter().cloned());
        if let Err(refused) = &built {
            blame::report(&mut reader, tree.root(), refused.violations());
        }
        match built {
            Ok(intent) if reader.walker.is_clean() => Ok(intent),
            _ => {
                let (errors, left_out) = reader.walker.finish();
                Err(DocumentErrors::new(errors, left_out))
            }
        }
    }
}

#[cfg(test)]
mod tests;
