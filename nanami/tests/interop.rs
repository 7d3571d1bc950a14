//! The command where there is nothing: an empty network namespace, nobody's user, no capability, one file.
#![allow(clippy::unwrap_used, reason = "a test says what went wrong by panicking")]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use nanami::model::sample;

/// Nobody, with nothing: the arguments are the command.
const INSIDE: &str = "exec setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all --ambient-caps=-all \
                      --bounding-set=-all --no-new-privs -- \"$@\"";

/// The command inside the cage, its arguments still to come.
fn caged(folder: &Path) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--net", "--", "sh", "-c", INSIDE, "cage"]).current_dir(folder).env_remove("NANAMI_FILE");
    command
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
#[ignore = "needs root; `cargo xtask test interop` runs it"]
fn the_command_needs_a_file_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let open = |path: &Path| fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
    open(folder.path());
    let nanami = folder.path().join("nanami");
    fs::copy(env!("CARGO_BIN_EXE_nanami"), &nanami).unwrap();
    open(&nanami);
    fs::write(folder.path().join("nanami.toml"), sample::ACME).unwrap();
    let out = folder.path().join("out");
    fs::create_dir(&out).unwrap();
    fs::set_permissions(&out, Permissions::from_mode(0o777)).unwrap();

    let probe =
        caged(folder.path()).args(["sh", "-c", "id -u; grep CapEff /proc/self/status; cat /proc/net/dev"]).output();
    let probe = text(&probe.unwrap());
    assert!(probe.starts_with("65534\nCapEff:\t0000000000000000\n"), "{probe}");
    assert_eq!(
        probe.lines().filter(|line| line.contains(':') && !line.contains("CapEff")).count(),
        1,
        "loopback: {probe}"
    );

    for line in [
        "plan",
        "explain ci-runner db-cluster tcp/5432",
        "reach --to db-cluster",
        "impact us-east --region eu-west",
        "what-if --remove policies.ci-to-vpc",
        "check",
        "board -o out/board.html",
        "schema",
    ] {
        let words: Vec<_> = line.split(' ').collect();
        let inside = caged(folder.path()).arg("./nanami").args(&words).output().unwrap();
        let outside = Command::new(&nanami).args(&words).current_dir(folder.path()).env_remove("NANAMI_FILE").output();
        let outside = outside.unwrap();
        assert_eq!((inside.status.code(), text(&inside)), (outside.status.code(), text(&outside)), "nanami {line}");
        assert_ne!(inside.status.code(), Some(1), "nanami {line}: {}", text(&inside));
    }
    assert!(out.join("board.html").is_file());
}
