//! What commands and sensors belong to.

use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;

use super::super::extract::{JsonBody, Path, Query};
use super::super::problem::Problem;
use super::Control;
use super::answer::Answer;
use super::document::ResourceDocument;
use super::page::{Page, next};
use crate::realer::fields::{FieldError, ResourceFields};
use crate::realer::ports::CatalogChange;
use crate::realer::{Resource, ResourceId};

pub(super) fn routes() -> Router<Option<Control>> {
    Router::new()
        .route("/realer/resources", get(list).post(add))
        .route("/realer/resources/{resource}", get(show).patch(change).delete(remove))
}

#[derive(Debug, Serialize)]
struct PageDocument {
    resources: Vec<ResourceDocument>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

async fn list(control: Control, Query(page): Query<Page<String>>) -> Answer<Json<PageDocument>> {
    let (after, max) = (page.after.as_deref().map(resource_id).transpose()?, page.max()?);
    let resources = control.realer.store().resources(after.as_ref(), max).await?;
    let next = next(&resources, max, |last| last.id.to_string());
    Ok(Json(PageDocument { resources: resources.iter().map(ResourceDocument::from).collect(), next }))
}

async fn add(
    control: Control,
    JsonBody(fields): JsonBody<ResourceFields>,
) -> Answer<(StatusCode, Json<ResourceDocument>)> {
    let resource = fields.new_resource(ResourceId::new(control.realer.now_ms())?)?;
    let document = ResourceDocument::from(&resource);
    control.realer.change_catalog(vec![CatalogChange::PutResource(resource)]).await?;
    Ok((StatusCode::CREATED, Json(document)))
}

async fn show(control: Control, Path(id): Path<String>) -> Answer<Json<ResourceDocument>> {
    Ok(Json((&one(&control, &resource_id(&id)?).await?).into()))
}

async fn change(
    control: Control,
    Path(id): Path<String>,
    JsonBody(fields): JsonBody<ResourceFields>,
) -> Answer<Json<ResourceDocument>> {
    let id = resource_id(&id)?;
    let _turn = control.turn().await;
    let before = one(&control, &id).await?;
    let after = fields.changed(before.clone())?;
    let document = ResourceDocument::from(&after);
    if after != before {
        control.realer.change_catalog(vec![CatalogChange::PutResource(after)]).await?;
    }
    Ok(Json(document))
}

async fn remove(control: Control, Path(id): Path<String>) -> Answer<StatusCode> {
    let id = resource_id(&id)?;
    control.realer.change_catalog(vec![CatalogChange::RemoveResource(id)]).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn one(control: &Control, id: &ResourceId) -> Answer<Resource> {
    let all = control.realer.all_resources().await?;
    let found = all.into_iter().find(|resource| resource.id == *id);
    found.ok_or_else(|| Problem::not_found(&format!("there is no resource {id}")))
}

fn resource_id(text: &str) -> Answer<ResourceId> {
    Ok(ResourceId::parse(text).map_err(|_| FieldError::new("resource", "res_ and 26 characters of 0-9 a-z"))?)
}
