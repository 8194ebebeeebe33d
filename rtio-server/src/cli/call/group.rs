//! `rtio call --all`: one call of many devices. Answers are printed as they come, and at the end what came of all.

use std::io;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::{Method, Request};
use serde::Deserialize;
use serde_json::json;
use tokio::time::timeout;

use super::super::hub::Hub;
use super::super::lines::{Lines, MAX_LINE_BYTES};
use super::super::signals::Signals;
use super::super::target::DeviceUri;
use super::super::{Failure, start};
use super::progress::Progress;
use super::table::Table;

/// What shall be asked of whom.
#[derive(Debug)]
pub(super) struct GroupCall<'a> {
    pub(super) devices: &'a [String],
    pub(super) uri: &'a DeviceUri,
    pub(super) data: &'a [u8],
    pub(super) concurrency: u16,
    pub(super) wait: Duration,
    pub(super) output: Output,
}

/// What is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Output {
    /// Answers as `ID<TAB>answer`, then a table.
    People,
    /// The hub's lines.
    Json,
}

/// Why a group call is no success, though the hub did what it could.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum GroupFailure {
    #[error("{failed} of {devices} devices did not answer with OK")]
    NotAll { failed: u64, devices: u64 },
    #[error("the hub ended the group call before its end: {why}")]
    Aborted { why: String },
    #[error("interrupted before the end of the group call")]
    Interrupted,
}

/// Calls, until the hub is through, or a signal or a closed pipe ends it.
pub(super) async fn run(call: &GroupCall<'_>, hub: &Hub) -> Result<(), Failure> {
    let mut signals = Signals::watch()?;
    let mut lines = tokio::select! {
        lines = begin(call, hub) => lines?,
        _ = signals.next() => return Err(GroupFailure::Interrupted.into()),
    };
    let (mut table, mut progress) = (Table::default(), Progress::new(call.devices));
    let result = tokio::select! {
        result = follow(call.output, hub, &mut lines, (&mut table, &mut progress)) => result,
        _ = signals.next() => Err(GroupFailure::Interrupted.into()),
    };
    progress.finish();
    let result = match (call.output, result) {
        // Who reads, such as `head`, has enough.
        (_, Err(Failure::Output { source })) if source.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
        (Output::People, result) => start::print(table.to_string().as_bytes()).and(result),
        (Output::Json, result) => result,
    };
    match table.failed() {
        failed if failed > 0 => {
            result.and_then(|()| Err(GroupFailure::NotAll { failed, devices: table.devices() }.into()))
        }
        _ => result,
    }
}

async fn begin(call: &GroupCall<'_>, hub: &Hub) -> Result<Lines, Failure> {
    let body = json!({
        "devices": call.devices,
        "uri": call.uri.as_str(),
        "data_base64": STANDARD.encode(call.data),
        "concurrency": call.concurrency,
        "wait": call.wait.as_secs(),
    });
    let request = Request::builder().method(Method::POST).header("content-type", "application/json");
    let answered = timeout(HEAD_TIMEOUT, hub.send(request, "/v1/calls", Bytes::from(body.to_string()))).await;
    let silent = |_| Failure::HubSilent { hub: hub.to_string(), waited: HEAD_TIMEOUT };
    let (head, body) = answered.map_err(silent)??.into_parts();
    if head.status.is_success() {
        return Ok(Lines::new(body));
    }
    let body = Limited::new(body, MAX_LINE_BYTES).collect().await.map_err(|error| hub.no_http(error))?;
    Err(hub.refused(head.status.as_u16(), &body.to_bytes()))
}

async fn follow(
    output: Output,
    hub: &Hub,
    lines: &mut Lines,
    (table, progress): (&mut Table, &mut Progress),
) -> Result<(), Failure> {
    while let Some(raw) = lines.next().await.map_err(|error| hub.no_http(error))? {
        let line = Line::parse(&raw)?;
        if output == Output::Json {
            progress.aside(|| start::print(&[&raw[..], b"\n"].concat()))?;
        }
        let (device, code) = match (line.device, line.code, line.aborted) {
            (Some(device), Some(code), _) => (device, code),
            (_, _, Some(why)) => return Err(GroupFailure::Aborted { why: printable(&why) }.into()),
            (_, _, None) => return Ok(()),
        };
        let outcome = line.missing.map_or_else(|| code.clone(), |missing| format!("{code} missing {missing}"));
        table.count(printable(&outcome), &printable(&device));
        progress.counted(table);
        if output == Output::People && code == "OK" {
            let answer = shown(&line.data.unwrap_or_default())?;
            progress.aside(|| start::print(format!("{}\t{answer}\n", printable(&device)).as_bytes()))?;
        }
    }
    Err(Failure::Unfinished)
}

/// One line of the hub's: of a device, or the last.
#[derive(Debug, Deserialize)]
struct Line {
    device: Option<String>,
    code: Option<String>,
    data: Option<String>,
    missing: Option<String>,
    aborted: Option<String>,
}

impl Line {
    fn parse(line: &[u8]) -> Result<Self, Failure> {
        serde_json::from_slice(line).map_err(|source| Failure::Frame { source })
    }
}

/// An answer in one line: text where it is some that can be printed, else its base64.
fn shown(base64: &str) -> Result<String, Failure> {
    let no_base64 = |error| Failure::Frame { source: serde::de::Error::custom(error) };
    let data = STANDARD.decode(base64).map_err(no_base64)?;
    let text = String::from_utf8(data).ok().filter(|text| !text.contains(char::is_control));
    Ok(text.unwrap_or_else(|| format!("base64:{base64}")))
}

/// A hub's word without what moves a terminal's cursor.
fn printable(text: &str) -> String {
    text.replace(char::is_control, " ")
}

/// How long the hub has to begin with its answer, which waits for no device.
const HEAD_TIMEOUT: Duration = Duration::from_secs(15);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_text_where_it_can_be_printed() {
        let check = |data: &[u8], expected: &str| assert_eq!(shown(&STANDARD.encode(data)).unwrap(), expected);
        check(b"", "");
        check("21 °C".as_bytes(), "21 °C");
        check(b"a\nb", "base64:YQpi");
        check(b"\x1b[2J", "base64:G1sySg==");
        check(b"\xff", "base64:/w==");
        assert!(shown("?").is_err());
    }
}
