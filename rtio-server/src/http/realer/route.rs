//! Method and path → what a device asks for (pure). Who asks is another matter: an id in a path may be any text.

use hyper::Method;
use percent_encoding::percent_decode_str;

use crate::realer::{Family, Scope};

/// What a request is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// `POST /oauth/token`: an access token.
    Token,
    /// `POST /oauth/revoke`: the end of one.
    Revoke,
    /// `POST /iot/v1/mqtt-credentials`: a password for MQTT.
    Credentials,
    /// A page of a device.
    Device {
        /// Which, as the path says.
        device: String,
        /// Which page.
        page: Page,
    },
    /// The path exists, not for this method; `allow` does.
    WrongMethod(Part, &'static str),
    /// Nothing is here.
    NotFound(Part),
}

/// A page of a device.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Page {
    /// `GET /iot/v1/devices/{cdv_id}/bootstrap`: all that it needs to start.
    Bootstrap,
    /// `GET /iot/v1/devices/{cdv_id}/commands`: its commands.
    Commands,
    /// `GET /iot/v1/devices/{cdv_id}/commands/{command_id}`: one of them.
    Command(String),
    /// `GET /iot/v1/devices/{cdv_id}/sensors`: its sensors.
    Sensors,
    /// `GET /iot/v1/devices/{cdv_id}/sensors/{sensor_id}`: one of them.
    Sensor(String),
    /// `GET /iot/v1/devices/{cdv_id}/desired-states`: what it shall be.
    DesiredStates,
    /// `POST /iot/v1/devices/{cdv_id}/feed-data`: what it reports.
    FeedData,
    /// `POST /iot/v1/devices/{cdv_id}/feed-data/batches`: many of these.
    FeedDataBatch,
    /// `GET /iot/v1/devices/{cdv_id}/mqtt`: how it connects to a broker.
    Mqtt,
}

/// Which of the two forms of answers a path has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// That of OAuth.
    Oauth,
    /// The envelope with a code.
    Devices,
}

/// Finds out what a request is. `path` is as in the request line, without the query, which means nothing here.
pub(super) fn route(method: &Method, path: &str) -> Route {
    let segments: Vec<&str> = path.strip_prefix('/').unwrap_or(path).split('/').take(MAX_SEGMENTS).collect();
    match segments[..] {
        ["oauth", "token"] => post(method, Part::Oauth, Route::Token),
        ["oauth", "revoke"] => post(method, Part::Oauth, Route::Revoke),
        ["oauth", ..] => Route::NotFound(Part::Oauth),
        ["iot", "v1", "mqtt-credentials"] => post(method, Part::Devices, Route::Credentials),
        ["iot", "v1", "devices", device, ref page @ ..] => match page_of(page) {
            Some(page) => page.of(method, decoded(device)),
            None => Route::NotFound(Part::Devices),
        },
        _ => Route::NotFound(Part::Devices),
    }
}

fn page_of(segments: &[&str]) -> Option<Page> {
    Some(match *segments {
        ["bootstrap"] => Page::Bootstrap,
        ["commands"] => Page::Commands,
        ["commands", id] if !id.is_empty() => Page::Command(decoded(id)),
        ["sensors"] => Page::Sensors,
        ["sensors", id] if !id.is_empty() => Page::Sensor(decoded(id)),
        ["desired-states"] => Page::DesiredStates,
        ["feed-data"] => Page::FeedData,
        ["feed-data", "batches"] => Page::FeedDataBatch,
        ["mqtt"] => Page::Mqtt,
        _ => return None,
    })
}

/// What is no UTF-8 becomes U+FFFD, which no id has.
fn decoded(segment: &str) -> String {
    percent_decode_str(segment).decode_utf8_lossy().into_owned()
}

fn post(method: &Method, part: Part, route: Route) -> Route {
    if method == Method::POST { route } else { Route::WrongMethod(part, "POST, OPTIONS") }
}

impl Route {
    /// In which form it is answered.
    pub(super) const fn part(&self) -> Part {
        match self {
            Self::Token | Self::Revoke => Part::Oauth,
            Self::Credentials | Self::Device { .. } => Part::Devices,
            Self::WrongMethod(part, _) | Self::NotFound(part) => *part,
        }
    }
}

impl Page {
    fn of(self, method: &Method, device: String) -> Route {
        let (own, allow) = match self.family() {
            Family::FeedData | Family::Credentials => (Method::POST, "POST, OPTIONS"),
            Family::Catalog | Family::DesiredStates => (Method::GET, "GET, OPTIONS"),
        };
        if *method == own { Route::Device { device, page: self } } else { Route::WrongMethod(Part::Devices, allow) }
    }

