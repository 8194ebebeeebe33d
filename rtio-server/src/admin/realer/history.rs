//! What was desired, what devices told, and what was adopted; and one more desired state.

use axum::body::Bytes;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;

use super::super::extract::{Path, Query};
use super::Control;
use super::answer::Answer;
use super::document::{AdoptionDocument, FeedDataDocument};
use super::page::{Page, next};
use crate::realer::DesiredId;
use crate::realer::document::DesiredDocument;
use crate::realer::fields::FieldError;

pub(super) fn routes() -> Router<Option<Control>> {
    Router::new()
        .route("/realer/devices/{id}/desired", get(desired).post(desire))
        .route("/realer/devices/{id}/feed-data", get(feed_data))
        .route("/realer/devices/{id}/adoptions", get(adoptions))
}

#[derive(Debug, Serialize)]
struct DesiredPage {
    desired_states: Vec<DesiredDocument>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

#[derive(Debug, Serialize)]
struct FeedDataPage {
    feed_data: Vec<FeedDataDocument>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<u64>,
}

#[derive(Debug, Serialize)]
struct AdoptionPage {
    adoptions: Vec<AdoptionDocument>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<u64>,
}

async fn desired(
    control: Control,
    Path(id): Path<String>,
    Query(page): Query<Page<String>>,
) -> Answer<Json<DesiredPage>> {
    let after = page.after.as_deref().map(DesiredId::parse).transpose();
    let after = after.map_err(|_| FieldError::new("after", "des_ and 26 characters of 0-9 a-z"))?;
    let (max, device) = (page.max()?, control.device(&id).await?.id);
    let states = control.realer.store().desired_states(&device, after.as_ref(), max).await?;
    let next = next(&states, max, |last| last.id.to_string());
    let desired_states = states.iter().map(|desired| control.realer.desired_document(desired)).collect();
    Ok(Json(DesiredPage { desired_states, next }))
}

async fn desire(control: Control, Path(id): Path<String>, body: Bytes) -> Answer<(StatusCode, Json<DesiredDocument>)> {
    let device = control.device(&id).await?.id;
    let desired = control.realer.wish(&device, &body).await?;
    tracing::info!(%device, command = %desired.command, desired = %desired.id, "an operator has set a desired state");
    Ok((StatusCode::CREATED, Json(control.realer.desired_document(&desired))))
}

async fn feed_data(
    control: Control,
    Path(id): Path<String>,
    Query(page): Query<Page<u64>>,
) -> Answer<Json<FeedDataPage>> {
    let (max, device) = (page.max()?, control.device(&id).await?.id);
    let records = control.realer.store().feed_data(&device, page.after.unwrap_or(0), max).await?;
    let next = next(&records, max, |last| last.id);
    Ok(Json(FeedDataPage { feed_data: records.iter().map(FeedDataDocument::from).collect(), next }))
}

async fn adoptions(
    control: Control,
    Path(id): Path<String>,
    Query(page): Query<Page<u64>>,
) -> Answer<Json<AdoptionPage>> {
    let (max, device) = (page.max()?, control.device(&id).await?.id);
    let records = control.realer.store().adoptions(&device, page.after.unwrap_or(0), max).await?;
    let next = next(&records, max, |last| last.id);
    Ok(Json(AdoptionPage { adoptions: records.iter().map(AdoptionDocument::from).collect(), next }))
}
