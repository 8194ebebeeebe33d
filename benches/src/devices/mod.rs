//! The devices of the load: how they connect, and what they do then. Used by the measurements; knows nothing of callers.

mod device;
mod fleet;
mod link;
mod reporters;
mod reports;
#[cfg(test)]
mod tests;

pub(crate) use fleet::Fleet;
pub(crate) use link::connect_all;
pub(crate) use reporters::{HungPlan, ReportPlan, Reporters};
