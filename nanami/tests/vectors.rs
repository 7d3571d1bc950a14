//! The vectors that every language runs (`docs/vectors/`): questions with the command's answers, and errors with code, place and
//! remedy. `NANAMI_BLESS=1` writes them.
#![allow(clippy::unwrap_used, reason = "a test says what went wrong by panicking")]

mod common;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use nanami::model::{Actor, Coded, DocumentErrors, Intent, Service, UserId, sample};
use serde_json::{Value, json};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/vectors")
}

/// The file has this text, or gets it.
fn stands(name: &str, text: &str) {
    let path = folder().join(name);
    if std::env::var_os("NANAMI_BLESS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
    }
    let stands = fs::read_to_string(&path).unwrap_or_default();
    let other = text.lines().zip(stands.lines()).find(|(now, stands)| now != stands);
    assert!(text == stands, "docs/vectors/{name} says another thing (NANAMI_BLESS=1 writes it): {other:?}");
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap() + "\n"
}

/// acme with these lines at the head of its policies, and without those that begin so.
fn acme(more: &str, without: &str) -> String {
    let text = sample::ACME.replace("\n[policies] ", &format!("\n[policies]\n{more}\n#"));
    text.lines()
        .filter(|line| without.is_empty() || !line.starts_with(without))
        .fold(String::new(), |text, line| text + line + "\n")
}

fn documents() -> Vec<(&'static str, String)> {
    let reads = "ci-reads-db = { from = \"ci-runner\", to = \"db-cluster\", allow = [\"tcp/5432\"], via = [\"us-east\", \"eu-west\"] }";
    let direct = "direct = { from = \"ci-runner\", to = \"db-cluster\", allow = [\"tcp/1\"] }";
    let drained = sample::ACME.replace("us-east  = { region", "us-east  = { activity = \"draining\", region");
    vec![
        ("acme.toml", sample::ACME.to_owned()),
        ("opened.toml", acme(reads, "ci-to-vpc")),
        ("broken.toml", acme(direct, "")),
        ("drained.toml", drained),
        ("phone.toml", phone()),
        ("acme.recording", common::recording() + "\n"),
    ]
}

/// acme with a plain device behind a gateway that has joined.
fn phone() -> String {
    let key = |n: u8| nanami::model::PrivateKey::from_bytes([n; 32]).public();
    let phone = format!(
        "\n[peers]\nphone = {{ groups = [\"platform\"], networks = [\"prod\"], mode = \"limited\", gateway = \"us-east\", key = \"{}\" }}\n#",
        key(1)
    );
    let text = sample::ACME.replace("us-east  = { region", &format!("us-east  = {{ key = \"{}\", region", key(2)));
    let reads = "phone-reads = { from = \"phone\", to = \"db-cluster\", allow = [\"tcp/5432\"] }";
    text.replace("\n[peers] ", &phone).replace("\n[policies] ", &format!("\n[policies]\n{reads}\n#"))
}

fn questions() -> Value {
    json!([
        {"verb": "plan", "file": "acme.toml"},
        {"verb": "plan", "file": "acme.toml", "since": "acme.toml"},
        {"verb": "plan", "file": "opened.toml", "since": "acme.toml"},
        {"verb": "plan", "file": "broken.toml", "since": "acme.toml"},
        {"verb": "plan", "file": "drained.toml", "since": "acme.toml"},
        {"verb": "plan", "file": "opened.toml", "since": "acme.recording"},
        {"verb": "explain", "file": "acme.toml", "from": "ci-runner", "to": "db-cluster", "service": "tcp/5432"},
        {"verb": "explain", "file": "acme.toml", "from": "api-gateway", "to": "db-cluster", "service": "tcp/5432"},
        {"verb": "explain", "file": "acme.toml", "from": "ci-runner", "to": "vpc", "service": "tcp/443"},
        {"verb": "explain", "file": "opened.toml", "from": "ci-runner", "to": "db-cluster", "service": "tcp/5432"},
        {"verb": "explain", "file": "acme.recording", "from": "ci-runner", "to": "db-cluster", "service": "tcp/5432"},
        {"verb": "explain", "file": "acme.recording", "from": "edge-router", "to": "10.60.1.1", "service": "icmp"},
        {"verb": "reach", "file": "acme.toml", "to": "db-cluster"},
        {"verb": "reach", "file": "acme.toml", "to": "10.60.1.1"},
        {"verb": "reach", "file": "acme.toml", "from": "edge-router"},
        {"verb": "reach", "file": "acme.recording", "from": "ci-runner"},
        {"verb": "reach", "file": "acme.toml", "user": "data-dev"},
        {"verb": "impact", "file": "acme.toml", "gateways": ["us-east"]},
        {"verb": "impact", "file": "acme.toml", "gateways": ["us-east"], "regions": ["eu-west"]},
        {"verb": "impact", "file": "acme.toml", "gateways": ["ap-south"], "without_control": true},
        {"verb": "sweep", "file": "acme.toml"},
        {"verb": "check", "file": "acme.toml"},
        {"verb": "check", "file": "broken.toml"},
        {"verb": "check", "file": "broken.toml", "since": "acme.toml"},
        {"verb": "diff", "file": "opened.toml", "since": "acme.toml"},
        {"verb": "diff", "file": "acme.toml", "since": "acme.toml"},
        {"verb": "bisect", "files": ["acme.toml", "drained.toml", "opened.toml"], "from": "ci-runner", "to": "vpc", "service": "tcp/443"},
        {"verb": "bisect", "files": ["acme.toml", "opened.toml"], "from": "api-gateway", "to": "db-cluster", "service": "tcp/5432"},
        {"verb": "status", "file": "acme.recording"},
        {"verb": "export", "file": "phone.toml", "peer": "phone", "endpoint": "vpn.example.com:51820"},
    ])
}

