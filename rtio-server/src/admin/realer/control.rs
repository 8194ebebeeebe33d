//! What the runtime's administration stands on.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::super::problem::Problem;
use crate::hub::{DeviceId, DeviceManager};
use crate::realer::fields::{FieldError, Resources};
use crate::realer::{Catalog, ControlDevice, Realer, is_control_device};

/// The runtime, and who changes the registry that its devices are in. All clones are the same one.
#[derive(Debug, Clone)]
pub struct Control {
    pub(super) realer: Arc<Realer>,
    pub(super) manager: DeviceManager,
    /// One at a time: what a change is made of must not change meanwhile.
    turn: Arc<Semaphore>,
}

impl Control {
    /// The administration of a runtime whose devices are in the registry that `manager` changes.
    pub fn new(realer: Arc<Realer>, manager: DeviceManager) -> Self {
        Self { realer, manager, turn: Arc::new(Semaphore::new(1)) }
    }

    /// Waits until nobody else makes a change; no other begins until the permit is dropped.
    pub(super) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        // It is never closed.
        self.turn.acquire().await.ok()
    }

    /// The control device of this name.
    pub(super) async fn device(&self, id: &str) -> Result<ControlDevice, Problem> {
        let id = device_id(id)?;
        let device = self.realer.store().control_device(&id).await?;
        device.ok_or_else(|| Problem::not_found(&format!("there is no control device {id}")))
    }

    /// The same, with its commands and sensors.
    pub(super) async fn catalog(&self, id: &str) -> Result<Catalog, Problem> {
        let id = device_id(id)?;
        let catalog = self.realer.store().catalog(&id).await?;
        catalog.ok_or_else(|| Problem::not_found(&format!("there is no control device {id}")))
    }

    /// The resources, where a change names some.
    pub(super) async fn resources(&self, named: Option<&Vec<String>>) -> Result<Resources, Problem> {
        match named {
            Some(_) => Ok(self.realer.all_resources().await?.iter().collect()),
            None => Ok(Resources::default()),
        }
    }
}

/// Where there is no runtime, its routes are there and say so.
impl FromRequestParts<Option<Self>> for Control {
    type Rejection = Response;

    async fn from_request_parts(_: &mut Parts, control: &Option<Self>) -> Result<Self, Response> {
        let nowhere = || Problem::not_found("this hub has no control-device runtime: it needs --data-dir");
        control.clone().ok_or_else(|| nowhere().into_response())
    }
}

/// The name of a control device in a path.
pub(super) fn device_id(text: &str) -> Result<DeviceId, Problem> {
    let device = DeviceId::parse(text).ok().filter(is_control_device);
    device.ok_or_else(|| FieldError::new("id", "cdv_ and 26 characters of 0-9 a-z").into())
}
