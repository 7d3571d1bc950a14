//! Where an agent keeps its key and its state, and control its key: two traits, and private files as the default.
//!
//! **Invariant: a crash at any point leaves the old file or the new one, never a part.** Files are written beside their
//! place, synced, renamed, and the directory is synced. Directory 0700, files 0600 from the moment that they exist.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use nanami_model::PrivateKey;
use zeroize::Zeroizing;

/// Keeps a private key. Yours to implement: a keychain, a TPM, an enclave.
pub trait KeyStore: Send + Sync + 'static {
    /// The key; `None` when none was saved.
    ///
    /// # Errors
    /// When the key cannot be read, or is not one.
    fn load(&self) -> io::Result<Option<PrivateKey>>;

    /// Keeps the key, durably before it returns.
    ///
    /// # Errors
    /// When the key cannot be kept.
    fn save(&self, key: &PrivateKey) -> io::Result<()>;
}

/// Keeps what an agent must know to start without control: no secret, but who is in the network. Yours to implement.
pub trait StateStore: Send + Sync + 'static {
    /// The state; `None` when none was saved.
    ///
    /// # Errors
    /// When the state cannot be read.
    fn load(&self) -> io::Result<Option<Vec<u8>>>;

    /// Keeps the state, durably before it returns.
    ///
    /// # Errors
    /// When the state cannot be kept; the one before is still there then.
    fn save(&self, state: &[u8]) -> io::Result<()>;
}

/// Both stores as private files in one directory, the default.
#[derive(Debug, Clone)]
pub struct Files {
    directory: PathBuf,
    key_file: String,
}

impl Files {
    /// Files in this directory, which is made when it is not there.
    #[must_use]
    pub fn in_dir(path: impl Into<PathBuf>) -> Files {
        Files { directory: path.into(), key_file: KEY_FILE.into() }
    }

    /// Control's key beside its database: `nanami.key` for `nanami.db`.
    #[cfg(all(feature = "server", feature = "sqlite"))]
    pub(crate) fn beside(database: &Path) -> Files {
        let directory = database.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let stem = database.file_stem().unwrap_or_default().to_string_lossy();
        Files { directory: directory.into(), key_file: format!("{stem}.key") }
    }

    fn read(&self, name: &str, limit: u64) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
        let file = match File::open(self.directory.join(name)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut bytes = Zeroizing::new(Vec::new());
        file.take(limit + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > limit {
            return Err(io::Error::new(io::ErrorKind::InvalidData, format!("{name} is longer than {limit} bytes")));
        }
        Ok(Some(bytes))
    }

    fn not_a_key(&self) -> io::Error {
        let what = format!("{} does not hold a private key in base64", self.key_file);
        io::Error::new(io::ErrorKind::InvalidData, what)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        write_private(&self.directory.join(name), bytes)
    }
}

impl KeyStore for Files {
    fn load(&self) -> io::Result<Option<PrivateKey>> {
        let Some(bytes) = self.read(&self.key_file, KEY_LIMIT)? else { return Ok(None) };
        let text = std::str::from_utf8(&bytes).map_err(|_| self.not_a_key())?;
        text.trim_end().parse().map(Some).map_err(|_| self.not_a_key())
    }

    fn save(&self, key: &PrivateKey) -> io::Result<()> {
        // The text that `wg genkey` prints, with its newline.
        let text = Zeroizing::new(STANDARD.encode(key.expose()) + "\n");
        self.write(&self.key_file, text.as_bytes())
    }
}

impl StateStore for Files {
    fn load(&self) -> io::Result<Option<Vec<u8>>> {
        Ok(self.read(STATE_FILE, STATE_LIMIT)?.map(|bytes| bytes.to_vec()))
    }

    fn save(&self, state: &[u8]) -> io::Result<()> {
        self.write(STATE_FILE, state)
    }
}

/// Writes a file of mode 0600 in place of the old one: whole or not at all, synced before it returns.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    make_private(directory)?;
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".new");
    let temporary = PathBuf::from(temporary);
    // A leftover of a crash is removed, so that the file that is made is ours with our mode.
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    #[cfg(unix)]
    File::open(directory)?.sync_all()?;
    Ok(())
}

fn make_private(directory: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)
}

const KEY_FILE: &str = "private.key";
const STATE_FILE: &str = "agent.state";
const KEY_LIMIT: u64 = 64;
/// The largest message of the channel, and room for the rest.
const STATE_LIMIT: u64 = (4 << 20) + 4096;

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_comes_back_from_a_private_file() {
        let directory = tempfile::tempdir().unwrap();
        let files = Files::in_dir(directory.path().join("state"));
        assert!(KeyStore::load(&files).unwrap().is_none());
        for byte in 0..=255u8 {
            let key = PrivateKey::from_bytes([byte; 32]);
            KeyStore::save(&files, &key).unwrap();
            assert!(KeyStore::load(&files).unwrap() == Some(key));
        }
        let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(directory.path().join("state")), 0o700);
        assert_eq!(mode(directory.path().join("state").join(KEY_FILE)), 0o600);
        assert_eq!(fs::read_dir(directory.path().join("state")).unwrap().count(), 1, "nothing is left over");
    }

    #[test]
    fn a_leftover_of_a_crash_does_not_matter() {
        let directory = tempfile::tempdir().unwrap();
        let files = Files::in_dir(directory.path());
        StateStore::save(&files, b"before").unwrap();
        fs::write(directory.path().join("agent.state.new"), b"half of wha").unwrap();
        assert_eq!(StateStore::load(&files).unwrap().unwrap(), b"before");
        StateStore::save(&files, b"after").unwrap();
        assert_eq!(StateStore::load(&files).unwrap().unwrap(), b"after");
    }

    #[test]
    fn what_is_no_key_is_an_error_that_does_not_show_it() {
        let directory = tempfile::tempdir().unwrap();
        let files = Files::in_dir(directory.path());
        for bad in ["", "QUJD", &"A".repeat(65), "NANAMI-MARKED-SECRET"] {
            fs::write(directory.path().join(KEY_FILE), bad).unwrap();
            let error = KeyStore::load(&files).unwrap_err();
            assert!(bad.is_empty() || !format!("{error:?}{error}").contains(bad), "{error:?}");
        }
    }
}