/// The question as the command takes it.
fn line(ask: &Value) -> Vec<String> {
    let text = |field: &str| ask[field].as_str().unwrap_or_default().to_owned();
    let option = |field: &str, flag: &str| match ask[field].as_str() {
        Some(value) => vec![flag.to_owned(), value.to_owned()],
        None => Vec::new(),
    };
    let list = |field: &str| {
        ask[field].as_array().cloned().unwrap_or_default().into_iter().map(|it| it.as_str().unwrap().to_owned())
    };
    let regions = list("regions").flat_map(|region| ["--region".to_owned(), region]);
    let control = ask["without_control"].as_bool().unwrap_or_default().then(|| "--without-control".to_owned());
    let (verb, file) = (text("verb"), vec!["--file".to_owned(), text("file")]);
    let own: Vec<String> = match verb.as_str() {
        "plan" => [vec![text("file")], option("since", "--against")].concat(),
        "diff" => vec![text("since"), text("file")],
        "explain" => [vec![text("from"), text("to"), text("service")], file].concat(),
        "reach" => [option("to", "--to"), option("from", "--from"), option("user", "--user"), file].concat(),
        "impact" => list("gateways").chain(regions).chain(control).chain(file).collect(),
        "sweep" => [vec!["--sweep".to_owned()], file].concat(),
        "bisect" => [vec![text("from"), text("to"), text("service")], list("files").collect()].concat(),
        "check" => [option("since", "--against"), file].concat(),
        "export" => [vec![text("peer")], option("endpoint", "--endpoint"), file].concat(),
        _ => file,
    };
    let verb = if verb == "sweep" { "impact".to_owned() } else { verb };
    [vec![verb], own].concat()
}

/// What the command prints, and the code that it ends with.
fn says(line: &[String], more: &[&str]) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nanami"));
    let output = command.args(line).args(more).current_dir(folder().join("documents")).output().unwrap();
    assert!(output.stderr.is_empty(), "{line:?}: {}", String::from_utf8_lossy(&output.stderr));
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap().trim_end_matches('\n').to_owned())
}

fn answer(ask: &Value) -> Value {
    let line = line(ask);
    let (exit, text) = says(&line, &[]);
    if ask["verb"] == "export" {
        return json!({"ask": ask, "exit": exit, "text": text});
    }
    let json: Value = serde_json::from_str(&says(&line, &["--json"]).1).unwrap();
    let (all, markdown) = (says(&line, &["--all"]).1, says(&line, &["--markdown"]).1);
    json!({"ask": ask, "exit": exit, "text": text, "all": all, "markdown": markdown, "json": json})
}

/// Documents and answers are one test, for the answers are about the documents that it has written.
#[test]
fn the_command_answers_what_the_vectors_say() {
    for (name, text) in documents() {
        stands(&format!("documents/{name}"), &text);
    }
    let answers: Vec<_> = questions().as_array().unwrap().iter().map(answer).collect();
    stands("answers.json", &pretty(&json!(answers)));
}

