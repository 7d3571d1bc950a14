//! SEC-60, SEC-61: every flow, traced at TRACE: no log line, Debug text, error, store or state file holds a secret.
#![expect(clippy::unwrap_used, reason = "tests panic")]

mod common;

use std::{
    fmt::{self, Write},
    fs,
    path::Path,
    sync::{Arc, Mutex},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use common::{Served, until, within};
use nanami_control::{
    Client, Tokens,
    agent::{Agent, AgentOptions, ControlLink},
};
use nanami_model::{JoinString, Report, name};
use tracing::{
    Event, Id, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Record},
};

#[tokio::test]
async fn sec_61_nothing_that_is_written_down_holds_a_secret() {
    let log = Log::default();
    tracing::subscriber::set_global_default(log.clone()).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let served = Served::start(directory.path()).await;
    let mut texts = format!("{served:?}", served = (&served.control, &served.acme));

    // A join, a report, a refusal of each kind, a client with a bad token.
    let join = served.join_key("laptop").await;
    let state = directory.path().join("laptop");
    let agent = within(Agent::join(&join, AgentOptions::in_dir(&state))).await.unwrap();
    until(&agent, |view| matches!(view.control, ControlLink::Attached { .. })).await;
    agent.report(Report::default());
    let used = within(Agent::join(&join, AgentOptions::in_dir(directory.path().join("second")))).await.unwrap_err();
    let other: JoinString = served.join_key("other").await;
    let tokens = Tokens::default();
    let token = tokens.issue(name!("netops")).unwrap();
    tokens.save(&directory.path().join("tokens")).unwrap();
    let client = Client::new(join.authority(), name!("acme"), token.expose());
    let refused = within(client.status()).await.unwrap_err();
    write!(texts, "{join:?} {agent:?} {used:?} {used} {other:?} {tokens:?} {token:?} {client:?} {refused:?} {refused}")
        .unwrap();
    write!(texts, "{:?} {:?}", agent.watch().borrow(), served.acme.snapshot()).unwrap();
    write!(texts, "{:?}", served.acme.history(nanami_model::Revision::ZERO, 100).await.unwrap()).unwrap();

    let key = STANDARD.encode(agent.key().expose());
    let control = fs::read_to_string(directory.path().join("nanami.key")).unwrap().trim().to_owned();
    agent.stop().await;
    served.stop().await;

    // The part of each that a scanner would need: the secret without prefix, id and check.
    let join_secrets = [&join, &other].map(|join| join.secret().expose()[24..56].to_owned());
    let secrets = [&join_secrets[0], &join_secrets[1], &token.expose()[25..57].to_owned(), &key, &control];
    let lines = log.0.lock().unwrap().clone();
    assert!(lines.contains("joined") && lines.contains("refused"), "the trace was listened to: {lines}");
    let files = files(directory.path());
    assert!(files.len() >= 6, "{files:?}");
    for secret in secrets {
        assert!(secret.len() >= 32);
        assert!(!lines.contains(secret.as_str()), "in the trace");
        assert!(!texts.contains(secret.as_str()), "in a Debug or Display text");
        for (path, bytes) in &files {
            let holds = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            let own = path.ends_with("private.key") || path.ends_with("nanami.key");
            assert!(own || !holds, "in {path}");
        }
    }
}

fn files(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let read = |path: std::path::PathBuf| match path.is_dir() {
        true => files(&path),
        false => vec![(path.display().to_string(), fs::read(&path).unwrap())],
    };
    entries.flat_map(read).collect()
}

/// Writes down everything, at every level, from every crate.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<String>>);

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        attributes.record(&mut Line(&mut self.0.lock().unwrap()));
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut Line(&mut self.0.lock().unwrap()));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        event.record(&mut Line(&mut self.0.lock().unwrap()));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Line<'a>(&'a mut String);

impl Visit for Line<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        writeln!(self.0, "{field}={value:?}").unwrap();
    }
}
