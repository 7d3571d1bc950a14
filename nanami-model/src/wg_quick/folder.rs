//! The files of a folder, as texts: which device each is about, and everything that is wrong with any of them.

use std::collections::BTreeSet;
use std::fmt;

use super::{WgQuick, WgQuickErrors};
use crate::name::Name;

/// Reads the texts of several files, each with its path. The name of a device is that of its file without the ending, and that of
/// its folder where the file has an interface's name only (`laptop/wg0.conf`). What a [`Name`] cannot hold becomes a `-`.
///
/// # Errors
/// [`FolderErrors`] with every mistake of every file.
///
/// ```
/// let files = nanami_model::wg_quick::read_files([("etc/Hub.conf", "[Interface]"), ("laptop/wg0.conf", "[Interface]")])?;
/// let names: Vec<_> = files.iter().map(|(name, _)| name.as_str()).collect();
/// assert_eq!(names, ["hub", "laptop"]);
/// # Ok::<(), nanami_model::wg_quick::FolderErrors>(())
/// ```
pub fn read_files<'a>(
    texts: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<Vec<(Name, WgQuick)>, FolderErrors> {
    let (mut files, mut broken, mut taken) = (Vec::new(), Vec::new(), BTreeSet::new());
    for (path, text) in texts {
        match text.parse() {
            Ok(config) => files.push((unique(&device(path), &mut taken), config)),
            Err(errors) => broken.push((path.to_owned(), errors)),
        }
    }
    if broken.is_empty() { Ok(files) } else { Err(FolderErrors(broken)) }
}

/// What is wrong with the files of a folder, file by file; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderErrors(Vec<(String, WgQuickErrors)>);

impl FolderErrors {
    /// The files that are wrong, by the paths under which they were given, with what is wrong with each.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &WgQuickErrors)> {
        self.0.iter().map(|(path, errors)| (path.as_str(), errors))
    }
}

crate::coded! { list FolderErrors: |errors| errors.0.iter().map(|(_, errors)| errors) }

impl fmt::Display for FolderErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (path, errors)) in self.0.iter().enumerate() {
            write!(f, "{}{}", if i == 0 { "" } else { "\n" }, errors.with_file(path))?;
        }
        Ok(())
    }
}

impl std::error::Error for FolderErrors {}

fn device(path: &str) -> Name {
    let mut parts = path.rsplit(['/', '\\']);
    let file = parts.next().unwrap_or_default();
    let stem = file.strip_suffix(".conf").unwrap_or(file);
    let interface = stem.strip_prefix("wg").is_some_and(|number| number.bytes().all(|b| b.is_ascii_digit()));
    let folder = parts.next().filter(|folder| interface && !folder.is_empty());
    nearest_name(folder.unwrap_or(stem)).unwrap_or_else(|| crate::name!("peer"))
}

/// The text as a name, with `-` for everything that a name cannot hold; `None` if nothing is left.
pub(super) fn nearest_name(text: &str) -> Option<Name> {
    let fits = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let text: String = text.trim_matches(|c: char| !c.is_ascii_alphanumeric()).chars().map(fits).collect();
    text[..text.len().min(Name::MAX_LENGTH)].trim_end_matches('-').parse().ok()
}

/// The name, or the name with the first number that is free.
pub(super) fn unique(name: &Name, taken: &mut BTreeSet<Name>) -> Name {
    let numbered = |n: usize| {
        let suffix = format!("-{n}");
        let stem = name.as_str();
        let stem = stem[..stem.len().min(Name::MAX_LENGTH - suffix.len())].trim_end_matches('-');
        format!("{stem}{suffix}").parse::<Name>().expect("a name, shortened, and a number")
    };
    let mut candidates = std::iter::once(name.clone()).chain((2..).map(numbered));
    let free = candidates.find(|name| !taken.contains(name)).expect("there is always one more number");
    taken.insert(free.clone());
    free
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_called_as_their_files_or_folders_are() {
        for (path, name) in [
            ("hub.conf", "hub"),
            ("/etc/wireguard/Office_Router.conf", "office-router"),
            ("laptop/wg0.conf", "laptop"),
            ("wg0.conf", "wg0"),
            ("wgsite.conf", "wgsite"),
            ("___.conf", "peer"),
            ("é.conf", "peer"),
        ] {
            assert_eq!(device(path).as_str(), name, "{path}");
        }
        assert_eq!(device(&"a".repeat(80)).as_str().len(), 63);
    }

    #[test]
    fn every_file_has_a_name_of_its_own_and_every_broken_file_its_errors() {
        let files = read_files([("a/wg0.conf", "[Interface]"), ("b/a.conf", "[Interface]")]).unwrap();
        assert_eq!(files.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["a", "a-2"]);
        let errors = read_files([("a.conf", "x"), ("b.conf", "[Interface]"), ("c.conf", "[Peer]")]).unwrap_err();
        let text = errors.to_string();
        assert!(
            text.starts_with("a.conf:1:1: ") && text.contains("\nc.conf:1:1: ") && !text.contains("b.conf"),
            "{text}"
        );
    }
}
