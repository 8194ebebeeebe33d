//! What devices can be told to be.

use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;

use super::super::extract::{JsonBody, Path};
use super::super::problem::Problem;
use super::Control;
use super::answer::Answer;
use super::control::device_id;
use super::document::CommandDocument;
use crate::realer::fields::{CommandFields, FieldError};
use crate::realer::ports::CatalogChange;
use crate::realer::{Catalog, Command, CommandId};

pub(super) fn routes() -> Router<Option<Control>> {
    Router::new()
        .route("/realer/devices/{id}/commands", get(list).post(add))
        .route("/realer/devices/{id}/commands/{command}", get(show).patch(change).delete(remove))
}

#[derive(Debug, Serialize)]
struct ListDocument {
    commands: Vec<CommandDocument>,
}

async fn list(control: Control, Path(id): Path<String>) -> Answer<Json<ListDocument>> {
    let commands = control.catalog(&id).await?.commands;
    Ok(Json(ListDocument { commands: commands.iter().map(CommandDocument::from).collect() }))
}

async fn add(
    control: Control,
    Path(id): Path<String>,
    JsonBody(fields): JsonBody<CommandFields>,
) -> Answer<(StatusCode, Json<CommandDocument>)> {
    let _turn = control.turn().await;
    let device = control.device(&id).await?.id;
    let command = CommandId::new(control.realer.now_ms())?;
    let command = fields.new_command(command, &control.resources(fields.resources.as_ref()).await?)?;
    let document = CommandDocument::from(&command);
    control.realer.change_catalog(vec![CatalogChange::PutCommand { device, command }]).await?;
    Ok((StatusCode::CREATED, Json(document)))
}

async fn show(control: Control, Path((id, command)): Path<(String, String)>) -> Answer<Json<CommandDocument>> {
    let command = command_id(&command)?;
    Ok(Json((&of(control.catalog(&id).await?, &command)?).into()))
}

async fn change(
    control: Control,
    Path((id, command)): Path<(String, String)>,
    JsonBody(fields): JsonBody<CommandFields>,
) -> Answer<Json<CommandDocument>> {
    let (device, command) = (device_id(&id)?, command_id(&command)?);
    let _turn = control.turn().await;
    let before = of(control.catalog(&id).await?, &command)?;
    let after = fields.changed(before.clone(), &control.resources(fields.resources.as_ref()).await?)?;
    if after != before {
        control.realer.change_catalog(vec![CatalogChange::PutCommand { device, command: after }]).await?;
    }
    Ok(Json((&of(control.catalog(&id).await?, &command)?).into()))
}

async fn remove(control: Control, Path((id, command)): Path<(String, String)>) -> Answer<StatusCode> {
    let (device, id) = (device_id(&id)?, command_id(&command)?);
    control.realer.change_catalog(vec![CatalogChange::RemoveCommand { device, id }]).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn of(catalog: Catalog, id: &CommandId) -> Answer<Command> {
    let unknown = || Problem::not_found(&format!("{} has no {id}", catalog.device.id));
    let command = catalog.commands.into_iter().find(|command| command.id == *id);
    command.ok_or_else(unknown)
}

fn command_id(text: &str) -> Answer<CommandId> {
    Ok(CommandId::parse(text).map_err(|_| FieldError::new("command", "cmd_ and 26 characters of 0-9 a-z"))?)
}
