//! A small client for operators: what the `nanami` command and the quickstart say to a control plane over HTTP.
//!
//! **Invariant: an answer that is not what was asked for is an error with control's own words** (code, reasons, remedies). One
//! connection per request: an operator makes few.

use std::{fmt, io, time::Duration};

use http_body_util::{BodyExt, Full, Limited};
use hyper::{Method, Request, StatusCode, body::Bytes, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use nanami_model::{Name, Recording, Revision};
use serde::de::DeserializeOwned;
use tokio::{net::TcpStream, time::timeout};
use zeroize::Zeroizing;

use crate::api::{AppliedView, ExplanationView, HistoryView, JoinKeyMade, JoinKeyRequest, PlanView, Problem, Status};

/// One workspace of a control plane, as one user.
pub struct Client {
    authority: String,
    workspace: Name,
    token: Zeroizing<String>,
}

/// Why a request was not fulfilled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// Control refused, and says why.
    #[error(transparent)]
    Refused(Box<Problem>),
    /// Control could not be reached, or the connection ended.
    #[error("could not reach control at {authority}")]
    Unreachable {
        /// Where we tried.
        authority: String,
        /// What happened.
        #[source]
        source: io::Error,
    },
    /// What answered does not speak as control does.
    #[error("{authority} answered {status}, which is no answer of a control plane")]
    Unexpected {
        /// Who answered.
        authority: String,
        /// The HTTP status.
        status: u16,
    },
}

impl ClientError {
    /// The stable code of this error.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            ClientError::Refused(problem) => &problem.code,
            ClientError::Unreachable { .. } => "control.unreachable",
            ClientError::Unexpected { .. } => "control.unexpected",
        }
    }
}

impl Client {
    /// A client of the control plane at `HOST:PORT`. The token is sent in clear: to anywhere but this machine, through a
    /// tunnel or a proxy that speaks TLS.
    #[must_use]
    pub fn new(authority: &str, workspace: Name, token: &str) -> Client {
        Client { authority: authority.to_owned(), workspace, token: Zeroizing::new(token.to_owned()) }
    }

    /// Proposes the workspace as this document describes it; what the document does not mention goes.
    ///
    /// # Errors
    /// [`ClientError`]; every mistake of the document, every rule and permission at once.
    pub async fn propose(&self, document: &str, reason: Option<&str>) -> Result<PlanView, ClientError> {
        let query = reason.map(|reason| format!("?reason={}", percent(reason))).unwrap_or_default();
        self.json(Method::POST, &format!("plans{query}"), document.as_bytes().to_vec()).await
    }

