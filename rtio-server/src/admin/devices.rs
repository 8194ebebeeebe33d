//! `/v1/devices`: who is online, and the end of a session.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::Admin;
use super::extract::{Path, Query};
use super::problem::Problem;
use crate::hub::{DeviceId, Epoch, IdPattern, LinkInfo, ListRequest};

pub(super) fn router() -> Router<Arc<Admin>> {
    Router::new().route("/devices", get(list)).route("/devices/{id}", get(look).delete(disconnect))
}

/// What an operator asks of the list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    id: Option<String>,
    after: Option<String>,
    limit: Option<usize>,
}

#[derive(Debug, Serialize)]
struct Page {
    devices: Vec<Online>,
    /// What `after` is for the next page; none after the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// One session.
#[derive(Debug, Serialize)]
struct Online {
    id: String,
    epoch: u64,
    since: Timestamp,
    peer: SocketAddr,
    protocol: &'static str,
    capacity: usize,
    heartbeat_seconds: u64,
    last_heard: Timestamp,
    calls_in_flight: usize,
    observations: usize,
}

async fn list(State(admin): State<Arc<Admin>>, Query(asked): Query<Asked>) -> Result<Json<Page>, Problem> {
    let order = admin.hub.listing_order();
    let request = asked.into_request(order).map_err(|error| Problem::bad_request(&error))?;
    let found = admin.hub.list(&request).await;
    let last = found.last().filter(|_| found.len() == request.limit).map(|(id, ..)| id);
    let next = last.map(|id| cursor(order, id));
    let now = Now::read();
    Ok(Json(Page { devices: found.iter().map(|(id, epoch, info)| now.show(id, *epoch, info)).collect(), next }))
}

async fn look(State(admin): State<Arc<Admin>>, Path(id): Path<String>) -> Result<Json<Online>, Problem> {
    let id = device(&id)?;
    let (epoch, info) = admin.hub.info(&id).ok_or_else(offline)?;
    Ok(Json(Now::read().show(&id, epoch, &info)))
}

async fn disconnect(State(admin): State<Arc<Admin>>, Path(id): Path<String>) -> Result<StatusCode, Problem> {
    let device = device(&id)?;
    if !admin.hub.disconnect(&device) {
        return Err(offline());
    }
    tracing::info!(%device, "an operator disconnected the device");
    Ok(StatusCode::NO_CONTENT)
}

impl Asked {
    fn into_request(self, order: u64) -> Result<ListRequest, String> {
        let limit = self.limit.unwrap_or(DEFAULT_PAGE);
        if !(1..=MAX_PAGE).contains(&limit) {
            return Err(format!("limit is from 1 to {MAX_PAGE}"));
        }
        let pattern = self.id.map_or_else(|| Ok(IdPattern::any()), |id| IdPattern::parse(&id));
        let pattern = pattern.map_err(|error| format!("id: {error}"))?;
        let read = |after: &str| read_cursor(order, after).ok_or("after is of no list of this hub since its start");
        let after = self.after.as_deref().map(read).transpose()?;
        Ok(ListRequest { pattern, after, limit })
    }
}

/// Both clocks at one moment: sessions count by the one that never jumps, operators by the other.
struct Now {
    instant: Instant,
    wall: Timestamp,
}

impl Now {
    fn read() -> Self {
        Self { instant: Instant::now(), wall: Timestamp::now() }
    }

    fn show(&self, id: &DeviceId, epoch: Epoch, info: &LinkInfo) -> Online {
        Online {
            id: id.to_string(),
            epoch: epoch.0,
            since: self.wall_time(info.connected),
            peer: info.peer,
            protocol: info.protocol.name(),
            capacity: info.capacity,
            heartbeat_seconds: info.heartbeat.as_secs(),
            last_heard: self.wall_time(info.last_heard),
            calls_in_flight: info.calls_in_flight,
            observations: info.observations,
        }
    }

    /// To the millisecond, which is what sessions count in.
    fn wall_time(&self, instant: Instant) -> Timestamp {
        let ago = self.instant.saturating_duration_since(instant);
        let ago = SignedDuration::try_from(ago).unwrap_or(SignedDuration::MAX);
        let then = self.wall.checked_sub(ago).unwrap_or(Timestamp::MIN);
        Timestamp::from_millisecond(then.as_millisecond()).unwrap_or(then)
    }
}

/// Says where a page ended, and in which order.
fn cursor(order: u64, last: &DeviceId) -> String {
    URL_SAFE_NO_PAD.encode([&order.to_be_bytes()[..], last.as_str().as_bytes()].concat())
}

fn read_cursor(order: u64, text: &str) -> Option<DeviceId> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let id = bytes.strip_prefix(&order.to_be_bytes())?;
    DeviceId::parse(std::str::from_utf8(id).ok()?).ok()
}

fn device(id: &str) -> Result<DeviceId, Problem> {
    DeviceId::parse(id).map_err(|error| Problem::bad_request(&error.to_string()))
}

fn offline() -> Problem {
    Problem::not_found("the device is offline").with_code("DEVICEID_OFFLINE")
}

/// Devices on a page unless the operator asks for another number: a screenful or two.
const DEFAULT_PAGE: usize = 100;

/// About 250 KB of JSON; a million devices are a thousand requests.
const MAX_PAGE: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_counts_in_its_own_order_only() {
        let id = DeviceId::parse("PRINTER-001").unwrap();
        let text = cursor(7, &id);
        assert_eq!(read_cursor(7, &text), Some(id));
        assert_eq!(read_cursor(8, &text), None, "of another run of the hub");
        for bad in ["", "PRINTER-001", "AAAA", &cursor(7, &DeviceId::parse("a").unwrap())[1..]] {
            assert_eq!(read_cursor(7, bad), None, "{bad}");
        }
    }

    #[test]
    fn a_page_has_1_to_1000_devices() {
        let asked = |limit| Asked { id: None, after: None, limit }.into_request(0).map(|request| request.limit);
        assert_eq!((asked(None), asked(Some(1)), asked(Some(1000))), (Ok(100), Ok(1), Ok(1000)));
        for bad in [0, 1001] {
            assert_eq!(asked(Some(bad)), Err("limit is from 1 to 1000".to_owned()));
        }
    }
}
