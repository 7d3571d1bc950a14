//! Operators: JSON over HTTP, a bearer for each request, roles from the workspace.
//!
//! **Invariant: who asks is proved before anything is looked up, and a workspace in which they have no role does not exist for
//! them (SEC-14).** `Accept: text/plain` gives the text that people read instead of JSON.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    body::{Body, to_bytes},
    extract::{Path, Query, Request, State},
    response::{IntoResponse, Response},
    routing::{delete, get, post},
};
use http::{StatusCode, header, request::Parts};
use nanami_model::{Actor, Intent, JoinKey, JoinKeyId, Name, PeerId, Revision, UserId};
use nanami_plan::{Explanation, board::Detail};
use serde::{Deserialize, de::DeserializeOwned};
use tokio::time::timeout;

use crate::{
    api::{AppliedView, ExplanationView, HistoryView, JoinKeyMade, JoinKeyRequest, PlanView, Problem, WaitingView},
    control_plane::{OpenError, Shared, sees},
    hub::Hub,
    live::LiveWorkspace,
    proposal::{Proposal, propose_document},
    service::audit::{Act, Record},
};

type Answer = Result<Response, Problem>;

pub(super) fn routes() -> axum::Router<Arc<Shared>> {
    axum::Router::new()
        .route("/v1/workspaces/{workspace}/document", get(document))
        .route("/v1/workspaces/{workspace}/status", get(show_status))
        .route("/v1/workspaces/{workspace}/recording", get(record))
        .route("/v1/workspaces/{workspace}/board.svg", get(board_svg))
        .route("/v1/workspaces/{workspace}/board.html", get(board_html))
        .route("/v1/workspaces/{workspace}/explanation", get(explain))
        .route("/v1/workspaces/{workspace}/history", get(history))
        .route("/v1/workspaces/{workspace}/join-keys", post(create_join_key))
        .route("/v1/workspaces/{workspace}/join-keys/{name}", delete(revoke_join_key))
        .route("/v1/workspaces/{workspace}/plans", post(propose).get(plans))
        .route("/v1/workspaces/{workspace}/plans/{plan}", get(show_plan))
        .route("/v1/workspaces/{workspace}/plans/{plan}/approval", post(approve))
        .route("/v1/workspaces/{workspace}/plans/{plan}/application", post(apply))
}

async fn document(State(shared): State<Arc<Shared>>, Path(workspace): Path<String>, request: Request) -> Answer {
    let live = caller(&shared, &workspace, request.into_parts().0).await?;
    Ok(([(header::CONTENT_TYPE, "application/toml")], live.intent().to_toml()).into_response())
}

async fn show_status(State(shared): State<Arc<Shared>>, Path(workspace): Path<String>, request: Request) -> Answer {
    let (parts, _) = request.into_parts();
    let text = wants_text(&parts);
    let live = caller(&shared, &workspace, parts).await?;
    let (snapshot, now) = (live.snapshot(), shared.clock.now());
    Ok(if text {
        snapshot.view(now).overview().to_string().into_response()
    } else {
        Json(snapshot.status(now)).into_response()
    })
}

async fn record(State(shared): State<Arc<Shared>>, Path(workspace): Path<String>, request: Request) -> Answer {
    let live = caller(&shared, &workspace, request.into_parts().0).await?;
    Ok(Json(live.snapshot().record(shared.clock.now())).into_response())
}

async fn board_svg(State(shared): State<Arc<Shared>>, Path(workspace): Path<String>, request: Request) -> Answer {
    let live = caller(&shared, &workspace, request.into_parts().0).await?;
    let picture = Detail::default().unexplained();
    let svg = live.snapshot().view(shared.clock.now()).board_in(picture).to_svg();
    Ok(([(header::CONTENT_TYPE, "image/svg+xml")], svg).into_response())
}

async fn board_html(State(shared): State<Arc<Shared>>, Path(workspace): Path<String>, request: Request) -> Answer {
    let live = caller(&shared, &workspace, request.into_parts().0).await?;
    let html = live.snapshot().view(shared.clock.now()).board().to_html();
    Ok(([(header::CONTENT_TYPE, "text/html; charset=utf-8")], html).into_response())
}

