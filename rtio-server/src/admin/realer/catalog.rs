//! A whole catalog as one file: applied, and exported.

use axum::extract::DefaultBodyLimit;
use axum::http::HeaderMap;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;

use super::super::extract::{Query, Text};
use super::super::problem::Problem;
use super::super::registry::document::IssuedDocument;
use super::Control;
use super::answer::Answer;
use super::control::device_id;
use crate::hub::DeviceId;
use crate::realer::apply::{
    CatalogFile, Format, MAX_FILE_BYTES, MAX_THINGS, Others, Plan, Report, export, named_devices, plan,
};
use crate::realer::ports::CatalogChange;

pub(super) fn routes() -> Router<Option<Control>> {
    Router::new()
        .route("/realer/apply", post(apply).layer(DefaultBodyLimit::max(MAX_FILE_BYTES)))
        .route("/realer/export", get(write))
}

/// What came of a file.
#[derive(Debug, Serialize, Deserialize)]
pub struct AppliedDocument {
    /// Whether anything was changed, or would have been.
    pub applied: bool,
    /// What.
    #[serde(flatten)]
    pub report: Report,
    /// The secrets of new devices, shown this once.
    pub issued: Vec<IssuedDocument>,
}

/// How a file is applied.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ApplyWish {
    /// Say what would change, and change nothing.
    #[serde(default)]
    dry_run: bool,
    /// What is not in the file goes.
    #[serde(default)]
    prune: bool,
}

async fn apply(
    control: Control,
    Query(wish): Query<ApplyWish>,
    headers: HeaderMap,
    Text(text): Text,
) -> Answer<Json<AppliedDocument>> {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let format = if kind.starts_with("application/json") { Format::Json } else { Format::Toml };
    let file = elsewhere(move || CatalogFile::parse(&text, format)).await??;
    let others = if wish.prune { Others::Go } else { Others::Stay };
    let _turn = control.turn().await;
    let plan = planned(&control, file, others).await?;
    if wish.dry_run {
        return Ok(Json(AppliedDocument { applied: false, report: plan.report.of_nothing_done(), issued: Vec::new() }));
    }
    carry_out(&control, plan).await.map(Json)
}

async fn planned(control: &Control, file: CatalogFile, others: Others) -> Answer<Plan> {
    let realer = &control.realer;
    let devices = realer.all_devices().await?;
    let named = named_devices(&file, &devices)?;
    let present = realer.present(devices, &named, usize::MAX).await?.unwrap_or_default();
    let now_ms = realer.now_ms();
    Ok(elsewhere(move || plan(&file, &present, others, now_ms)).await??)
}

async fn carry_out(control: &Control, plan: Plan) -> Answer<AppliedDocument> {
    let removed: Vec<_> = plan.changes.iter().filter_map(removed_device).cloned().collect();
    control.realer.change_catalog(plan.changes).await?;
    removed.iter().for_each(|device| control.manager.is_removed(device));
    let issued = plan.issued.iter().map(|(id, secret)| IssuedDocument::new(id, secret)).collect();
    Ok(AppliedDocument { applied: true, report: plan.report, issued })
}

fn removed_device(change: &CatalogChange) -> Option<&DeviceId> {
    if let CatalogChange::RemoveDevice(device) = change { Some(device) } else { None }
}

/// What is exported.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExportWish {
    #[serde(default)]
    format: Format,
    /// This device only, with all resources.
    device: Option<String>,
}

async fn write(control: Control, Query(wish): Query<ExportWish>) -> Answer<impl IntoResponse> {
    let devices = match &wish.device {
        Some(device) => vec![control.device(device_id(device)?.as_str()).await?],
        None => control.realer.all_devices().await?,
    };
    let ids: Vec<_> = devices.iter().map(|device| device.id.clone()).collect();
    let too_many = || {
        let detail = format!("there are more than the {MAX_THINGS} things that one file may have: name a device");
        Problem::new(StatusCode::CONFLICT, detail)
    };
    let present = control.realer.present(devices, &ids, MAX_THINGS).await?.ok_or_else(too_many)?;
    let written = elsewhere(move || {
        let file = export(&present);
        (file.things() <= MAX_THINGS).then(|| file.write(wish.format))
    });
    let text = written.await?.ok_or_else(too_many)?;
    let kind = match wish.format {
        Format::Toml => "application/toml",
        Format::Json => "application/json",
    };
    Ok(([(CONTENT_TYPE, kind)], text))
}

/// A large file takes a second: not on a thread that others wait for.
async fn elsewhere<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Answer<T> {
    let failed = |_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the hub failed");
    spawn_blocking(work).await.map_err(failed)
}
