//! The pages of a device: its token first, then what it sends, in the contract's order. (Contract §1.6.)

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::{Response, StatusCode};

use super::route::Page;
use super::{Visit, bearer, reply};
use crate::http::body::{self, BodyError, ReplyBody};
use crate::realer::{Admitted, Errand, Family, Refusal, Scope};

/// A page of the device that the path names.
pub(super) async fn page(visit: &Visit<'_>, device: &str, page: Page, body: &mut Incoming) -> Response<ReplyBody> {
    let errand = Errand { device: Some(device), scope: page.scope(), family: page.family() };
    let answer = match visit.admit(errand).await {
        Ok(admitted) => visit.answer(&admitted, page, body).await,
        Err(refusal) => Err(refusal),
    };
    answer.unwrap_or_else(|refusal| reply::refused(visit, &refusal))
}

/// `POST /iot/v1/mqtt-credentials`.
pub(super) async fn credentials(visit: &Visit<'_>, body: &mut Incoming) -> Response<ReplyBody> {
    let errand = Errand { device: None, scope: Scope::MqttConnect, family: Family::Credentials };
    let issued = match visit.admit(errand).await {
        Ok(admitted) => visit.issue(admitted, body).await,
        Err(refusal) => Err(refusal),
    };
    issued.unwrap_or_else(|refusal| reply::refused(visit, &refusal))
}

impl Visit<'_> {
    async fn admit(&self, errand: Errand<'_>) -> Result<Admitted, Refusal> {
        self.realer.admit(bearer::token(&self.head.headers)?, errand).await
    }

    async fn answer(
        &self,
        admitted: &Admitted,
        page: Page,
        body: &mut Incoming,
    ) -> Result<Response<ReplyBody>, Refusal> {
        let (realer, device) = (self.realer, &admitted.device.id);
        Ok(match page {
            Page::Bootstrap => reply::document(self, StatusCode::OK, &realer.bootstrap(device).await?),
            Page::Commands => reply::document(self, StatusCode::OK, &realer.commands(device).await?),
            Page::Command(id) => reply::document(self, StatusCode::OK, &realer.command(device, &id).await?),
            Page::Sensors => reply::document(self, StatusCode::OK, &realer.sensors(device).await?),
            Page::Sensor(id) => reply::document(self, StatusCode::OK, &realer.sensor(device, &id).await?),
            Page::DesiredStates => reply::document(self, StatusCode::OK, &realer.desired_states(device).await?),
            Page::Mqtt => reply::document(self, StatusCode::OK, &realer.mqtt(device).await?),
            Page::FeedData => {
                let body = self.json(admitted, body).await?;
                let result = realer.feed_item(device, &body).await?;
                let status = if result.is_created() { StatusCode::CREATED } else { StatusCode::OK };
                reply::document(self, status, &result)
            }
            Page::FeedDataBatch => {
                let body = self.json(admitted, body).await?;
                reply::document(self, StatusCode::OK, &realer.feed_batch(device, &body).await?)
            }
        })
    }

    async fn issue(&self, admitted: Admitted, body: &mut Incoming) -> Result<Response<ReplyBody>, Refusal> {
        let body = self.json(&admitted, body).await?;
        let document = self.realer.issue_mqtt_credential(admitted, &body).await?;
        Ok(reply::unkept(reply::document(self, StatusCode::CREATED, &document)))
    }

    /// The body of a request, which is JSON by its type at least.
    async fn json(&self, admitted: &Admitted, body: &mut Incoming) -> Result<Bytes, Refusal> {
        let (max, limit) = (admitted.limits.max_request_bytes, self.connection.callers.config.body_timeout);
        let body = body::read(body, max, limit).await.map_err(|error| match error {
            BodyError::TooLong { max } => Refusal::TooLarge { max },
            BodyError::TooSlow { .. } | BodyError::Broken => Refusal::Malformed(error.to_string()),
        })?;
        if bearer::is_json(&self.head.headers) { Ok(body) } else { Err(Refusal::NotJson) }
    }
}