#[derive(Deserialize)]
struct Asked {
    from: String,
    to: String,
    service: String,
}

/// Why a flow passes, or does not, and what would repair that.
async fn explain(
    State(shared): State<Arc<Shared>>,
    Path(workspace): Path<String>,
    Query(asked): Query<Asked>,
    request: Request,
) -> Answer {
    let (parts, _) = request.into_parts();
    let text = wants_text(&parts);
    let live = caller(&shared, &workspace, parts).await?;
    let service = asked.service.parse().map_err(|error| bad(error, "write tcp/443, udp/53, icmp or any"))?;
    let snapshot = live.snapshot();
    let flow = snapshot.intent().flow(&asked.from, &asked.to, service)?;
    let explanation = snapshot.view(shared.clock.now()).explain(&flow);
    let view =
        ExplanationView { allowed: matches!(explanation, Explanation::Allowed(_)), text: explanation.to_string() };
    Ok(if text { view.text.into_response() } else { Json(view).into_response() })
}

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    after: Revision,
    #[serde(default = "page_limit")]
    limit: usize,
}

fn page_limit() -> usize {
    MAX_PAGE
}

async fn history(
    State(shared): State<Arc<Shared>>,
    Path(workspace): Path<String>,
    Query(page): Query<Page>,
    request: Request,
) -> Answer {
    let live = caller(&shared, &workspace, request.into_parts().0).await?;
    let intent = live.intent();
    let records = live.history(page.after, page.limit.min(MAX_PAGE)).await?;
    let views =
        records.into_iter().map(|(revision, record)| history_view(&intent, revision, record)).collect::<Vec<_>>();
    Ok(Json(views).into_response())
}

fn history_view(intent: &Intent, revision: Revision, record: Record) -> HistoryView {
    let user = |id: UserId| intent.name_of(id).map_or_else(|| id.to_string(), Name::to_string);
    let (act, plan, approvals) = match record.act {
        Act::Applied { plan, approvals } => ("applied", Some(plan), approvals),
        Act::JoinKey => ("join_key", None, Vec::new()),
        Act::Joined { .. } => ("joined", None, Vec::new()),
        Act::Recompiled => ("recompiled", None, Vec::new()),
        Act::Rechosen => ("rechosen", None, Vec::new()),
        Act::Restored { .. } => ("restored", None, Vec::new()),
    };
    HistoryView {
        revision,
        at: record.at,
        by: if let Actor::User(id) = record.by { user(id) } else { "control".to_owned() },
        act: act.to_owned(),
        plan,
        approved_by: approvals.iter().map(|approval| user(approval.by)).collect(),
        reason: record.changes.reason().map(str::to_owned),
        changes: record.changes.iter().len(),
        touched: record.touched.len(),
    }
}

async fn create_join_key(State(shared): State<Arc<Shared>>, Path(workspace): Path<String>, request: Request) -> Answer {
    let (parts, body) = request.into_parts();
    let live = caller(&shared, &workspace, parts).await?;
    let asked: JoinKeyRequest = json(body).await?;
    let key = JoinKey::one_off(asked.name);
    let key = match asked.peer {
        Some(peer) => key.for_peer(live.intent().id::<PeerId>(peer.as_str())?),
        None => key,
    };
    let key = match asked.expires_in_ms {
        Some(millis) => key.with_expiry(shared.clock.now().after(Duration::from_millis(millis))),
        None => key,
    };
    let join_string = live.create_join_key(key).await?.expose().to_string();
    Ok((StatusCode::CREATED, Json(JoinKeyMade { join_string })).into_response())
}

