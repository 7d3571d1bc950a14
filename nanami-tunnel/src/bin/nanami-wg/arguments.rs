//! What was asked for on the command line.

use std::ffi::OsString;

use lexopt::prelude::*;

use crate::failure::Failure;

/// What there is to do.
pub(crate) enum Task {
    /// Print this.
    Say(String),
    /// Tell what happened at an interface that is served.
    Stats { name: String },
    /// Serve an interface of this name.
    Serve { name: String, in_foreground: bool },
}

/// Reads the command line and the environment.
pub(crate) fn read() -> Result<Task, Failure> {
    let foreground = std::env::var_os("WG_PROCESS_FOREGROUND").is_some_and(|value| value == "1");
    parse(lexopt::Parser::from_env(), foreground)
}

fn parse(mut parser: lexopt::Parser, mut in_foreground: bool) -> Result<Task, Failure> {
    let (mut name, mut asks_stats) = (None::<OsString>, false);
    while let Some(argument) = parser.next().map_err(usage)? {
        match argument {
            Short('f') | Long("foreground") => in_foreground = true,
            Long("stats") => asks_stats = true,
            Short('h') | Long("help") => return Ok(Task::Say(HELP.to_owned())),
            Short('V' | 'v') | Long("version") => {
                return Ok(Task::Say(format!("nanami-wg {}\n", env!("CARGO_PKG_VERSION"))));
            }
            Value(value) if name.is_none() => name = Some(value),
            other => return Err(usage(other.unexpected())),
        }
    }
    let Some(name) = name else { return Err(Failure::Usage("an interface's name is missing".to_owned())) };
    // The kernel would take any bytes, but nobody could type them.
    let name = name.into_string().map_err(|name| Failure::Usage(format!("{name:?} is not text")))?;
    Ok(if asks_stats { Task::Stats { name } } else { Task::Serve { name, in_foreground } })
}

fn usage(error: lexopt::Error) -> Failure {
    Failure::Usage(error.to_string())
}

pub(crate) const HELP: &str = "\
nanami-wg: a WireGuard interface in user space, configured by `wg` and `wg-quick`

Usage: nanami-wg [-f] INTERFACE
       nanami-wg --stats INTERFACE

  INTERFACE          the interface to make, such as wg0
  -f, --foreground   stay in the foreground; otherwise it goes on in the background when the interface is there
  --stats            tell what happened at an interface that is served: per peer handshakes, round trip and bytes;
                     what was dropped, by reason
  -h, --help         this text
  -V, --version      the version

Environment:
  LOG_LEVEL              silent, error, warn (default), info or verbose; to standard error
  WG_PROCESS_FOREGROUND  1 is the same as -f
  NANAMI_WG_OFFLOADS     off: one packet in each system call; or some of no-tun, no-tun-udp, no-udp-gso and no-udp-gro,
                         with commas, for a kernel or a network card that gets one wrong

It ends on SIGTERM and SIGINT, and when its interface or /var/run/wireguard/INTERFACE.sock is removed.
With wg-quick: WG_QUICK_USERSPACE_IMPLEMENTATION=nanami-wg wg-quick up wg0

Exit status: 0 it ended as asked, 1 something failed, 2 wrong usage, 3 a name that no interface can have,
4 not permitted, 5 no TUN driver, 6 the interface is there already, 7 its socket is served already
";

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &[&str]) -> Result<Task, Failure> {
        parse(lexopt::Parser::from_args(arguments), false)
    }

    #[test]
    fn the_command_line_is_that_of_wireguard_go() {
        for arguments in [&["-f", "wg0"][..], &["wg0", "-f"], &["--foreground", "wg0"]] {
            assert!(matches!(read(arguments), Ok(Task::Serve { name, in_foreground: true }) if name == "wg0"));
        }
        assert!(matches!(read(&["--stats", "wg0"]), Ok(Task::Stats { name }) if name == "wg0"));
        assert!(matches!(read(&["wg0"]), Ok(Task::Serve { in_foreground: false, .. })));
        for (arguments, said) in [(&["-h"][..], "Usage"), (&["--version"], env!("CARGO_PKG_VERSION"))] {
            assert!(matches!(read(arguments), Ok(Task::Say(text)) if text.contains(said)));
        }
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for (arguments, named) in [(&[][..], "missing"), (&["-x", "wg0"], "-x"), (&["wg0", "wg1"], "wg1")] {
            assert!(matches!(read(arguments), Err(Failure::Usage(text)) if text.contains(named)), "{arguments:?}");
        }
    }
}
