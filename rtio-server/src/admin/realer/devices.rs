//! Control devices.

use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Serialize;

use super::super::extract::{JsonBody, Path, Query};
use super::super::registry::RotateWish;
use super::super::registry::document::IssuedDocument;
use super::Control;
use super::answer::Answer;
use super::document::{CommandDocument, DeviceDocument, SensorDocument};
use super::page::{Page, next};
use crate::hub::DeviceSecret;
use crate::realer::fields::DeviceFields;
use crate::realer::ports::CatalogChange;
use crate::realer::{Catalog, SourceState, State, new_control_device};

pub(super) fn routes() -> Router<Option<Control>> {
    Router::new()
        .route("/realer/devices", get(list).post(add))
        .route("/realer/devices/{id}", get(show).patch(change).delete(remove))
        .route("/realer/devices/{id}/rotate", post(rotate))
}

#[derive(Debug, Serialize)]
struct PageDocument {
    devices: Vec<DeviceDocument>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// A device with all that it has.
#[derive(Debug, Serialize)]
struct WholeDocument {
    #[serde(flatten)]
    device: DeviceDocument,
    commands: Vec<CommandDocument>,
    sensors: Vec<SensorDocument>,
}

async fn list(control: Control, Query(page): Query<Page<String>>) -> Answer<Json<PageDocument>> {
    let (after, max) = (page.after.as_deref().map(super::control::device_id).transpose()?, page.max()?);
    let devices = control.realer.store().control_devices(after.as_ref(), max).await?;
    let next = next(&devices, max, |last| last.id.to_string());
    let config = control.realer.config();
    Ok(Json(PageDocument { devices: devices.iter().map(|device| DeviceDocument::of(device, config)).collect(), next }))
}

async fn add(control: Control, JsonBody(fields): JsonBody<DeviceFields>) -> Answer<(StatusCode, Json<IssuedDocument>)> {
    let settings = fields.new_settings()?;
    let (id, secret) = (new_control_device(control.realer.now_ms())?, DeviceSecret::random()?);
    let issued = IssuedDocument::new(&id, &secret);
    control.realer.change_catalog(vec![CatalogChange::AddDevice { id, secret, settings }]).await?;
    Ok((StatusCode::CREATED, Json(issued)))
}

async fn show(control: Control, Path(id): Path<String>) -> Answer<Json<WholeDocument>> {
    let catalog = control.catalog(&id).await?;
    let state = control.realer.store().state(&catalog.device.id, 0).await?;
    let mut document = whole(&catalog, &control);
    if let Some(state) = state {
        document.stands(&state, control.realer.now_ms());
    }
    Ok(Json(document))
}

async fn change(
    control: Control,
    Path(id): Path<String>,
    JsonBody(fields): JsonBody<DeviceFields>,
) -> Answer<Json<DeviceDocument>> {
    let _turn = control.turn().await;
    let before = control.device(&id).await?;
    let settings = fields.changed(before.settings.clone())?;
    if settings != before.settings {
        control.realer.change_catalog(vec![CatalogChange::ChangeDevice { id: before.id, settings }]).await?;
    }
    Ok(Json(DeviceDocument::of(&control.device(&id).await?, control.realer.config())))
}

async fn remove(control: Control, Path(id): Path<String>) -> Answer<StatusCode> {
    let _turn = control.turn().await;
    let device = control.device(&id).await?.id;
    control.realer.change_catalog(vec![CatalogChange::RemoveDevice(device.clone())]).await?;
    control.manager.is_removed(&device);
    Ok(StatusCode::NO_CONTENT)
}

async fn rotate(
    control: Control,
    Path(id): Path<String>,
    Query(wish): Query<RotateWish>,
) -> Answer<Json<IssuedDocument>> {
    let (device, secret) = (control.device(&id).await?.id, DeviceSecret::random()?);
    let issued = IssuedDocument::new(&device, &secret);
    control.manager.rotate(&device, secret, wish.old()).await?;
    control.realer.is_administered(&device, "rotated the secret of a control device");
    Ok(Json(issued))
}

fn whole(catalog: &Catalog, control: &Control) -> WholeDocument {
    WholeDocument {
        device: DeviceDocument::of(&catalog.device, control.realer.config()),
        commands: catalog.commands.iter().map(CommandDocument::from).collect(),
        sensors: catalog.sensors.iter().map(SensorDocument::from).collect(),
    }
}

impl WholeDocument {
    /// Adds what the device said last, and what it has not answered yet.
    fn stands(&mut self, state: &State, now_ms: i64) {
        state.sources.iter().for_each(|source| match source {
            SourceState::Command { id, desired, reported, .. } => {
                let pending = desired.iter().filter(|desired| desired.at(now_ms).is_open()).count();
                let command = self.commands.iter_mut().find(|command| command.id == id.as_str());
                command.into_iter().for_each(|command| command.stands(reported.as_ref(), pending));
            }
            SourceState::Sensor { id, reported, .. } => {
                let sensor = self.sensors.iter_mut().find(|sensor| sensor.id == id.as_str());
                sensor.into_iter().for_each(|sensor| sensor.stands(reported.as_ref()));
            }
        });
    }
}
