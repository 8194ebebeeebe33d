//! Exit codes of every command. docs/operations.md and `--help` show this table; a test compares.

use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Done,
    Failed,
    Offline,
    Timeout,
    NotFound,
    Refused,
    Unreachable,
    NotAllowed,
    /// Of a group call: not every device answered with OK.
    NotAll,
    /// `EX_USAGE` of sysexits.h.
    Usage,
}

impl Exit {
    /// The number that the shell sees.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Offline => 3,
            Self::Timeout => 4,
            Self::NotFound => 5,
            Self::Refused => 6,
            Self::Unreachable => 7,
            Self::NotAllowed => 8,
            Self::NotAll => 9,
            Self::Usage => 64,
        }
    }

    /// What a status of the hub stands for, where its answer has no code that says more.
    pub(super) const fn of_status(status: u16) -> Self {
        match status {
            401 | 403 => Self::NotAllowed,
            400 | 405 | 409 | 413 | 422 | 429 => Self::Refused,
            404 => Self::NotFound,
            503 => Self::Offline,
            504 => Self::Timeout,
            _ => Self::Failed,
        }
    }

    /// What a code of the caller protocol stands for; `None` for one that is not in its table.
    pub(super) fn of_code(code: &str) -> Option<Self> {
        Some(match code {
            "DEVICEID_OFFLINE" => Self::Offline,
            "REQUEST_TIMEOUT" | "DEVICEID_TIMEOUT" => Self::Timeout,
            "NOT_FOUND" => Self::NotFound,
            "BAD_REQUEST" | "METHOD_NOT_ALLOWED" | "TOO_MANY_REQUESTS" | "TOO_MANY_OBSERVERS" => Self::Refused,
            "INTERNAL_SERVER_ERROR" => Self::Failed,
            _ => return None,
        })
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// The table as `rtio call --help` and `rtio observe --help` show it.
pub(super) const TABLE: &str = "\
Exit codes:
  0   done
  1   the device failed, or something else did
  3   the device is offline
  4   no answer in time
  5   the device does not know the URI
  6   refused: bad request, too large, or too many at once
  7   the hub cannot be reached, or is not trusted
  8   not allowed: no token, a bad one, or one for something else
  9   of a group call: not every device answered with OK, or it did not come to its end
  64  wrong usage";
