//! Why it did not start, as one line and an exit status of its own.

use std::error::Error;
use std::process::ExitCode;

use nanami_tunnel::device::DeviceError;
use nanami_tunnel::uapi::BindError;

/// Why there is no interface.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("{0}; `nanami-wg --help` says more")]
    Usage(String),
    #[error(transparent)]
    Device(#[from] DeviceError),
    #[error(transparent)]
    Socket(#[from] BindError),
    #[error("{what}")]
    Other {
        what: &'static str,
        #[source]
        source: std::io::Error,
    },
    #[error("nobody serves an interface {name} here; `nanami-wg {name}` would")]
    NotServed {
        name: String,
        #[source]
        source: std::io::Error,
    },
    #[error("what serves {0} does not tell what happened; `wg show {0}` says what it knows")]
    Refused(String),
    /// The process in the background has said already why.
    #[error("it did not start")]
    Detached(u8),
}

impl Failure {
    /// For `map_err`: what was being done when it failed.
    pub(crate) fn at(what: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Other { what, source }
    }

    /// Says why in one line, and gives the status.
    pub(crate) fn report(&self) -> ExitCode {
        if !matches!(self, Self::Detached(_)) {
            let mut line = format!("nanami-wg: {self}");
            let mut source = self.source();
            while let Some(error) = source {
                line.push_str(&format!(": {error}"));
                source = error.source();
            }
            eprintln!("{line}");
        }
        ExitCode::from(self.status())
    }

    fn status(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Device(DeviceError::Name { .. }) | Self::Socket(BindError::Name { .. }) => 3,
            Self::Device(DeviceError::NotPermitted { .. }) | Self::Socket(BindError::NotPermitted { .. }) => 4,
            Self::Device(DeviceError::NoTun) => 5,
            Self::Device(DeviceError::InUse { .. }) => 6,
            Self::Socket(BindError::InUse { .. }) => 7,
            Self::Detached(status) => *status,
            _ => 1,
        }
    }
}
