//! Why a hub could not be built.

use std::net::SocketAddr;

use crate::admin::TokenError;
use crate::audit::AuditError;
use crate::backend::{MapError, RandomError, SigningKeyError, TableError, TrustError};
use crate::data_dir::DataDirError;
use crate::hub_lock::LockError;
use crate::net::tls;
use crate::store::StoreError;
use crate::token::SourceError;

/// Why a hub could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// An address cannot be bound.
    #[error("cannot bind {addr} (--{flag})")]
    Bind {
        /// The address.
        addr: SocketAddr,
        /// The flag that sets it.
        flag: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// The data folder is of no use.
    #[error("the data folder is of no use (--data-dir)")]
    DataDir(#[from] DataDirError),
    /// Operators shall show a token, but there is none.
    #[error("operators cannot be told from others (--admin-token-file)")]
    AdminToken(#[from] TokenError),
    /// The audit log cannot be written.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// A key of callers' tokens is of no use.
    #[error("callers' tokens cannot be verified")]
    Keys(#[from] SourceError),
    /// The value is no HTTP header.
    #[error("--cors-origin is no header value")]
    CorsOrigin(#[source] hyper::header::InvalidHeaderValue),
    /// TLS cannot begin.
    #[error(transparent)]
    Tls(#[from] tls::OpenError),
    /// Somebody else uses the data folder.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The store is of no use.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The registry shall be asked, but there is no folder for it.
    #[error("the registry of devices needs --data-dir")]
    NoDataDir,
    /// MQTT shall be served, but there is no runtime of control devices.
    #[error("MQTT needs --data-dir")]
    NoRuntime,
    /// It is not known whose certificates backends must show.
    #[error("--backend-ca is of no use")]
    Trust(#[from] TrustError),
    /// What backends are sent shall be signed, but there is no key.
    #[error("what backends are sent cannot be signed (--signing-key-file)")]
    SigningKey(#[from] SigningKeyError),
    /// Events shall be posted, but it is not clear where.
    #[error(transparent)]
    Webhooks(#[from] TableError),
    /// The table of device services is of no use.
    #[error(transparent)]
    ServiceMap(#[from] MapError),
    /// No random bytes from the system.
    #[error("no secret can be made")]
    Random(#[from] RandomError),
}
