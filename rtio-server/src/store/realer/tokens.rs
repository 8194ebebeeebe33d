//! Access tokens and MQTT credentials. A token stays when its device is removed, as that of nobody, until its time is over.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{columns, control};
use crate::hub::{Access, Credential, DeviceId};
use crate::realer::Scopes;
use crate::realer::ports::{MAX_TOKENS, NewToken, TokenHolder};
use crate::store::devices::credential_of;
use crate::store::key::Digest;

/// What a token is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// An access token.
    Access,
    /// An MQTT credential.
    Mqtt,
}

/// Keeps a token; the oldest ones of its device end where there are too many. Of a device that is not there it keeps nothing.
pub(super) fn add(connection: &Connection, kind: Kind, token: &NewToken, digest: &Digest) -> rusqlite::Result<()> {
    let Some(control) = control::number(connection, &token.device)? else {
        return Ok(());
    };
    let is_mqtt = matches!(kind, Kind::Mqtt);
    let mut end = connection.prepare_cached(
        "DELETE FROM tokens WHERE token IN
         (SELECT token FROM tokens WHERE control = ?1 AND is_mqtt = ?2 ORDER BY token DESC LIMIT -1 OFFSET ?3)",
    )?;
    end.execute(params![control, is_mqtt, columns::limit(MAX_TOKENS - 1)])?;
    let mut insert = connection.prepare_cached(
        "INSERT INTO tokens (digest, is_mqtt, control, credential, scopes, expires_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    let (credential, scopes) = (token.credential.0.get(), token.scopes.bits());
    insert.execute(params![digest, is_mqtt, control, credential, scopes, token.expires_ms]).map(drop)
}

/// Who holds the token of this digest, if it counts.
pub(super) fn holder(connection: &Connection, digest: &Digest, now_ms: i64) -> rusqlite::Result<Option<TokenHolder>> {
    let mut statement = connection.prepare_cached(
        "SELECT control, credential, scopes, expires_ms FROM tokens WHERE digest = ?1 AND expires_ms > ?2",
    )?;
    let token = |row: &Row<'_>| {
        let (credential, scopes) = (credential_of(row.get(1)?), Scopes::of_bits(row.get(2)?));
        Ok((row.get::<_, Option<i64>>(0)?, credential, scopes, row.get(3)?))
    };
    let Some((control, credential, scopes, expires_ms)) =
        statement.query_row(params![digest, now_ms], token).optional()?
    else {
        return Ok(None);
    };
    let Some(control) = control else {
        return Ok(Some(TokenHolder::Removed));
    };
    let device = control::device_of(connection, control)?.filter(|device| device.access == Access::Enabled);
    match device {
        Some(device) if is_live(connection, control, credential)? => {
            Ok(Some(TokenHolder::Device { device: Box::new(device), credential, scopes, expires_ms }))
        }
        _ => Ok(None),
    }
}

/// Whether a secret of the device still counts.
fn is_live(connection: &Connection, control: i64, credential: Credential) -> rusqlite::Result<bool> {
    let mut statement = connection.prepare_cached(
        "SELECT 1 FROM control_devices JOIN device_secrets USING (device) WHERE control = ?1 AND credential = ?2",
    )?;
    statement.exists(params![control, credential.0.get()])
}

/// Ends a token of this device.
pub(super) fn revoke(connection: &Connection, device: &DeviceId, digest: &Digest) -> rusqlite::Result<()> {
    let Some(control) = control::number(connection, device)? else {
        return Ok(());
    };
    let mut delete = connection.prepare_cached("DELETE FROM tokens WHERE digest = ?1 AND control = ?2")?;
    delete.execute(params![digest, control]).map(drop)
}
