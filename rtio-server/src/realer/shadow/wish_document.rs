//! What became of a wish, as its caller hears it.

use serde::Serialize;

use super::state::ReportedItem;
use crate::realer::document::DesiredDocument;

/// A desired state that was set, and how it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WishDocument {
    /// 2000 once it is closed; 2002 while it waits.
    pub code: u16,
    /// The desired state.
    #[serde(flatten)]
    pub desired: DesiredDocument,
    /// What the device reported last of the command, once it has answered.
    pub reported: Option<ReportedItem>,
}
