//! From a folder of `wg-quick` files to a proposed workspace.
//!
//! **Invariants**: what is proposed is a valid [`Intent`], keys and addresses are kept, and no private or preshared key is in it.
//! Between peers it allows exactly what the AllowedIPs of both ends allow (of a device without a file: what they would have to
//! say). Whatever was supposed is a [`Guess`], whatever a file says and the proposal leaves behind is [`Dropped`]. What is reached only
//! through two gateways one after the other is not followed, and not listed either.

use crate::entity::User;
use crate::intent::Intent;
use crate::name::Name;
use crate::refused::Refused;

use super::WgQuick;

mod build;
mod cover;
mod devices;
mod dropped;
mod links;
mod pools;
mod report;

pub use report::{Certainty, Dropped, Guess, Imported, Source};

/// Proposes a workspace of this name and owner that does what these files do. Each file stands under the name of the device that
/// it is about, see [`read_files`](super::read_files); devices that the files only name become peers too.
///
/// The work grows with the number of files times the number of devices.
///
/// # Errors
/// [`Refused`] if the files contradict a rule of workspaces in a way that is not resolved by leaving something behind.
///
/// ```
/// use nanami_model::{User, name, wg_quick};
///
/// let hub = "[Interface]\nPrivateKey = yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=\nAddress = 10.8.0.1/24\n\
///            [Peer]\nPublicKey = xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=\nAllowedIPs = 10.8.0.2/32\n";
/// let files = wg_quick::read_files([("hub.conf", hub)])?;
/// let imported = wg_quick::import(name!("office"), User::new(name!("me")), &files)?;
/// let names: Vec<_> = imported.intent().peers().map(|(_, peer)| nanami_model::Entity::name(peer).as_str()).collect();
/// assert_eq!(names, ["hub", "peer-10-8-0-2"]);
/// assert!(imported.guesses().iter().any(|guess| guess.what.contains("10.8.0.0/24")));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn import(name: Name, owner: User, files: &[(Name, WgQuick)]) -> Result<Imported, Refused> {
    let mut notes = Notes::default();
    let mut devices = devices::Devices::of(files, &mut notes);
    let pools = pools::pools(&devices, &mut notes);
    let networks = pools::networks(&mut devices, &pools, &mut notes);
    let links = links::Links::of(&devices, &pools, &mut notes);
    let empty = Intent::new(name, owner);
    let mut draft = empty.draft();
    build::Builder::new(&mut draft, &devices, &mut notes).build(networks, &links);
    dropped::everything_else(files, &mut notes);
    let changes = draft.into_changes().with_reason("imported from wg-quick files");
    let intent = empty.apply(empty.owner(), &changes)?;
    let Notes { mut guesses, mut dropped } = notes;
    guesses.sort_by_key(|guess| guess.certainty);
    let place = |source: &Source| files.iter().position(|(name, _)| *name == source.file);
    dropped.sort_by_key(|dropped| (place(&dropped.source), dropped.source.line));
    Ok(Imported { intent, changes, files: files.len(), guesses, dropped })
}

/// What is said of an import while it is made.
#[derive(Default)]
struct Notes {
    guesses: Vec<Guess>,
    dropped: Vec<Dropped>,
}

impl Notes {
    fn guess(&mut self, what: String, why: &str, certainty: Certainty, source: Source) {
        self.guesses.push(Guess { what, why: why.to_owned(), certainty, source: Some(source) });
    }

    /// A guess that was seen in no single place.
    fn suppose(&mut self, what: impl Into<String>, why: &str, certainty: Certainty) {
        self.guesses.push(Guess { what: what.into(), why: why.to_owned(), certainty, source: None });
    }

    fn drop(&mut self, what: impl Into<String>, why: impl Into<String>, source: Source) {
        self.dropped.push(Dropped { what: what.into(), why: why.into(), source });
    }
}

#[cfg(test)]
mod tests;
