//! Method and path → what the request is (pure).

use hyper::Method;
use percent_encoding::percent_decode_str;

use crate::hub::{DeviceId, InvalidDeviceId};

/// What a request is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// `POST /{device_id}`: JSON in, JSON out.
    Compatible(DeviceId),
    /// `POST /{device_id}/{uri…}`: call.
    DirectCall(DeviceId, String),
    /// `GET /{device_id}/{uri…}`: observe.
    DirectObserve(DeviceId, String),
    /// `POST /v1/calls`: call a group of devices.
    GroupCall,
    /// `GET /openapi.json`: what there is.
    Describe,
    /// A path of control devices: [`realer`](super::realer) has routes of its own.
    Realer,
    /// `OPTIONS` of anything: what a browser asks before it sends the real request.
    Preflight,
    /// The URI is no text.
    InvalidUri,
    /// No device can have the id in the path.
    InvalidDevice(Form),
    /// The path exists, not for this method; `allow` does.
    WrongMethod(Form, &'static str),
    /// Nothing is here.
    NotFound,
}

/// In which form a request comes, and its failures are to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// JSON envelope; failures of HTTP itself in plain text.
    Compatible,
    /// Raw bytes; failures as problem+json.
    Direct,
}

/// Finds out what a request is. `path` is as in the request line, without the query, which means nothing here.
pub(super) fn route(method: &Method, path: &str) -> Route {
    if method == Method::OPTIONS {
        return Route::Preflight;
    }
    let (device, uri) = split(path);
    let form = if uri.is_empty() { Form::Compatible } else { Form::Direct };
    if device.is_empty() && (uri.is_empty() && method != Method::POST) {
        return Route::NotFound;
    }
    // What is no UTF-8 becomes U+FFFD, which no device id has.
    let device = match DeviceId::parse(&percent_decode_str(device).decode_utf8_lossy()) {
        Ok(device) => device,
        Err(InvalidDeviceId::Reserved) => return of_hub(method, path),
        Err(InvalidDeviceId::Malformed) => return Route::InvalidDevice(form),
    };
    let Ok(uri) = percent_decode_str(uri).decode_utf8() else { return Route::InvalidUri };
    match form {
        Form::Compatible if method == Method::POST => Route::Compatible(device),
        Form::Compatible => Route::WrongMethod(form, "POST, OPTIONS"),
        Form::Direct if method == Method::POST => Route::DirectCall(device, uri.into_owned()),
        Form::Direct if method == Method::GET => Route::DirectObserve(device, uri.into_owned()),
        Form::Direct => Route::WrongMethod(form, "GET, POST, OPTIONS"),
    }
}

/// What begins with a name that belongs to the hub.
fn of_hub(method: &Method, path: &str) -> Route {
    match path {
        "/v1/calls" if method == Method::POST => Route::GroupCall,
        "/v1/calls" => Route::WrongMethod(Form::Direct, "POST, OPTIONS"),
        "/openapi.json" if method == Method::GET => Route::Describe,
        "/openapi.json" => Route::WrongMethod(Form::Compatible, "GET, OPTIONS"),
        _ if matches!(split(path).0, "oauth" | "iot") => Route::Realer,
        _ => Route::NotFound,
    }
}

/// First segment, and the rest with its slash; the rest is empty where it is that slash alone.
fn split(path: &str) -> (&str, &str) {
    let path = path.strip_prefix('/').unwrap_or(path);
    match path.find('/') {
        Some(slash) if slash + 1 < path.len() => path.split_at(slash),
        Some(slash) => (&path[..slash], ""),
        None => (path, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(method: Method, path: &str, expected: Route) {
        assert_eq!(route(&method, path), expected, "{method} {path}");
    }

    fn device(id: &str) -> DeviceId {
        DeviceId::parse(id).unwrap()
    }

    #[test]
    fn one_segment_is_the_compatible_form() {
        check(Method::POST, "/PRINTER-001", Route::Compatible(device("PRINTER-001")));
        check(Method::POST, "/PRINTER-001/", Route::Compatible(device("PRINTER-001")));
        check(Method::POST, "/PRINTER%2D001", Route::Compatible(device("PRINTER-001")));
        check(Method::GET, "/PRINTER-001", Route::WrongMethod(Form::Compatible, "POST, OPTIONS"));
    }

    #[test]
    fn more_segments_are_the_direct_form() {
        let uri = || "/printer/status".to_owned();
        check(Method::POST, "/p/printer/status", Route::DirectCall(device("p"), uri()));
        check(Method::GET, "/p/printer/status", Route::DirectObserve(device("p"), uri()));
        check(Method::GET, "/p/printer%2Fstatus", Route::DirectObserve(device("p"), uri()));
        check(Method::POST, "/p/a%20b/", Route::DirectCall(device("p"), "/a b/".to_owned()));
        check(Method::POST, "/p/a%ff", Route::InvalidUri);
        check(Method::PUT, "/p/printer/status", Route::WrongMethod(Form::Direct, "GET, POST, OPTIONS"));
        check(Method::HEAD, "/p/printer/status", Route::WrongMethod(Form::Direct, "GET, POST, OPTIONS"));
    }

    #[test]
    fn ids_that_no_device_can_have_are_refused() {
        check(Method::POST, "/a%20b", Route::InvalidDevice(Form::Compatible));
        check(Method::POST, "/%ff", Route::InvalidDevice(Form::Compatible));
        check(Method::POST, "/", Route::InvalidDevice(Form::Compatible));
        check(Method::POST, "/a%2Fb/uri", Route::InvalidDevice(Form::Direct));
        check(Method::GET, "//uri", Route::InvalidDevice(Form::Direct));
        check(Method::POST, &format!("/{}", "x".repeat(65)), Route::InvalidDevice(Form::Compatible));
    }

    #[test]
    fn names_of_the_hub_are_no_devices() {
        check(Method::GET, "/openapi.json", Route::Describe);
        check(Method::POST, "/openapi.json", Route::WrongMethod(Form::Compatible, "GET, OPTIONS"));
        check(Method::GET, "/openapi.json/x", Route::NotFound);
        for name in ["oauth", "iot"] {
            check(Method::POST, &format!("/{name}"), Route::Realer);
            check(Method::GET, &format!("/{name}/x/y"), Route::Realer);
            check(Method::OPTIONS, &format!("/{name}/x"), Route::Preflight);
        }
        check(Method::POST, "/%6Fauth/token", Route::NotFound);
        for name in ["v1", "console", "healthz", "metrics", ".well-known"] {
            check(Method::POST, &format!("/{name}"), Route::NotFound);
            check(Method::GET, &format!("/{name}/x"), Route::NotFound);
        }
        for path in ["/v1/calls/", "/v1/calls/x", "/v1/call", "//v1/calls", "/v1", "/v2/calls"] {
            assert_ne!(route(&Method::POST, path), Route::GroupCall, "{path}");
        }
        check(Method::POST, "/v1/calls", Route::GroupCall);
        check(Method::GET, "/v1/calls", Route::WrongMethod(Form::Direct, "POST, OPTIONS"));
        check(Method::OPTIONS, "/v1/calls", Route::Preflight);
        check(Method::GET, "/", Route::NotFound);
        check(Method::OPTIONS, "/anything", Route::Preflight);
    }
}
