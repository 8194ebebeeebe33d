//! Where a reader of history stands: which page it wants, and after which event an observation goes on (pure).

use crate::hub::{CallRequest, ShadowRefusal, StatusCode};
use crate::realer::{Refusal, read};

/// A page of history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Page {
    /// It begins behind this record.
    pub(super) after: u64,
    /// Most records.
    pub(super) limit: usize,
}

impl Page {
    /// Reads `{"after"?, "limit"?}`, or nothing at all.
    ///
    /// # Errors
    ///
    /// [`Refusal::Malformed`], [`Refusal::Invalid`].
    pub(super) fn read(body: &[u8]) -> Result<Self, Refusal> {
        let asked = read::place(body)?;
        let limit = asked.limit.map_or(Some(LIMIT), |limit| usize::try_from(limit).ok());
        let limit = limit.filter(|limit| (1..=MAX_LIMIT).contains(limit));
        let limit = limit.ok_or_else(|| Refusal::invalid("limit", "not 1 to 500"))?;
        Ok(Self { after: asked.after.unwrap_or(0), limit })
    }
}

/// After which event an observation goes on: what the request itself says, or its data. `None`: from now on.
///
/// # Errors
///
/// [`ShadowRefusal`]: it is no id of an event.
pub(super) fn resumed(request: &CallRequest<'_>) -> Result<Option<u64>, ShadowRefusal> {
    let after = match request.after {
        Some(id) => Some(id.parse().map_err(|_| NO_EVENT)?),
        None => {
            let place = read::place(request.data).ok().filter(|place| place.limit.is_none());
            place.ok_or(NO_PLACE)?.after
        }
    };
    after.filter(|&after| after > MAX_ID).map_or(Ok(after), |_| Err(NO_EVENT))
}

/// Nothing has this id, or not yet.
pub(super) const NO_EVENT: ShadowRefusal =
    ShadowRefusal { status: StatusCode::BadRequest, why: "no event of this URI has this id: observe it without one" };

const NO_PLACE: ShadowRefusal = ShadowRefusal {
    status: StatusCode::BadRequest,
    why: "the data is neither empty nor an object such as {\"after\":41}",
};

/// Records of a page unless it says otherwise.
const LIMIT: usize = 100;

/// Most records of a page, where that many fit it.
const MAX_LIMIT: usize = 500;

/// The greatest number of a record or a change.
const MAX_ID: u64 = i64::MAX.cast_unsigned();

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_page_says_after_what_and_how_many() {
        let page = |after, limit| Ok(Page { after, limit });
        for (body, expected) in [
            ("", page(0, 100)),
            ("{}", page(0, 100)),
            (r#"{"after":41,"limit":500}"#, page(41, 500)),
            (r#"{"limit":1,"after":null}"#, page(0, 1)),
        ] {
            assert_eq!(Page::read(body.as_bytes()), expected, "{body}");
        }
        for body in [r#"{"limit":0}"#, r#"{"limit":501}"#, r#"{"after":-1}"#, r#"{"after":"1"}"#, r#"{"page":1}"#, "[]"]
        {
            assert!(matches!(Page::read(body.as_bytes()), Err(Refusal::Invalid(_))), "{body}");
        }
        assert!(matches!(Page::read(b"after"), Err(Refusal::Malformed(_))));
    }

    #[test]
    fn an_observation_goes_on_after_what_its_header_or_its_data_says() {
        let after = |data: &str, header| {
            let request = CallRequest::new("/iot/v1/state", data.as_bytes(), None, Duration::ZERO).after(header);
            resumed(&request).map_err(|refusal| refusal.status)
        };
        assert_eq!(after("", None), Ok(None));
        assert_eq!(after("{}", None), Ok(None));
        assert_eq!(after(r#"{"after":41}"#, None), Ok(Some(41)));
        assert_eq!(after("", Some("41")), Ok(Some(41)));
        for (data, header) in [
            ("", Some("x")),
            ("", Some("-1")),
            ("", Some("9223372036854775808")),
            ("x", None),
            (r#"{"limit":1}"#, None),
            (r#"{"after":"x"}"#, None),
            (r#"{"from":1}"#, None),
        ] {
            assert_eq!(after(data, header), Err(StatusCode::BadRequest), "{data} {header:?}");
        }
    }
}
