//! What devices measure.

use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;

use super::super::extract::{JsonBody, Path};
use super::super::problem::Problem;
use super::Control;
use super::answer::Answer;
use super::control::device_id;
use super::document::SensorDocument;
use crate::realer::fields::{FieldError, SensorFields};
use crate::realer::ports::CatalogChange;
use crate::realer::{Catalog, Sensor, SensorId};

pub(super) fn routes() -> Router<Option<Control>> {
    Router::new()
        .route("/realer/devices/{id}/sensors", get(list).post(add))
        .route("/realer/devices/{id}/sensors/{sensor}", get(show).patch(change).delete(remove))
}

#[derive(Debug, Serialize)]
struct ListDocument {
    sensors: Vec<SensorDocument>,
}

async fn list(control: Control, Path(id): Path<String>) -> Answer<Json<ListDocument>> {
    let sensors = control.catalog(&id).await?.sensors;
    Ok(Json(ListDocument { sensors: sensors.iter().map(SensorDocument::from).collect() }))
}

async fn add(
    control: Control,
    Path(id): Path<String>,
    JsonBody(fields): JsonBody<SensorFields>,
) -> Answer<(StatusCode, Json<SensorDocument>)> {
    let _turn = control.turn().await;
    let device = control.device(&id).await?.id;
    let sensor = SensorId::new(control.realer.now_ms())?;
    let sensor = fields.new_sensor(sensor, &control.resources(fields.resources.as_ref()).await?)?;
    let document = SensorDocument::from(&sensor);
    control.realer.change_catalog(vec![CatalogChange::PutSensor { device, sensor }]).await?;
    Ok((StatusCode::CREATED, Json(document)))
}

async fn show(control: Control, Path((id, sensor)): Path<(String, String)>) -> Answer<Json<SensorDocument>> {
    let sensor = sensor_id(&sensor)?;
    Ok(Json((&of(control.catalog(&id).await?, &sensor)?).into()))
}

async fn change(
    control: Control,
    Path((id, sensor)): Path<(String, String)>,
    JsonBody(fields): JsonBody<SensorFields>,
) -> Answer<Json<SensorDocument>> {
    let (device, sensor) = (device_id(&id)?, sensor_id(&sensor)?);
    let _turn = control.turn().await;
    let before = of(control.catalog(&id).await?, &sensor)?;
    let after = fields.changed(before.clone(), &control.resources(fields.resources.as_ref()).await?)?;
    if after != before {
        control.realer.change_catalog(vec![CatalogChange::PutSensor { device, sensor: after }]).await?;
    }
    Ok(Json((&of(control.catalog(&id).await?, &sensor)?).into()))
}

async fn remove(control: Control, Path((id, sensor)): Path<(String, String)>) -> Answer<StatusCode> {
    let (device, id) = (device_id(&id)?, sensor_id(&sensor)?);
    control.realer.change_catalog(vec![CatalogChange::RemoveSensor { device, id }]).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn of(catalog: Catalog, id: &SensorId) -> Answer<Sensor> {
    let unknown = || Problem::not_found(&format!("{} has no {id}", catalog.device.id));
    let sensor = catalog.sensors.into_iter().find(|sensor| sensor.id == *id);
    sensor.ok_or_else(unknown)
}

fn sensor_id(text: &str) -> Answer<SensorId> {
    Ok(SensorId::parse(text).map_err(|_| FieldError::new("sensor", "sns_ and 26 characters of 0-9 a-z"))?)
}