    /// What it is counted with.
    pub(super) const fn family(&self) -> Family {
        match self {
            Self::Bootstrap | Self::Commands | Self::Command(_) | Self::Sensors | Self::Sensor(_) | Self::Mqtt => {
                Family::Catalog
            }
            Self::DesiredStates => Family::DesiredStates,
            Self::FeedData | Self::FeedDataBatch => Family::FeedData,
        }
    }

    /// What a token must be for. (Contract §13.)
    pub(super) const fn scope(&self) -> Scope {
        match self.family() {
            Family::Catalog => Scope::CatalogRead,
            Family::DesiredStates => Scope::DesiredStateRead,
            Family::FeedData => Scope::FeedDataWrite,
            Family::Credentials => Scope::MqttConnect,
        }
    }
}

/// One more than the longest path has.
const MAX_SEGMENTS: usize = 7;

#[cfg(test)]
mod tests {
    use super::*;

    fn check(method: Method, path: &str, expected: Route) {
        assert_eq!(route(&method, path), expected, "{method} {path}");
    }

    fn page(page: Page) -> Route {
        Route::Device { device: "cdv_a".to_owned(), page }
    }

    #[test]
    fn each_endpoint_of_the_index_has_its_path() {
        check(Method::POST, "/oauth/token", Route::Token);
        check(Method::POST, "/oauth/revoke", Route::Revoke);
        check(Method::POST, "/iot/v1/mqtt-credentials", Route::Credentials);
        check(Method::GET, "/iot/v1/devices/cdv_a/bootstrap", page(Page::Bootstrap));
        check(Method::GET, "/iot/v1/devices/cdv_a/commands", page(Page::Commands));
        check(Method::GET, "/iot/v1/devices/cdv_a/commands/cmd_1", page(Page::Command("cmd_1".to_owned())));
        check(Method::GET, "/iot/v1/devices/cdv_a/sensors", page(Page::Sensors));
        check(Method::GET, "/iot/v1/devices/cdv_a/sensors/sns%5F1", page(Page::Sensor("sns_1".to_owned())));
        check(Method::GET, "/iot/v1/devices/cdv_a/desired-states", page(Page::DesiredStates));
        check(Method::POST, "/iot/v1/devices/cdv_a/feed-data", page(Page::FeedData));
        check(Method::POST, "/iot/v1/devices/cdv_a/feed-data/batches", page(Page::FeedDataBatch));
        check(Method::GET, "/iot/v1/devices/cdv_a/mqtt", page(Page::Mqtt));
    }

    #[test]
    fn an_id_may_be_any_text() {
        for (segment, device) in [("", ""), ("a%20b", "a b"), ("%ff", "\u{fffd}"), ("..", ".."), ("a%2Fb", "a/b")] {
            let expected = Route::Device { device: device.to_owned(), page: Page::Mqtt };
            check(Method::GET, &format!("/iot/v1/devices/{segment}/mqtt"), expected);
        }
    }

    #[test]
    fn other_methods_are_told_which_there_are() {
        for (path, part, allow) in [
            ("/oauth/token", Part::Oauth, "POST, OPTIONS"),
            ("/iot/v1/mqtt-credentials", Part::Devices, "POST, OPTIONS"),
            ("/iot/v1/devices/x/feed-data", Part::Devices, "POST, OPTIONS"),
            ("/iot/v1/devices/x/bootstrap", Part::Devices, "GET, OPTIONS"),
        ] {
            for method in [Method::PUT, Method::DELETE, Method::PATCH, Method::HEAD] {
                check(method, path, Route::WrongMethod(part, allow));
            }
        }
        check(Method::GET, "/oauth/token", Route::WrongMethod(Part::Oauth, "POST, OPTIONS"));
        check(Method::POST, "/iot/v1/devices/x/desired-states", Route::WrongMethod(Part::Devices, "GET, OPTIONS"));
    }

    #[test]
    fn other_paths_are_nothing() {
        for path in ["/oauth", "/oauth/", "/oauth/token/", "/oauth/authorize", "/oauth//token"] {
            check(Method::POST, path, Route::NotFound(Part::Oauth));
        }
        let long = format!("/iot/v1/devices/x/bootstrap{}", "/y".repeat(1000));
        for path in [
            "/iot",
            "/iot/v2/devices/x/bootstrap",
            "/iot/v1",
            "/iot/v1/devices",
            "/iot/v1/devices/x",
            "/iot/v1/devices/x/",
            "/iot/v1/devices/x/bootstrap/",
            "/iot/v1/devices/x/commands/",
            "/iot/v1/devices/x/commands/a/b",
            "/iot/v1/devices/x/boot%73trap",
            "/iot/v1/mqtt-credentials/",
            &long,
        ] {
            check(Method::GET, path, Route::NotFound(Part::Devices));
        }
    }
}
