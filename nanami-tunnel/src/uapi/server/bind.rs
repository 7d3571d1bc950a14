//! Makes the socket file, and takes it away again.
//!
//! **Invariants**: the file appears under its name with its final mode and with somebody listening, in one step; a file of
//! somebody else is never removed.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketType, connect, socket};

use crate::uapi::path::socket_path_in;

/// Why a control socket cannot be bound.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// No interface can have this name.
    #[error(
        "{name:?} cannot be the name of an interface: 1 to 15 visible ASCII characters, none of them `/`, `:` or `%`"
    )]
    Name {
        /// The name.
        name: String,
    },
    /// A process serves this interface.
    #[error("{} is in use: another process serves this interface; stop it, or take another name", path.display())]
    InUse {
        /// The socket.
        path: PathBuf,
    },
    /// Something that is no socket has the name, and stays.
    #[error("{} is not a socket; move it away", path.display())]
    NotASocket {
        /// The file.
        path: PathBuf,
    },
    /// This user may not make it.
    #[error("making {} is not permitted; run as root", path.display())]
    NotPermitted {
        /// The socket.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// It cannot be made.
    #[error("{} cannot be made", path.display())]
    Unavailable {
        /// The socket.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
}

impl BindError {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Name { .. } => "uapi.name",
            Self::InUse { .. } | Self::NotASocket { .. } => "host.address_in_use",
            Self::NotPermitted { .. } => "host.not_permitted",
            Self::Unavailable { .. } => "host.unavailable",
        }
    }
}

/// The file of a socket that is ours; it is removed when this is dropped.
#[derive(Debug)]
pub(super) struct SocketFile(Identity);

/// A path, and which file it led to.
#[derive(Debug, Clone)]
pub(super) struct Identity {
    pub(super) path: PathBuf,
    device: u64,
    inode: u64,
}

pub(super) fn bind(directory: &Path, interface: &str) -> Result<(UnixListener, SocketFile), BindError> {
    let Some(path) = socket_path_in(directory, interface) else {
        return Err(BindError::Name { name: interface.to_owned() });
    };
    let failed = |source: io::Error| match source.kind() {
        ErrorKind::PermissionDenied => BindError::NotPermitted { path: path.clone(), source },
        _ => BindError::Unavailable { path: path.clone(), source },
    };
    DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(failed)?;
    // Of two that find a file which nobody serves, the second must not remove what the first one puts there.
    let lock = File::open(directory).map_err(failed)?;
    flock(&lock, FlockOperation::LockExclusive).map_err(|errno| failed(errno.into()))?;
    let private = Private::new(directory, interface).map_err(failed)?;
    let listener = private.listen().map_err(failed)?;
    let mut linked = fs::hard_link(private.socket(), &path);
    if matches!(&linked, Err(error) if error.kind() == ErrorKind::AlreadyExists) {
        match is_served(&path).map_err(failed)? {
            None => return Err(BindError::NotASocket { path }),
            Some(true) => return Err(BindError::InUse { path }),
            Some(false) => match fs::remove_file(&path) {
                // `wg show` removes a socket that nobody serves, too, and was faster.
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(error)),
                _ => {}
            },
        }
        linked = fs::hard_link(private.socket(), &path);
    }
    linked.map_err(failed)?;
    let file = Identity::of(private.socket(), path.clone()).map_err(failed)?;
    Ok((listener, SocketFile(file)))
}

/// A directory that nobody else can look into, in which a socket gets its mode before it gets its name.
struct Private(PathBuf);

impl Private {
    fn new(directory: &Path, interface: &str) -> io::Result<Self> {
        let path = directory.join(format!(".{interface}.{}", std::process::id()));
        // The lock is ours: whoever made it had our process id, and is gone.
        if path.exists() {
            fs::remove_dir_all(&path)?;
        }
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }

    fn socket(&self) -> PathBuf {
        self.0.join("s")
    }

    fn listen(&self) -> io::Result<UnixListener> {
        let listener = UnixListener::bind(self.socket())?;
        fs::set_permissions(self.socket(), Permissions::from_mode(0o600))?;
        Ok(listener)
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        // What cannot be removed is found by the next one with this process id.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Whether somebody listens at this path; `None` if no socket is there.
fn is_served(path: &Path) -> io::Result<Option<bool>> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Some(false)),
        Err(error) => return Err(error),
        Ok(found) if !found.file_type().is_socket() => return Ok(None),
        Ok(_) => {}
    }
    let probe: OwnedFd = socket(AddressFamily::UNIX, SocketType::STREAM, None)?;
    // One whose queue is full is served as well, and would have us wait for it.
    rustix::io::ioctl_fionbio(&probe, true)?;
    match connect(&probe, &SocketAddrUnix::new(path)?) {
        Ok(()) | Err(rustix::io::Errno::AGAIN) => Ok(Some(true)),
        Err(rustix::io::Errno::CONNREFUSED | rustix::io::Errno::NOENT) => Ok(Some(false)),
        Err(error) => Err(error.into()),
    }
}

impl Identity {
    fn of(file: PathBuf, path: PathBuf) -> io::Result<Self> {
        let metadata = fs::symlink_metadata(file)?;
        Ok(Self { path, device: metadata.dev(), inode: metadata.ino() })
    }

    /// Whether the path still leads to this file.
    pub(super) fn is_there(&self) -> bool {
        let same = |found: fs::Metadata| (found.dev(), found.ino()) == (self.device, self.inode);
        fs::symlink_metadata(&self.path).is_ok_and(same)
    }
}

impl SocketFile {
    pub(super) fn path(&self) -> &Path {
        &self.0.path
    }

    pub(super) fn identity(&self) -> Identity {
        self.0.clone()
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.0.is_there() {
            // Somebody may be faster.
            let _ = fs::remove_file(&self.0.path);
        }
    }
}
