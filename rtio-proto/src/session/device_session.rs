//! The device's end of one link.
