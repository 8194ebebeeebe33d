//! `/rtio/time`: what time it is, for a device without a clock of its own.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::hub::ports::{BoxFuture, DeviceService};
use crate::hub::{Report, ReportAnswer, StatusCode};

/// Answers with the milliseconds since 1970, UTC, as decimal digits.
#[derive(Debug)]
pub(super) struct Time;

impl DeviceService for Time {
    fn post<'a>(&'a self, report: Report<'a>) -> BoxFuture<'a, ReportAnswer> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let answer = if report.data.is_empty() {
            ReportAnswer { status: StatusCode::Ok, data: now.as_millis().to_string().into_bytes() }
        } else {
            ReportAnswer::empty(StatusCode::BadRequest)
        };
        Box::pin(std::future::ready(answer))
    }
}
