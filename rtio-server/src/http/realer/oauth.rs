//! The token endpoint and its opposite: Basic header and form in, JSON out. (Contract §2.)

use hyper::Response;
use hyper::body::Incoming;
use serde_json::json;

use super::form::{Form, MAX_FORM_BYTES};
use super::{Visit, basic, bearer, reply};
use crate::http::body::{self, BodyError, ReplyBody};
use crate::realer::{Client, OauthRefusal};

/// `POST /oauth/token`.
pub(super) async fn token(visit: &Visit<'_>, body: &mut Incoming) -> Response<ReplyBody> {
    match issue(visit, body).await {
        Ok(response) => response,
        Err(refusal) => reply::oauth_refused(visit, refusal),
    }
}

/// `POST /oauth/revoke`.
pub(super) async fn revoke(visit: &Visit<'_>, body: &mut Incoming) -> Response<ReplyBody> {
    match end(visit, body).await {
        Ok(response) => response,
        Err(refusal) => reply::oauth_refused(visit, refusal),
    }
}

async fn issue(visit: &Visit<'_>, body: &mut Incoming) -> Result<Response<ReplyBody>, OauthRefusal> {
    let client = visit.client().await?;
    let form = visit.form(body).await?;
    match form.get("grant_type") {
        Some("client_credentials") => {}
        Some(_) => return Err(OauthRefusal::UnsupportedGrantType),
        None => return Err(OauthRefusal::InvalidRequest("grant_type is missing")),
    }
    let document = visit.realer.issue_token(&client, form.get("scope")).await?;
    Ok(reply::oauth_document(visit, &document))
}

async fn end(visit: &Visit<'_>, body: &mut Incoming) -> Result<Response<ReplyBody>, OauthRefusal> {
    let client = visit.client().await?;
    let form = visit.form(body).await?;
    let token = form.get("token").ok_or(OauthRefusal::InvalidRequest("token is missing"))?;
    visit.realer.revoke_token(&client, token).await?;
    Ok(reply::oauth_document(visit, &json!({})))
}

impl Visit<'_> {
    /// Who asks. Before its form is read: a stranger's is not.
    async fn client(&self) -> Result<Client, OauthRefusal> {
        let credentials = basic::credentials(&self.head.headers).ok_or(OauthRefusal::InvalidClient)?;
        self.realer.client(&credentials, self.connection.peer.ip()).await
    }

    async fn form(&self, body: &mut Incoming) -> Result<Form, OauthRefusal> {
        let kind = bearer::content_type(&self.head.headers).map(|(essence, _)| essence);
        if !kind.is_some_and(|kind| kind.eq_ignore_ascii_case(FORM)) {
            return Err(OauthRefusal::InvalidRequest("the body must be application/x-www-form-urlencoded"));
        }
        let limit = self.connection.callers.config.body_timeout;
        let body = body::read(body, MAX_FORM_BYTES, limit).await.map_err(|error| match error {
            BodyError::TooLong { .. } => OauthRefusal::InvalidRequest("the form is too long"),
            BodyError::TooSlow { .. } => OauthRefusal::InvalidRequest("the form did not arrive in time"),
            BodyError::Broken => OauthRefusal::InvalidRequest("the form broke off"),
        })?;
        let form = Form::parse(&body).map_err(OauthRefusal::InvalidRequest)?;
        // RFC 6749 §2.3: one way to prove oneself at a time.
        if form.get("client_secret").is_some() {
            return Err(OauthRefusal::InvalidRequest("the secret belongs into the Authorization header alone"));
        }
        Ok(form)
    }
}

const FORM: &str = "application/x-www-form-urlencoded";
