//! What is wanted of the registry, as a request to a running hub, and what comes of it.

use hyper::Method;
use rtio_server::admin::registry::document::{DeviceDocument, ImportedDocument, IssuedDocument, PageDocument};
use serde::de::DeserializeOwned;

use super::super::place::Request;

/// One wish. The names are ids of devices.
#[derive(Clone)]
pub(super) enum Wish {
    Add(String),
    List,
    Show(String),
    Disable(String),
    Enable(String),
    Rotate(String),
    RotateNow(String),
    Remove(String),
    /// The lines of the file.
    Import(String),
}

/// What came of it.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    Issued(IssuedDocument),
    Devices(Vec<DeviceDocument>),
    Device(DeviceDocument),
    Removed(String),
    Imported(ImportedDocument),
}

impl Wish {
    /// The request that stands for it; a list begins with its first page.
    pub(super) fn request(&self) -> Request {
        let plain = |method, path: String| Request { method, path, content_type: JSON, body: String::new() };
        let device = |id: &str, what: &str| format!("{DEVICES}/{id}{what}");
        match self {
            // An id has no character that JSON or a path would have to escape.
            Self::Add(id) => Request { body: format!(r#"{{"id":"{id}"}}"#), ..plain(Method::POST, DEVICES.to_owned()) },
            Self::List => page_after(None),
            Self::Show(id) => plain(Method::GET, device(id, "")),
            Self::Disable(id) => plain(Method::POST, device(id, "/disable")),
            Self::Enable(id) => plain(Method::POST, device(id, "/enable")),
            Self::Rotate(id) => plain(Method::POST, device(id, "/rotate")),
            Self::RotateNow(id) => plain(Method::POST, device(id, "/rotate?old=drop")),
            Self::Remove(id) => plain(Method::DELETE, device(id, "")),
            Self::Import(lines) => Request {
                content_type: "text/plain; charset=utf-8",
                body: lines.clone(),
                ..plain(Method::POST, "/v1/registry/import".to_owned())
            },
        }
    }

    /// What the body of a good answer says.
    pub(super) fn answer(&self, body: &[u8]) -> Result<Answer, serde_json::Error> {
        Ok(match self {
            Self::Add(_) | Self::Rotate(_) | Self::RotateNow(_) => Answer::Issued(read(body)?),
            Self::List => Answer::Devices(read::<PageDocument>(body)?.devices),
            Self::Show(_) | Self::Disable(_) | Self::Enable(_) => Answer::Device(read(body)?),
            Self::Remove(id) => Answer::Removed(id.clone()),
            Self::Import(_) => Answer::Imported(read(body)?),
        })
    }
}

/// The request for the page of devices that follows `after`.
pub(super) fn page_after(after: Option<&str>) -> Request {
    let after = after.map(|id| format!("&after={id}")).unwrap_or_default();
    let path = format!("{DEVICES}?limit={}{after}", rtio_server::admin::registry::MAX_PAGE);
    Request { method: Method::GET, path, content_type: JSON, body: String::new() }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, serde_json::Error> {
    serde_json::from_slice(body)
}

const DEVICES: &str = "/v1/registry/devices";

const JSON: &str = "application/json";
