//! Operators over HTTP on acme: propose, approve, apply, join, status; who may what; what a restart keeps.
#![expect(clippy::unwrap_used, reason = "tests panic")]

mod common;

use std::{net::SocketAddr, path::Path};

use common::{until, within};
use nanami_control::{
    Client, ClientError, ControlPlane, Tokens,
    agent::{Agent, AgentOptions},
    api::{JoinKeyRequest, Problem},
    store::Sqlite,
};
use nanami_model::{Name, Report, Revision, User, name};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

const ACME: &str = include_str!("../../examples/acme.toml");

#[tokio::test]
async fn acme_is_proposed_approved_applied_and_settles() {
    let directory = tempfile::tempdir().unwrap();
    let acme = Acme::start(directory.path()).await;
    let netops = acme.client("netops");
    let plan = netops.propose(ACME, Some("acme begins")).await.unwrap();
    assert_eq!((plan.base, plan.gained, plan.lost), (Revision::ZERO, 5, 0));
    assert_eq!(plan.waiting_for[0].group, name!("platform"));
    assert_eq!(plan.waiting_for[0].could, [name!("platform-lead")]);
    assert!(plan.text.contains("revision 0 -> 1") && plan.text.contains("waiting for platform-lead"), "{}", plan.text);

    // Nothing moves before those who own what is reached have agreed; the proposer is not one of them.
    let early = refused(netops.apply(&plan.plan).await);
    assert_eq!((early.code.as_str(), early.status), ("plan.needs_approval", 409));
    assert_eq!(refused(netops.approve(&plan.plan).await).code, "change.forbidden");
    for nobody in ["data-dev", "auditor"] {
        let problem = refused(acme.client(nobody).approve(&plan.plan).await);
        assert!(["change.forbidden", "plan.unknown"].contains(&problem.code.as_str()), "{problem:?}");
    }
    // What the text shows of the id is enough.
    let approved = acme.client("platform-lead").approve(&plan.plan[..6]).await.unwrap();
    assert!(approved.text.contains("by platform-lead; it may be applied"), "{}", approved.text);
    assert_eq!((approved.approved_by, approved.waiting_for), (vec![name!("platform-lead")], vec![]));
    let applied = netops.apply(&plan.plan).await.unwrap();
    assert_eq!((applied.revision, applied.waiting), (Revision::new(1), vec![]));

    // Every peer is pending: planned, and nothing is open.
    let status = netops.status().await.unwrap();
    assert_eq!(status.peers.len(), 8);
    assert!(status.peers.iter().all(|peer| peer.state == "planned" && peer.desired.is_none()), "{status:?}");

    let mut agents = Vec::new();
    for peer in &status.peers {
        let request = JoinKeyRequest { name: peer.name.clone(), peer: Some(peer.name.clone()), expires_in_ms: None };
        let join = netops.create_join_key(&request).await.unwrap().join_string.parse().unwrap();
        let options = AgentOptions::in_dir(directory.path().join(peer.name.as_str()));
        agents.push(within(Agent::join(&join, options)).await.unwrap());
    }
    // Each agent runs what it is given, and says so whenever that changes.
    for agent in agents.clone() {
        tokio::spawn(async move {
            let mut view = agent.watch();
            loop {
                let map = view.borrow_and_update().map.clone();
                if let Some(map) = map {
                    let (epoch, generation, digests) = (map.epoch(), map.generation(), map.digests().to_vec());
                    agent.report(Report { epoch, generation, digests, ..Report::default() });
                }
                if view.changed().await.is_err() {
                    return;
                }
            }
        });
    }
    let settled = within(async {
        loop {
            let status = netops.status().await.unwrap();
            if status.peers.iter().all(|peer| peer.state == "matching") {
                return status;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(settled.peers.iter().all(|peer| peer.desired == peer.applied && peer.report_age_ms.is_some()));
    let text = netops.status_text().await.unwrap();
    assert!(text.starts_with("acme, revision 17") && text.contains("8 of 8 peers matching"), "{text}");
    let why = netops.explain("ci-runner", "k8s-ingress", "tcp/6443").await.unwrap();
    assert!(why.allowed && why.text.starts_with("ALLOWED"), "{why:?}");
    let why_not = acme.client("auditor").explain("ci-runner", "db-cluster", "tcp/5432").await.unwrap();
    assert!(!why_not.allowed && why_not.text.contains("Fix 1"), "{why_not:?}");
    let unknown = refused(netops.explain("ci-runer", "db-cluster", "tcp/5432").await);
    assert!(unknown.code == "name.unknown" && unknown.detail.contains("ci-runner"), "{unknown:?}");
    assert_eq!(refused(netops.explain("ci-runner", "db-cluster", "tpc/1").await).code, "request.malformed");
    assert!(netops.board_svg().await.unwrap().starts_with("<svg"));
    let document = netops.document().await.unwrap();
    assert!(netops.propose(&document, None).await.unwrap().changes == 0, "what is live needs no change");

    // The log says who did what.
    let history = netops.history(Revision::ZERO).await.unwrap();
    assert_eq!(history.len(), 17);
    assert_eq!((history[0].by.as_str(), history[0].act.as_str()), ("netops", "applied"));
    assert_eq!(history[0].approved_by, ["platform-lead"]);
    assert_eq!(history[0].reason.as_deref(), Some("acme begins"));
    assert!(history.iter().filter(|entry| entry.act == "joined" && entry.by == "control").count() == 8);

    // A live change reaches exactly those whom it touches.
    let edited = document.replacen("tcp/6443", "tcp/7443", 1);
    let plan = netops.propose(&edited, None).await.unwrap();
    assert_eq!(refused(netops.apply(&plan.plan).await).code, "assertion.failed", "deploys-survive would break");
    let edited = document.replace("[\"tcp/443\"]", "[\"tcp/8443\"]");
    let plan = netops.propose(&edited, None).await.unwrap();
    acme.client("platform-lead").approve(&plan.plan).await.unwrap();
    let before = generations(&netops).await;
    netops.apply(&plan.plan).await.unwrap();
    let after = generations(&netops).await;
    let mut moved = before.iter().zip(&after).filter(|(b, a)| b != a).map(|(_, a)| a.0.clone()).collect::<Vec<_>>();
    moved.sort();
    let mut told = plan.peers.clone();
    told.sort();
    assert_eq!(moved, told, "what the plan said");
    for agent in &agents {
        let wanted = after.iter().find(|(_, id, _)| *id == agent.peer()).unwrap().2;
        until(agent, |view| view.map.as_ref().map(|map| map.generation()) == wanted).await;
    }
    acme.stop().await;
}

#[tokio::test]
async fn proposals_and_approvals_survive_a_restart_and_generations_too() {
    let directory = tempfile::tempdir().unwrap();
    let acme = Acme::start(directory.path()).await;
    let plan = acme.client("netops").propose(ACME, None).await.unwrap().plan;
    acme.client("platform-lead").approve(&plan).await.unwrap();
    acme.stop().await;
    let acme = Acme::start(directory.path()).await;
    assert_eq!(acme.client("netops").plan(&plan).await.unwrap().approved_by, [name!("platform-lead")]);
    acme.client("netops").apply(&plan).await.unwrap();
    let join = JoinKeyRequest { name: name!("db"), peer: Some(name!("db-cluster")), expires_in_ms: None };
    let join = acme.client("netops").create_join_key(&join).await.unwrap().join_string.parse().unwrap();
    let agent = within(Agent::join(&join, AgentOptions::in_dir(directory.path().join("db")))).await.unwrap();
    agent.stop().await;
    let before = acme.client("netops").status().await.unwrap();
    acme.stop().await;
    let acme = Acme::start(directory.path()).await;
    let after = acme.client("netops").status().await.unwrap();
    let facts = |status: &nanami_control::api::Status| {
        let peers = status.peers.iter();
        peers.map(|peer| (peer.name.clone(), peer.key, peer.addresses.clone(), peer.desired)).collect::<Vec<_>>()
    };
    assert_eq!((facts(&before), before.revision, before.epoch), (facts(&after), after.revision, after.epoch));
    assert_eq!(refused(acme.client("netops").apply(&plan).await).code, "plan.unknown", "it is applied");
    acme.stop().await;
}

#[tokio::test]
async fn a_plan_stands_while_its_effect_does_and_the_change_that_moves_it_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let acme = Acme::start(directory.path()).await;
    let netops = acme.client("netops");
    acme.apply(ACME).await;
    // Two plans on one revision: another rule for api, and the end of api-to-db.
    let ssh = "\napi-ssh = { from = \"api-gateway\", to = \"db-cluster\", allow = [\"tcp/22\"] }\napi-to-db ";
    let more = ACME.replacen("\napi-to-db ", ssh, 1);
    let less = ACME.replacen("\napi-to-db ", "\n# api-to-db ", 1);
    assert!(more != ACME && less != ACME);
    let more = netops.propose(&more, None).await.unwrap().plan;
    let less = netops.propose(&less, None).await.unwrap().plan;
    let both = netops
        .propose(&ACME.replace("allow = [\"tcp/5432\"]", "allow = [\"tcp/5432\", \"tcp/5433\"]"), None)
        .await
        .unwrap()
        .plan;
    for plan in [&more, &less, &both] {
        acme.client("platform-lead").approve(plan).await.unwrap();
    }
    // A join in between moves nothing.
    let join = JoinKeyRequest { name: name!("db"), peer: Some(name!("db-cluster")), expires_in_ms: None };
    let join = netops.create_join_key(&join).await.unwrap().join_string.parse().unwrap();
    let agent = within(Agent::join(&join, AgentOptions::in_dir(directory.path().join("db")))).await.unwrap();
    netops.apply(&less).await.unwrap();
    let stale = refused(netops.apply(&both).await);
    assert_eq!((stale.code.as_str(), stale.status), ("plan.stale", 409));
    assert!(stale.detail.contains(&format!("plan {} by netops", &less[..6])), "{}", stale.detail);
    netops.apply(&more).await.unwrap();
    let status = netops.status().await.unwrap();
    let db = status.peers.iter().find(|peer| peer.name == name!("db-cluster")).unwrap();
    assert_eq!(db.key, Some(agent.key().public()), "no plan takes a key that came meanwhile");
    acme.stop().await;
}

#[tokio::test]
async fn sec_15_roles_decide_and_strangers_see_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let acme = Acme::start(directory.path()).await;
    acme.apply(ACME).await;
    let edited = ACME.replace("[\"tcp/443\"]", "[\"tcp/8443\"]");
    // platform-lead may change what platform owns; build belongs to delivery.
    let beyond_platform = edited.replace("10.43.0.0/16", "10.44.0.0/16");
    for (user, reads) in [("auditor", true), ("data-dev", true), ("platform-lead", true), ("stranger", false)] {
        let client = acme.client(user);
        assert_eq!(client.status().await.is_ok(), reads, "{user}");
        let problem = refused(client.propose(&beyond_platform, None).await);
        let wanted = if reads { ("change.forbidden", 403) } else { ("workspace.unknown", 404) };
        assert_eq!((problem.code.as_str(), problem.status), wanted, "{user}");
        let request = JoinKeyRequest { name: name!("mine"), peer: None, expires_in_ms: None };
        assert_eq!(refused(client.create_join_key(&request).await).code, wanted.0, "{user}");
    }
    let plan = acme.client("netops").propose(&edited, None).await.unwrap().plan;
    for user in ["auditor", "data-dev", "netops"] {
        assert_eq!(refused(acme.client(user).approve(&plan).await).code, "change.forbidden", "{user}");
    }
    for user in ["auditor", "data-dev"] {
        assert_eq!(refused(acme.client(user).apply(&plan).await).code, "change.forbidden", "{user}");
    }
    // It is platform's to change, but netops' proposal: it waits for a consent that is said.
    assert_eq!(refused(acme.client("platform-lead").apply(&plan).await).code, "plan.needs_approval");
    acme.client("platform-lead").approve(&plan).await.unwrap();
    acme.client("netops").apply(&plan).await.unwrap();
    // Another workspace and none at all read the same; without a good token even that is not said.
    let elsewhere = Client::new(&acme.address.to_string(), name!("other"), &acme.token("netops"));
    assert_eq!(refused(elsewhere.status().await).code, "workspace.unknown");
    for token in ["", "nnm_api_00000000000000000000000000000000000000", "x"] {
        let client = Client::new(&acme.address.to_string(), name!("acme"), token);
        let problem = refused(client.status().await);
        assert_eq!((problem.code.as_str(), problem.status), ("auth.required", 401));
    }
    acme.stop().await;
}

#[tokio::test]
async fn every_mistake_of_a_document_comes_at_once_with_place_and_remedy() {
    let directory = tempfile::tempdir().unwrap();
    let acme = Acme::start(directory.path()).await;
    let broken = ACME.replace("10.43.0.0/16", "10.43.0.1/16").replace("to = \"vpc\"", "to = \"vcp\"");
    let problem = refused(acme.client("netops").propose(&broken, None).await);
    assert_eq!(problem.status, 422);
    let codes = problem.errors.iter().map(|error| error.code.as_str()).collect::<Vec<_>>();
    assert!(codes.contains(&"value.cidr.host_bits") && codes.contains(&"document.dangling"), "{codes:?}");
    assert!(problem.errors.iter().all(|error| error.place.is_some() && !error.remedy.is_empty()), "{problem:?}");
    let other = ACME.replace("name = \"acme\"", "name = \"emca\"");
    assert_eq!(refused(acme.client("netops").propose(&other, None).await).code, "document.other_workspace");
    acme.stop().await;
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let acme = Acme::start(directory.path()).await;
    let mut stream = TcpStream::connect(acme.address).await.unwrap();
    let head = format!(
        "POST /v1/workspaces/acme/plans HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-length: {}\r\n\r\n",
        acme.token("netops"),
        5 << 20
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let (mut reader, mut writer) = stream.into_split();
    let sending = tokio::spawn(async move { writer.write_all(&vec![b'#'; 5 << 20]).await });
    let mut answer = vec![0; 12];
    within(reader.read_exact(&mut answer)).await.unwrap();
    assert_eq!(answer, b"HTTP/1.1 413");
    sending.abort();
    acme.stop().await;
}

struct Acme {
    control: ControlPlane,
    tokens: Vec<(Name, String)>,
    address: SocketAddr,
    task: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Acme {
    async fn start(directory: &Path) -> Acme {
        let tokens = Tokens::default();
        let users = ["netops", "platform-lead", "data-dev", "auditor", "stranger"];
        let issued = users.map(|user| {
            let user: Name = user.parse().unwrap();
            let token = tokens.issue(user.clone()).unwrap();
            (user, token.expose().to_owned())
        });
        let builder = ControlPlane::builder(Sqlite::at(directory.join("nanami.db"))).with_identity(tokens);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let url = format!("http://{address}").parse().unwrap();
        let control = builder.with_public_url(url).start().await.unwrap();
        control.open_workspace(name!("acme"), User::new(name!("netops"))).await.unwrap();
        let serving = control.clone();
        let task = tokio::spawn(async move { serving.serve(listener).await });
        Acme { control, tokens: issued.to_vec(), address, task }
    }

    fn token(&self, user: &str) -> String {
        self.tokens.iter().find(|(name, _)| name.as_str() == user).unwrap().1.clone()
    }

    fn client(&self, user: &str) -> Client {
        Client::new(&self.address.to_string(), name!("acme"), &self.token(user))
    }

    async fn apply(&self, document: &str) {
        let plan = self.client("netops").propose(document, None).await.unwrap().plan;
        self.client("platform-lead").approve(&plan).await.unwrap();
        self.client("netops").apply(&plan).await.unwrap();
    }

    async fn stop(self) {
        within(self.control.stop()).await;
        let _ended = self.task.await;
    }
}

fn refused<T: std::fmt::Debug>(outcome: Result<T, ClientError>) -> Problem {
    match outcome {
        Err(ClientError::Refused(problem)) => *problem,
        other => panic!("wanted a refusal, got {other:?}"),
    }
}

async fn generations(client: &Client) -> Vec<(Name, nanami_model::PeerId, Option<nanami_model::Generation>)> {
    let status = client.status().await.unwrap();
    status.peers.into_iter().map(|peer| (peer.name, peer.peer, peer.desired)).collect()
}
