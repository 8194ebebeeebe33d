//! `rtio services`, the list of URIs that devices may send to, and of who answers.

use std::io;

use clap::Args;
use hyper::Method;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rtio_server::config::value::switch;
use serde::Deserialize;
use serde_json::Value;

use super::operator::Operator;
use super::{Failure, exit, start};

/// What `rtio services` takes.
#[derive(Debug, Clone, Args)]
#[command(after_help = exit::TABLE)]
pub(crate) struct Arguments {
    #[command(flatten)]
    operator: Operator,

    /// Print one JSON object a line, with all that the hub says
    #[arg(long, value_parser = switch)]
    json: bool,
}

/// Prints a line for each URI.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    match start::single()?.block_on(list(arguments)) {
        // Who reads, such as `head`, has enough.
        Err(Failure::Output { source }) if source.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

async fn list(arguments: &Arguments) -> Result<(), Failure> {
    let mut after = String::new();
    loop {
        let path = format!("/v1/services?limit={PAGE}{after}");
        let answer = arguments.operator.asks(Method::GET, &path).await?;
        let page: Page = serde_json::from_slice(&answer).map_err(|error| arguments.operator.no_answer(error))?;
        let lines: String = page.services.iter().map(|service| line(service, arguments.json)).collect();
        start::print(lines.as_bytes())?;
        match page.next {
            Some(next) => after = format!("&after={}", utf8_percent_encode(&next, NON_ALPHANUMERIC)),
            None => return Ok(()),
        }
    }
}

#[derive(Debug, Deserialize)]
struct Page {
    services: Vec<Value>,
    next: Option<String>,
}

/// `/aa/bb  55c4a2d6  file  http://127.0.0.1:17517/deviceservice  json  timeout 5000 ms  in flight 0 of 256  answers`
fn line(service: &Value, json: bool) -> String {
    if json {
        return format!("{service}\n");
    }
    let text = |name: &str| service[name].as_str().map_or_else(|| service[name].to_string(), str::to_owned);
    let mut parts = vec![text("uri"), text("digest"), text("source")];
    if service["url"].is_string() {
        parts.extend([text("url"), text("form"), format!("timeout {} ms", text("timeout_ms"))]);
        parts.push(format!("in flight {} of {}", text("in_flight"), text("max_in_flight")));
        parts.extend((service["idempotent"] == true).then(|| "idempotent".to_owned()));
        parts.push(if service["answers"] == true { "answers" } else { "does not answer" }.to_owned());
    }
    parts.join("  ") + "\n"
}

/// The largest page that a hub gives.
const PAGE: usize = 1000;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_line_says_where_messages_go_and_how_that_does() {
        let own = json!({"uri": "/rtio/time", "digest": "00c0ffee", "source": "hub"});
        assert_eq!(line(&own, false), "/rtio/time  00c0ffee  hub\n");
        let mut mapped = json!({
            "uri": "/a", "digest": "00c0ffee", "source": "file", "url": "http://a/?…", "form": "raw", "timeout_ms": 500,
            "max_in_flight": 64, "idempotent": false, "in_flight": 3, "answers": true
        });
        let start = "/a  00c0ffee  file  http://a/?…  raw  timeout 500 ms  in flight 3 of 64";
        assert_eq!(line(&mapped, false), format!("{start}  answers\n"));
        (mapped["idempotent"], mapped["answers"]) = (true.into(), false.into());
        assert_eq!(line(&mapped, false), format!("{start}  idempotent  does not answer\n"));
        assert_eq!(serde_json::from_str::<Value>(&line(&mapped, true)).unwrap(), mapped);
    }
}
