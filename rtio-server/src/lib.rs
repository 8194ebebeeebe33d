//! The hub process. As a library it exists so that tests can start a hub in their own process; the executable is `main.rs`.
//!
//! ```text
//!  main ─► app ─►  device  mqtt  http ─► token    edges: sockets, formats, who may call
//!                    │   admin │   │
//!                    │     │   ▼   ▼
//!                    │     └► realer            core: control devices, over whichever edge
//!                    │         │
//!                    └─► hub ◄─┘                core: calls, observations, reports, presence
//!                         ▲  (both own port traits)
//!              backend  store  audit            ports: the outside we call
//! ```
//!
//! Who may import whom is checked by tests/it/architecture.rs.

pub mod admin;
pub mod app;
pub mod audit;
pub mod backend;
pub mod builtin;
pub mod config;
pub mod data_dir;
pub mod device;
pub mod event_json;
pub mod http;
pub mod hub;
pub mod hub_lock;
pub mod mqtt;
pub mod net;
pub mod readiness;
pub mod realer;
pub mod reload;
pub mod shutdown;
pub mod store;
pub mod telemetry;
pub mod token;