    /// The same for a document that was read at `base` and edited: refused as stale when the workspace has moved on.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn propose_on(&self, base: Revision, document: &str) -> Result<PlanView, ClientError> {
        self.json(Method::POST, &format!("plans?base={base}"), document.as_bytes().to_vec()).await
    }

    /// A proposed plan, beside the current revision.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn plan(&self, plan: &str) -> Result<PlanView, ClientError> {
        self.json(Method::GET, &format!("plans/{}", percent(plan)), Vec::new()).await
    }

    /// Approves a plan.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn approve(&self, plan: &str) -> Result<PlanView, ClientError> {
        self.json(Method::POST, &format!("plans/{}/approval", percent(plan)), Vec::new()).await
    }

    /// Applies a plan: it is the next revision when this returns.
    ///
    /// # Errors
    /// [`ClientError`]; nothing has happened when control refused.
    pub async fn apply(&self, plan: &str) -> Result<AppliedView, ClientError> {
        self.json(Method::POST, &format!("plans/{}/application", percent(plan)), Vec::new()).await
    }

    /// Desired beside observed.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn status(&self) -> Result<Status, ClientError> {
        self.json(Method::GET, "status", Vec::new()).await
    }

    /// The same for people.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn status_text(&self) -> Result<String, ClientError> {
        self.text("status", "text/plain").await
    }

    /// Why a flow passes, or does not: `from` is a peer, `to` a peer, a route or an address, `service` as in `tcp/443`.
    ///
    /// # Errors
    /// [`ClientError`]; an unknown name comes with the near ones.
    pub async fn explain(&self, from: &str, to: &str, service: &str) -> Result<ExplanationView, ClientError> {
        let query = format!("from={}&to={}&service={}", percent(from), percent(to), percent(service));
        self.json(Method::GET, &format!("explanation?{query}"), Vec::new()).await
    }

    /// The workspace as it is now, with all that was reported, to be kept in a file: every verb of the `nanami` command reads it.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn recording(&self) -> Result<Recording, ClientError> {
        self.json(Method::GET, "recording", Vec::new()).await
    }

    /// The workspace as a document.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn document(&self) -> Result<String, ClientError> {
        self.text("document", "*/*").await
    }

    /// The board as a picture.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn board_svg(&self) -> Result<String, ClientError> {
        self.text("board.svg", "*/*").await
    }

    /// The board as a page.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn board_html(&self) -> Result<String, ClientError> {
        self.text("board.html", "*/*").await
    }

    /// Makes a join key; the join string in the answer is shown this once.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn create_join_key(&self, request: &JoinKeyRequest) -> Result<JoinKeyMade, ClientError> {
        let body = serde_json::to_vec(request).expect("a request holds strings and numbers only");
        self.json(Method::POST, "join-keys", body).await
    }

    /// Takes a join key back.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn revoke_join_key(&self, name: &Name) -> Result<(), ClientError> {
        self.request(Method::DELETE, &format!("join-keys/{name}"), "*/*", Vec::new()).await.map(drop)
    }

    /// The records of the log after a revision, oldest first.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn history(&self, after: Revision) -> Result<Vec<HistoryView>, ClientError> {
        self.json(Method::GET, &format!("history?after={after}"), Vec::new()).await
    }

    async fn json<T: DeserializeOwned>(&self, method: Method, path: &str, body: Vec<u8>) -> Result<T, ClientError> {
        let (status, bytes) = self.request(method, path, "application/json", body).await?;
        serde_json::from_slice(&bytes).map_err(|_| self.unexpected(status))
    }

    async fn text(&self, path: &str, accept: &str) -> Result<String, ClientError> {
        let (status, bytes) = self.request(Method::GET, path, accept, Vec::new()).await?;
        String::from_utf8(bytes.into()).map_err(|_| self.unexpected(status))
    }

    async fn request(
        &self,
        method: Method,
        path: &str,
        accept: &str,
        body: Vec<u8>,
    ) -> Result<(StatusCode, Bytes), ClientError> {
        let sent = timeout(TIMEOUT, self.send(method, path, accept, body)).await;
        let answer = sent.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        let (status, bytes) =
            answer.map_err(|source| ClientError::Unreachable { authority: self.authority.clone(), source })?;
        if status.is_success() {
            return Ok((status, bytes));
        }
        match serde_json::from_slice::<Problem>(&bytes) {
            Ok(problem) => Err(ClientError::Refused(Box::new(problem))),
            Err(_) => Err(self.unexpected(status)),
        }
    }

    async fn send(&self, method: Method, path: &str, accept: &str, body: Vec<u8>) -> io::Result<(StatusCode, Bytes)> {
        let stream = TcpStream::connect(&self.authority).await?;
        let (mut requests, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        let connection = tokio::spawn(connection);
        let request = Request::builder()
            .method(method)
            .uri(format!("/v1/workspaces/{}/{path}", self.workspace))
            .header(header::HOST, &self.authority)
            .header(header::AUTHORIZATION, format!("Bearer {}", *self.token))
            .header(header::ACCEPT, accept)
            .body(Full::new(Bytes::from(body)))
            .map_err(io::Error::other)?;
        let answer = requests.send_request(request).await.map_err(io::Error::other)?;
        let status = answer.status();
        let bytes = Limited::new(answer.into_body(), MAX_ANSWER).collect().await.map_err(io::Error::other)?.to_bytes();
        connection.abort();
        Ok((status, bytes))
    }

    fn unexpected(&self, status: StatusCode) -> ClientError {
        ClientError::Unexpected { authority: self.authority.clone(), status: status.as_u16() }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Client { authority, workspace, .. } = self;
        f.debug_struct("Client").field("authority", authority).field("workspace", workspace).finish_non_exhaustive()
    }
}

/// Text as part of a path or query (RFC 3986, section 2).
fn percent(text: &str) -> String {
    let escape = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(escape).collect()
}

/// Chosen: a large document, applied on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Chosen: a board of 20,000 peers.
const MAX_ANSWER: usize = 256 << 20;