async fn revoke_join_key(
    State(shared): State<Arc<Shared>>,
    Path((workspace, name)): Path<(String, String)>,
    request: Request,
) -> Answer {
    let live = caller(&shared, &workspace, request.into_parts().0).await?;
    live.revoke_join_key(live.intent().id::<JoinKeyId>(&name)?).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

#[derive(Deserialize)]
struct Why {
    reason: Option<String>,
    base: Option<Revision>,
    /// Says that it is meant when more than half of the peers, or of everything, goes.
    #[serde(default)]
    allow_mass_removal: bool,
}

/// The body is the workspace's document as it should be; names are identity, and what it does not mention goes. Whoever
/// edited what they had read says on which `base`, and takes nothing back that came in between.
async fn propose(
    State(shared): State<Arc<Shared>>,
    Path(workspace): Path<String>,
    Query(why): Query<Why>,
    request: Request,
) -> Answer {
    let (parts, body) = request.into_parts();
    let text = wants_text(&parts);
    let live = caller(&shared, &workspace, parts).await?;
    let bytes = bytes(body).await?;
    let document = std::str::from_utf8(&bytes).map_err(|_| bad("the document is not UTF-8", "send it as UTF-8"))?;
    let wanted = Intent::from_toml(document)?;
    if wanted.name() != live.intent().name() {
        let detail = format!("the document is of workspace {}", wanted.name());
        return Err(Problem::new("document.other_workspace", detail, "send it to the workspace that it names"));
    }
    let proposed = propose_document(&live.hub, live.by, wanted, why.base, why.reason, why.allow_mass_removal).await?;
    let proposal = proposed.map_err(|head| {
        let detail = format!("the document was made for another revision than {head}, the current one");
        Problem::new("plan.stale", detail, "read the document again, and make your change to that")
    })?;
    proposal.submit().await?;
    Ok(show(StatusCode::CREATED, &proposal, text))
}

async fn plans(State(shared): State<Arc<Shared>>, Path(workspace): Path<String>, request: Request) -> Answer {
    let live = caller(&shared, &workspace, request.into_parts().0).await?;
    let ids = live.hub.look(|core, _| core.proposals().map(|saved| saved.plan.clone()).collect::<Vec<_>>()).await;
    Ok(Json(ids).into_response())
}

async fn show_plan(
    State(shared): State<Arc<Shared>>,
    Path((workspace, plan)): Path<(String, String)>,
    request: Request,
) -> Answer {
    let (parts, _) = request.into_parts();
    let text = wants_text(&parts);
    let live = participant(&shared, &workspace, &plan, parts).await?;
    Ok(show(StatusCode::OK, &live.proposal(&plan).await?, text))
}

async fn approve(
    State(shared): State<Arc<Shared>>,
    Path((workspace, plan)): Path<(String, String)>,
    request: Request,
) -> Answer {
    let (parts, _) = request.into_parts();
    let text = wants_text(&parts);
    let live = participant(&shared, &workspace, &plan, parts).await?;
    Ok(show(StatusCode::OK, &live.approve(&plan).await?, text))
}

async fn apply(
    State(shared): State<Arc<Shared>>,
    Path((workspace, plan)): Path<(String, String)>,
    request: Request,
) -> Answer {
    let live = caller(&shared, &workspace, request.into_parts().0).await?;
    let rollout = live.proposal(&plan).await?.apply().await?;
    let intent = live.intent();
    let waiting = rollout.progress().waiting.iter().filter_map(|peer| intent.name_of(*peer)).cloned().collect();
    Ok(Json(AppliedView { plan, revision: rollout.revision(), waiting }).into_response())
}

/// Who asks, as a handle that acts with their rights.
async fn caller(shared: &Arc<Shared>, workspace: &str, parts: Parts) -> Result<LiveWorkspace, Problem> {
    let user = identified(shared, workspace, &parts).await?;
    let hub = shared.hub(workspace).ok_or(OpenError::Unknown)?;
    let by = actor(hub.snapshot().intent(), &user).ok_or(OpenError::Unknown)?;
    Ok(LiveWorkspace::new(hub, by, Arc::clone(shared)))
}

/// Who asks. A proof that is good for another workspace reads as if this one did not exist.
async fn identified(shared: &Shared, workspace: &str, parts: &Parts) -> Result<Name, Problem> {
    let identified = shared.identity.authenticate(parts).await?;
    match identified.workspace {
        Some(only) if only.as_str() != workspace => Err(OpenError::Unknown.into()),
        _ => Ok(identified.user),
    }
}

/// The same for somebody whom only the plan makes a user: in an empty workspace, who is to approve exists in the plan alone.
async fn participant(
    shared: &Arc<Shared>,
    workspace: &str,
    plan: &str,
    parts: Parts,
) -> Result<LiveWorkspace, Problem> {
    let user = identified(shared, workspace, &parts).await?;
    let hub = shared.hub(workspace).ok_or(OpenError::Unknown)?;
    let known = actor(hub.snapshot().intent(), &user);
    let by = match known {
        Some(by) => Some(by),
        None => named_by(&hub, plan, &user).await,
    };
    Ok(LiveWorkspace::new(hub, by.ok_or(OpenError::Unknown)?, Arc::clone(shared)))
}

async fn named_by(hub: &Hub, plan: &str, user: &Name) -> Option<Actor> {
    hub.look(|core, now| {
        let empty = core.intent().revision() == Revision::ZERO;
        let candidate = core.proposal(now, plan).ok().filter(|_| empty)?;
        actor(candidate.what_if.desired().intent(), user)
    })
    .await
}

fn actor(intent: &Intent, user: &Name) -> Option<Actor> {
    let by = Actor::User(intent.id::<UserId>(user.as_str()).ok()?);
    sees(intent, by).then_some(by)
}

fn show(status: StatusCode, proposal: &Proposal, text: bool) -> Response {
    if text { (status, proposal.to_string()).into_response() } else { (status, Json(view(proposal))).into_response() }
}

fn view(proposal: &Proposal) -> PlanView {
    let effect = proposal.effect();
    let name = |peer: PeerId| proposal.intent().name_of(peer).cloned();
    let broken = proposal.check_assertions().err();
    PlanView {
        plan: proposal.id().to_owned(),
        base: proposal.base(),
        reason: proposal.reason().map(str::to_owned),
        changes: proposal.changes(),
        gained: effect.gained().count(),
        lost: effect.lost().count(),
        rerouted: effect.rerouted().count(),
        disturbed: effect.disturbed().count(),
        kept: effect.kept().count(),
        peers: proposal.recipients().filter_map(name).collect(),
        broken_assertions: broken.iter().flat_map(|failed| failed.broken()).map(ToString::to_string).collect(),
        approved_by: proposal.approved_by(),
        waiting_for: proposal
            .waiting_for()
            .iter()
            .map(|waiting| WaitingView { group: waiting.group.clone(), could: waiting.could.clone() })
            .collect(),
        text: proposal.to_string(),
    }
}

fn wants_text(parts: &Parts) -> bool {
    let accepts = parts.headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    accepts.is_some_and(|accepts| accepts.trim_start().starts_with("text/plain"))
}

async fn json<T: DeserializeOwned>(body: Body) -> Result<T, Problem> {
    serde_json::from_slice(&bytes(body).await?)
        .map_err(|error| bad(error, "send the JSON that the API's types describe"))
}

async fn bytes(body: Body) -> Result<axum::body::Bytes, Problem> {
    let slow = |_| Problem::new("request.timeout", "the body did not come in time", "send it again");
    let large = |_| {
        let detail = format!("the body has more than {MAX_BODY} bytes, or was cut off");
        Problem::new("request.too_large", detail, "send a smaller document")
    };
    timeout(BODY_TIMEOUT, to_bytes(body, MAX_BODY)).await.map_err(slow)?.map_err(large)
}

fn bad(detail: impl ToString, remedy: &str) -> Problem {
    Problem::new("request.malformed", detail, remedy)
}

/// Chosen: a document of 20,000 peers.
const MAX_BODY: usize = 4 << 20;
/// Chosen: four megabytes over a thin line.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
const MAX_PAGE: usize = 256;
