//! Refusals as problem documents (RFC 9457): `type` is the stable code, every reason has its remedy.

use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use nanami_model::{DocumentErrors, Refused, UnknownName, Violation};

use crate::{
    api::{Problem, ProblemEntry},
    control_plane::OpenError,
    identity::AuthError,
    live::JoinKeyError,
    service::reconcile::{ApplyError, ApproveError, ProposeError},
    store::StoreError,
};

impl Problem {
    pub(super) fn new(code: &str, detail: impl ToString, remedy: impl ToString) -> Problem {
        let status = status(code);
        let title = status.canonical_reason().unwrap_or("refused").to_lowercase();
        let (detail, remedy) = (detail.to_string(), remedy.to_string());
        Problem { code: code.to_owned(), title, status: status.as_u16(), detail, remedy, errors: Vec::new() }
    }

    fn with_violations(self, refused: &Refused) -> Problem {
        let entry = |violation: &Violation| ProblemEntry {
            code: violation.code().to_owned(),
            detail: violation.to_string(),
            remedy: violation.remedy(),
            place: None,
        };
        Problem { errors: refused.violations().iter().map(entry).collect(), ..self }
    }
}

fn status(code: &str) -> StatusCode {
    match code {
        "auth.required" => StatusCode::UNAUTHORIZED,
        "change.forbidden" | "change.escalation" => StatusCode::FORBIDDEN,
        "workspace.unknown" | "plan.unknown" | "name.unknown" => StatusCode::NOT_FOUND,
        "plan.stale" | "plan.needs_approval" | "store.conflict" => StatusCode::CONFLICT,
        "request.too_large" => StatusCode::PAYLOAD_TOO_LARGE,
        "request.timeout" => StatusCode::REQUEST_TIMEOUT,
        "join_key.no_address" => StatusCode::SERVICE_UNAVAILABLE,
        code if code.starts_with("store.") => StatusCode::SERVICE_UNAVAILABLE,
        code if code.starts_with("request.") => StatusCode::BAD_REQUEST,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self).expect("problems hold strings and numbers only");
        let challenge = (status == StatusCode::UNAUTHORIZED).then_some([(header::WWW_AUTHENTICATE, "Bearer")]);
        (status, challenge, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response()
    }
}

impl From<AuthError> for Problem {
    fn from(error: AuthError) -> Problem {
        Problem::new("auth.required", error, "send a token that is good: authorization: Bearer nnm_api_…")
    }
}

impl From<OpenError> for Problem {
    fn from(error: OpenError) -> Problem {
        match error {
            OpenError::Store(error) => error.into(),
            unknown => Problem::new(unknown.code(), unknown, "check its name, and that you have a role in it"),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Problem {
        Problem::new(error.code(), &error, error.remedy())
    }
}

impl From<UnknownName> for Problem {
    fn from(error: UnknownName) -> Problem {
        Problem::new(error.code(), &error, "check the spelling against the workspace's document")
    }
}

impl From<DocumentErrors> for Problem {
    fn from(errors: DocumentErrors) -> Problem {
        let entry = |error: &nanami_model::DocumentError| ProblemEntry {
            code: error.code().to_owned(),
            detail: error.to_string(),
            remedy: error.remedy().to_owned(),
            place: Some(format!("{}", error.place())),
        };
        let detail = format!("the document has {} mistakes", errors.len() + errors.left_out());
        let problem = Problem::new(errors.code(), detail, "repair each of them and send it again");
        Problem { errors: errors.iter().map(entry).collect(), ..problem }
    }
}

impl From<ProposeError> for Problem {
    fn from(error: ProposeError) -> Problem {
        let problem = Problem::new(error.code(), &error, error.remedy());
        if let ProposeError::Refused(refused) = &error { problem.with_violations(refused) } else { problem }
    }
}

impl From<ApproveError> for Problem {
    fn from(error: ApproveError) -> Problem {
        Problem::new(error.code(), &error, error.remedy())
    }
}

impl From<ApplyError> for Problem {
    fn from(error: ApplyError) -> Problem {
        let problem = Problem::new(error.code(), &error, error.remedy());
        match &error {
            ApplyError::Refused(refused) => problem.with_violations(refused),
            ApplyError::Assertions(failed) => {
                let entry = |broken: &nanami_plan::Broken| ProblemEntry {
                    code: failed.code().to_owned(),
                    detail: broken.to_string(),
                    remedy: "change the plan so that it holds".to_owned(),
                    place: Some(broken.assertion.to_string()),
                };
                Problem { errors: failed.broken().iter().map(entry).collect(), ..problem }
            }
            _ => problem,
        }
    }
}

impl From<JoinKeyError> for Problem {
    fn from(error: JoinKeyError) -> Problem {
        let remedy = match &error {
            JoinKeyError::Refused(_) => "ask an admin of the workspace",
            JoinKeyError::NoAddress => "set control's public address, or wait until it serves",
            JoinKeyError::Store(error) => error.remedy(),
        };
        let problem = Problem::new(error.code(), &error, remedy);
        if let JoinKeyError::Refused(refused) = &error { problem.with_violations(refused) } else { problem }
    }
}