#[test]
fn errors_are_what_the_vectors_say() {
    let mut vectors: Vec<Value> = mistakes().into_iter().map(|(syntax, text)| unreadable(syntax, text)).collect();
    let acme = sample::acme();
    for (by, text) in changes() {
        let wanted = Intent::from_toml(&text).unwrap();
        let actor = acme.id::<UserId>(by).map(Actor::User).unwrap();
        let refused = acme.apply(actor, &acme.changes_to(&wanted)).unwrap_err();
        let parts: Vec<_> = refused.violations().iter().map(said).collect();
        let ask = json!({"verb": "apply", "file": "acme.toml", "wanted": text, "by": by});
        vectors.push(json!({"ask": ask, "error": with_parts(said(&refused), parts)}));
    }
    for (from, to) in [("ci-runer", "db-cluster"), ("ci-runner", "db-clster"), ("nobody-at-all", "vpc")] {
        let unknown = acme.flow(from, to, Service::ANY).unwrap_err();
        let ask = json!({"verb": "explain", "file": "acme.toml", "from": from, "to": to, "service": "any"});
        let mut error = said(&unknown);
        error["nearest"] = json!(unknown.nearest.iter().map(ToString::to_string).collect::<Vec<_>>());
        vectors.push(json!({"ask": ask, "error": error}));
    }
    stands("errors.json", &pretty(&json!(vectors)));
}

/// Texts that are no document.
fn mistakes() -> Vec<(&'static str, String)> {
    let owner = "[workspace]\nname = \"a\"\n[users]\no = { role = \"owner\" }\n";
    let more = |text: &str| ("toml", format!("{owner}{text}"));
    vec![
        ("toml", String::new()),
        ("toml", "[workspace\nname = \"a\"".to_owned()),
        ("json", "{\"workspace\": {\"name\": \"a\"".to_owned()),
        ("toml", sample::ACME.replace("owner = \"delivery\"", "owner = \"delivry\"")),
        ("toml", sample::ACME.replace("owner = \"delivery\"", "ownr = \"delivery\"")),
        ("toml", sample::ACME.replace("10.43.0.0/16", "10.42.0.0/17").replace("tcp/6443\"]", "tcp/66443\"]")),
        more("[networks.n]\nowner = \"g\"\npools = [\"10.0.0.1/8\", \"10.0.0.0/40\", \"ten\"]\n"),
        more("[groups]\ng = 1\nG = {}\n"),
        more("[peers]\np = { key = \"AAAA\", mode = \"limitd\" }\n"),
        more("[policies]\np = { from = \"x\", to = [], allow = [] }\n"),
        ("json", "{\"workspace\": {\"name\": \"a\"}, \"users\": {\"o\": {\"role\": \"ownr\"}}}".to_owned()),
    ]
}

/// Documents that acme cannot become by the hand of this user.
fn changes() -> Vec<(&'static str, String)> {
    let policy = "x = { from = \"ci-runner\", to = \"db-cluster\", allow = [\"any\"] }";
    let few = "[workspace]\nname = \"acme\"\n[users]\nnetops = { role = \"owner\" }\n";
    vec![
        ("auditor", acme(policy, "")),
        ("data-dev", acme("", "api-to-db")),
        ("netops", few.to_owned()),
        (
            "platform-lead",
            sample::ACME.replace("auditor       = { role = \"viewer\" }", "auditor = { role = \"owner\" }"),
        ),
    ]
}

fn unreadable(syntax: &str, text: String) -> Value {
    let read = if syntax == "toml" { Intent::from_toml(&text) } else { Intent::from_json(&text) };
    let errors: DocumentErrors = read.unwrap_err();
    let part = |error: &nanami::model::DocumentError| {
        let (mut part, place) = (said(error), error.place());
        part["place"] = json!({"line": place.line(), "column": place.column(), "path": place.path()});
        part
    };
    let parts = errors.iter().map(part).collect();
    json!({"ask": {"verb": "read", "syntax": syntax, "text": text}, "error": with_parts(said(&errors), parts)})
}

/// What every error says of itself.
fn said(error: &impl Coded) -> Value {
    json!({
        "code": error.code(),
        "message": error.to_string(),
        "fault": error.fault().to_string(),
        "retryable": error.is_retryable(),
        "remedy": error.remedy(),
    })
}

fn with_parts(mut error: Value, parts: Vec<Value>) -> Value {
    error["parts"] = json!(parts);
    error
}
