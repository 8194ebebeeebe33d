//! How a wish is fulfilled: by whoever uses the data folder. While a hub does, it is asked over its operators' port; else this
//! process answers the same request.

use std::sync::Arc;

use bytes::Bytes;
use hyper::Request as HttpRequest;
use hyper::header::CONTENT_TYPE;
use rtio_server::admin::realer::{Control, Local};
use rtio_server::data_dir::DataDir;
use rtio_server::hub::DeviceManager;
use rtio_server::realer::{Config, Realer, SteadyClock};
use rtio_server::store::{Metrics, Store};
use serde_json::Value;

use super::super::Failure;
use super::super::place::{Place, Reached, Request, There, refusal};
use super::wish::Wish;

/// The body of a good answer to the wish; a list is whole.
pub(super) async fn fulfil(place: &Place, wish: &Wish) -> Result<Bytes, Failure> {
    let reached = match place.reach(wish.may_begin).await? {
        Reached::Here(dir, _lock) => return Asked::Here(here(&dir)?).all(wish).await,
        Reached::There(hub) => hub,
    };
    Asked::There(reached).all(wish).await
}

/// The runtime in this process.
fn here(dir: &DataDir) -> Result<Local, Failure> {
    let store = Arc::new(Store::open(dir, Metrics::default()).map_err(Failure::registry)?);
    let manager = DeviceManager::without_hub(Arc::clone(&store) as _);
    let realer = Realer::new(store, Arc::new(SteadyClock::new()), Config::default());
    Ok(Local::new(Control::new(Arc::new(realer), manager)))
}

/// Who answers.
enum Asked {
    Here(Local),
    There(There),
}

impl Asked {
    /// Sends the request, and those for the pages that follow.
    async fn all(&self, wish: &Wish) -> Result<Bytes, Failure> {
        let body = self.send(wish.request(None)).await?;
        let Some(member) = wish.pages else { return Ok(body) };
        let malformed = |source| Failure::Frame { source };
        let mut whole: Value = serde_json::from_slice(&body).map_err(malformed)?;
        while let Some(next) = next_of(&mut whole) {
            let body = self.send(wish.request(Some(&next))).await?;
            let mut page: Value = serde_json::from_slice(&body).map_err(malformed)?;
            let things = page[member].take();
            if let (Some(all), Value::Array(things)) = (whole[member].as_array_mut(), things) {
                all.extend(things);
            }
            whole["next"] = page["next"].take();
        }
        Ok(whole.to_string().into())
    }

    async fn send(&self, request: Request) -> Result<Bytes, Failure> {
        let local = match self {
            Self::Here(local) => local,
            Self::There(hub) => return hub.send(request).await,
        };
        let built = HttpRequest::builder().method(request.method).uri(request.path);
        let built = built.header(CONTENT_TYPE, request.content_type).body(Bytes::from(request.body));
        let (status, body) = local.asks(built.map_err(Failure::registry)?).await;
        if status.is_success() { Ok(body) } else { Err(refusal(status.as_u16(), &body)) }
    }
}

/// What the next page begins after; it is taken out, as is that there is none.
fn next_of(page: &mut Value) -> Option<String> {
    page.as_object_mut()?.remove("next")?.as_str().map(str::to_owned)
}
