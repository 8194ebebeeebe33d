//! Whether the hub should be sent anything new, and why not: what a load balancer asks for. Whoever holds a thing that the hub cannot do
//! without says here when it is missing.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;

/// What is missing right now. All clones are the same one. A hub that misses nothing is ready.
#[derive(Debug, Clone, Default)]
pub struct Readiness {
    /// By name of the part, a handful: the names are in the code.
    missing: Arc<Mutex<BTreeMap<&'static str, String>>>,
}

impl Readiness {
    /// Nothing is missing.
    pub fn new() -> Self {
        Self::default()
    }

    /// `part` cannot do its work. `why` is for operators and must hold no secret and no device id: everybody who reaches the operators'
    /// port may read it.
    pub fn lost(&self, part: &'static str, why: impl fmt::Display) {
        self.missing.lock().insert(part, why.to_string());
    }

    /// `part` can do its work again.
    pub fn found(&self, part: &'static str) {
        self.missing.lock().remove(part);
    }

    /// What is missing, a line each: `verifier: no answer since 12 s`. Empty when the hub is ready.
    pub fn missing(&self) -> Vec<String> {
        self.missing.lock().iter().map(|(part, why)| format!("{part}: {why}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hub_is_ready_when_no_part_is_missing() {
        let readiness = Readiness::new();
        assert!(readiness.missing().is_empty());
        readiness.lost("verifier", "no answer");
        readiness.lost("store", "disk full");
        readiness.lost("verifier", "no answer since 12 s");
        assert_eq!(readiness.missing(), ["store: disk full", "verifier: no answer since 12 s"]);
        readiness.found("store");
        readiness.found("verifier");
        readiness.found("verifier");
        assert!(readiness.missing().is_empty());
    }
}
