//! Control devices: what polling and connected ones cost the hub, and what it keeps of them. Each part has a data folder of its own.

mod many;
mod polling;
mod size;
mod wishes;

use crate::error::RunError;
use crate::options::{RealerPart, Settings};
use crate::report::Report;

/// Adds the figures of one part, or of all.
pub(super) async fn measure(
    part: Option<RealerPart>,
    settings: &Settings,
    report: &mut Report,
) -> Result<(), RunError> {
    match part {
        None => {
            polling::measure(settings, report).await?;
            wishes::measure(settings, report).await?;
            size::measure(settings, report).await?;
            many::measure(settings, report).await
        }
        Some(RealerPart::Polling) => polling::measure(settings, report).await,
        Some(RealerPart::Wishes) => wishes::measure(settings, report).await,
        Some(RealerPart::Size) => size::measure(settings, report).await,
        Some(RealerPart::Many) => many::measure(settings, report).await,
    }
}
