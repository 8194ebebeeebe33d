//! The control-device runtime from outside, by section of its contract: over real HTTP, real sessions and the operators' port.
mod backup;
