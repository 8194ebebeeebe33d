//! Every number that the protocol fixes, with its section in docs/protocol.md. Operating defaults of the hub are not here:
//! they stand with the code that uses them.

use crate::time::Duration;

/// Bytes of a frame header (§1).
pub const HEADER_BYTES: usize = 5;

/// Longest body that any connection may carry (§1).
pub const MAX_BODY_BYTES: usize = 4096;

/// Longest DeviceVerifyReq body, and the longest body before a capacity is agreed (§2).
pub const MAX_VERIFY_BODY_BYTES: usize = 512;

/// Shortest and longest device id (§2).
pub const DEVICE_ID_BYTES: core::ops::RangeInclusive<usize> = 1..=64;

/// Longest device secret (§2).
pub const MAX_SECRET_BYTES: usize = 256;

/// Time a connection has to verify itself before it is closed without an answer (§2).
pub const VERIFY_TIMEOUT: Duration = Duration::from_secs(15);

/// Heartbeat interval until the device asks for another (§3).
pub const DEFAULT_PING_INTERVAL: Duration = Duration::from_secs(300);

/// Heartbeat intervals that a device may ask for, in seconds (§3).
pub const PING_INTERVAL_SECONDS: core::ops::RangeInclusive<u16> = 30..=43_200;

/// What the hub keeps free of a body when it sends data to a device (§4).
pub const DATA_RESERVE_BYTES: usize = 8;

/// Most bytes of data in one message unless the operator raises it, whatever the capacity (§4).
pub const DEFAULT_PAYLOAD_BYTES: u16 = 504;

/// Most live observations of one device (§4).
pub const MAX_OBSERVATIONS: u16 = 256;

/// Most message ids there are: 1..=65535 (§1, §4).
pub const MAX_MESSAGE_IDS: usize = 65_535;

/// Device's answer to a CoPOST (§5).
pub const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// Longest that a notification waits for room on its caller's side before the observation is ended (§4). The published Go SDK
/// gives a notification up after 20 s, and drops the whole connection when its answer then comes.
pub const STALL_TIMEOUT: Duration = Duration::from_secs(15);

/// Device's answer to the establishment of an ObGET (§5).
pub const ESTABLISH_TIMEOUT: Duration = Duration::from_secs(20);

/// Backend's answer to a CoPOST of a device (§5): after that the hub itself answers.
pub const REPORT_TIMEOUT: Duration = Duration::from_secs(5);

const _: () = assert!(MAX_VERIFY_BODY_BYTES <= MAX_BODY_BYTES);
const _: () = assert!(*DEVICE_ID_BYTES.end() + 1 + MAX_SECRET_BYTES < MAX_VERIFY_BODY_BYTES);
const _: () = assert!(DEFAULT_PAYLOAD_BYTES as usize + DATA_RESERVE_BYTES == 512);
