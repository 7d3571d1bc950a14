//! The questions of an operator, asked of workspaces of 1,000 and 10,000 peers: each answer is a page, reviewed as a diff.
//! `NANAMI_BLESS=1` writes the pages; `NANAMI_DESK=folder` keeps the documents in it, to ask them by hand.
#![allow(clippy::unwrap_used, reason = "a test says what went wrong by panicking")]

mod fleet;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use fleet::fleet;
use nanami::model::{Generation, Intent, Observed, PeerId, PolicyId, PrivateKey, Recording, Report, Timestamp, Usage};
use nanami::plan::{Selection, compile};

/// Each question by its file, with the exit code of its answer.
const QUESTIONS: [(&str, i32, &str); 14] = [
    ("plan", 2, "plan new.toml --against nanami.toml"),
    ("explain_allowed", 0, "explain p-7 p-77 tcp/443"),
    ("explain_denied", 2, "explain p-7 p-777 tcp/22"),
    ("reach_to", 0, "reach --to p-777"),
    ("reach_from", 0, "reach --from p-7"),
    ("reach_lab", 0, "reach --to lab-0"),
    ("impact", 0, "impact gw-0"),
    ("impact_region", 2, "impact gw-0 --region r-1"),
    ("sweep", 0, "impact --sweep"),
    ("check", 3, "check -f broken.toml --against nanami.toml"),
    ("bisect", 2, "bisect p-250 p-300 tcp/443 nanami.toml new.toml"),
    ("what_if", 2, "what-if --remove policies.next-5"),
    ("plan_used", 2, "plan new.toml --against fleet.recording"),
    ("status", 2, "status -f fleet.recording"),
];

/// The workspace as it runs: three peers that are behind, one that is silent, and all others as they should be.
fn recording(intent: &Intent) -> String {
    let mut draft = intent.draft();
    for (n, (id, _)) in (1u64..).zip(intent.peers()) {
        let mut bytes = [9; 32];
        bytes[8..16].copy_from_slice(&n.to_le_bytes());
        draft.update(id, |peer| peer.with_key(PrivateKey::from_bytes(bytes).public()));
    }
    let intent = intent.apply(intent.owner(), &draft.into_changes()).unwrap();
    let desired = compile(&intent, &Selection::default());
    let peer = |name: &str| intent.id::<PeerId>(name).unwrap();
    let (behind, silent) = (["p-3", "p-30", "p-300"].map(peer), peer("p-42"));
    let (used_at, next) = (peer("p-320"), intent.id::<PolicyId>("next-5").unwrap());
    let (now, mut observed) = (Timestamp::from_millis(1_795_360_204_000), Observed::none().clone());
    let mut generations = std::collections::BTreeMap::new();
    for (id, _) in intent.peers() {
        let map = desired.map_for(id).unwrap();
        generations.insert(id, Generation::new(4));
        let generation = Generation::new(if behind.contains(&id) { 3 } else { 4 });
        let digests = map.digests().to_vec();
        // Three of team-5 were at a peer of team-6 by the policy that new.toml takes away, the last of them two hours ago.
        let used = |name: &str, hours: u64| Usage {
            policy: next,
            from: Some(peer(name)),
            open: 0,
            opened: 4,
            last_use_age: Duration::from_secs(hours * 3600),
        };
        let usage =
            if id == used_at { vec![used("p-270", 50), used("p-271", 2), used("p-299", 700)] } else { Vec::new() };
        let report = Report { usage, generation, digests, ..Report::default() };
        let at = Timestamp::from_millis(now.as_millis() - if id == silent { 600_000 } else { 2_000 });
        observed.record(id, report, at).unwrap();
    }
    serde_json::to_string(&Recording::new(&intent, &observed, generations, now)).unwrap()
}

fn ask(peers: usize) {
    let passing = tempfile::tempdir().unwrap();
    let kept = std::env::var_os("NANAMI_DESK").map(|folder| Path::new(&folder).join(peers.to_string()));
    let desk = kept.as_deref().unwrap_or(passing.path());
    fs::create_dir_all(desk).unwrap();
    let write = |name: &str, text: &str| fs::write(desk.join(name), text).unwrap();
    let text = fleet(peers);
    let intent = Intent::from_toml(&text).unwrap();
    let other = "next-5 = { from = \"team-5\", to = \"lab-5\", allow = [\"tcp/443\"] }\n";
    let old = text.lines().find(|line| line.starts_with("next-5 ")).unwrap();
    write("nanami.toml", &text);
    write("new.toml", &text.replace(old, other));
    let opened = "across = { from = \"team-0\", to = \"team-3\", allow = [\"tcp/80\"] }\n\n[assertions]";
    write("broken.toml", &text.replace("[assertions]", opened));
    write("fleet.recording", &recording(&intent));
    for (name, code, line) in QUESTIONS {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nanami"));
        let output = command.args(line.split(' ')).current_dir(desk).env_remove("NANAMI_FILE").output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "nanami {line}\n{said}{errors}");
        assert_page(line, &said);
        golden(&format!("{peers}/{name}"), &format!("$ nanami {line}\n{said}"));
    }
}

/// OUTPUT.md, rule 2.
fn assert_page(line: &str, text: &str) {
    assert!(text.lines().count() <= 24, "nanami {line}: {} lines\n{text}", text.lines().count());
    for row in text.lines() {
        assert!(row.chars().count() <= 100 && row == row.trim_end(), "nanami {line}: {row:?}");
    }
}

fn golden(name: &str, text: &str) {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(format!("{name}.txt"));
    if std::env::var_os("NANAMI_BLESS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
    }
    let known = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, known, "{} differs; NANAMI_BLESS=1 writes it anew", path.display());
}

#[test]
fn a_thousand_peers_are_answered_in_a_page_each() {
    ask(1_000);
}

#[test]
fn ten_thousand_peers_are_answered_in_a_page_each() {
    ask(10_000);
}
