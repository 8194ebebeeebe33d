//! What a rotation of a device's secret is asked with. A control device's is asked the same way.

use serde::Deserialize;

use crate::hub::OldSecret;

/// `?old=drop` ends the old secret at once.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct RotateWish {
    #[serde(default)]
    old: Old,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Old {
    #[default]
    Keep,
    Drop,
}

impl RotateWish {
    /// What becomes of the old secret.
    pub(in crate::admin) const fn old(&self) -> OldSecret {
        match self.old {
            Old::Keep => OldSecret::Keep,
            Old::Drop => OldSecret::Drop,
        }
    }
}
