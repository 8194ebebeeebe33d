//! Access tokens: who gets one, for what, how often, and how one is ended. The form it comes in is the edge's. (Contract §2.)

use std::net::IpAddr;
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::ports::{NewToken, StoreError};
use super::{Realer, Scopes};
use crate::hub::{Credential, DeviceId, DeviceSecret};

/// What a client says who it is. A secret may be meant in two ways, so there may be two of them.
#[derive(Debug)]
pub struct ClientCredentials {
    /// Its id, as it came.
    pub id: String,
    /// What shall prove it; any of these.
    pub secrets: Vec<Zeroizing<Vec<u8>>>,
}

/// A client that has proved who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// A control device.
    pub device: DeviceId,
    /// The secret that proved it.
    pub credential: Credential,
}

/// Why a client gets nothing. (§2.3)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OauthRefusal {
    /// The request makes no sense; says why.
    InvalidRequest(&'static str),
    /// It is not who it says it is.
    InvalidClient,
    /// It asks in another way than with its credentials.
    UnsupportedGrantType,
    /// It asks for what is not known, or for what it may not have.
    InvalidScope,
    /// It asks too often, or from where others failed too often.
    RateLimited {
        /// When it may ask again.
        retry_after: Duration,
    },
    /// The store cannot be read or written now.
    Unavailable,
    /// A bug.
    Bug,
}

/// What a client gets. (§2.2)
#[derive(Debug, Serialize)]
pub struct TokenDocument {
    #[serde(serialize_with = "super::document::revealed")]
    access_token: DeviceSecret,
    token_type: &'static str,
    expires_in: u64,
    renew_after: u64,
    scope: String,
}

/// Why not, in words and a label.
#[derive(Debug, Serialize)]
pub struct OauthErrorDocument {
    error: &'static str,
    error_description: &'static str,
}

impl Realer {
    /// Who a client is.
    ///
    /// # Errors
    ///
    /// [`OauthRefusal::InvalidClient`], whatever is wrong; [`OauthRefusal::RateLimited`] where others failed too often, and for a
    /// client that asks too often.
    pub async fn client(&self, credentials: &ClientCredentials, peer: IpAddr) -> Result<Client, OauthRefusal> {
        let limited =
            |too_soon: super::spacing::TooSoon| OauthRefusal::RateLimited { retry_after: too_soon.retry_after };
        self.oauth_limits.lock().begin(peer, Instant::now()).map_err(limited)?;
        let client = self.prove(credentials).await;
        let mut limits = self.oauth_limits.lock();
        if !matches!(client, Err(OauthRefusal::InvalidClient)) {
            limits.has_not_failed(peer);
        }
        let client = client?;
        limits.asks(&client.device, Instant::now()).map_err(limited)?;
        Ok(client)
    }

    async fn prove(&self, credentials: &ClientCredentials) -> Result<Client, OauthRefusal> {
        let device = DeviceId::parse(&credentials.id).map_err(|_| OauthRefusal::InvalidClient)?;
        for secret in &credentials.secrets {
            let proved = self.kept(&device, self.store.authenticate(&device, secret).await)?;
            if let Some(credential) = proved {
                return Ok(Client { device, credential });
            }
        }
        Err(OauthRefusal::InvalidClient)
    }

    /// Gives a client a token for the scopes that it asks for, or for the default ones. Those that it has go on to count.
    ///
    /// # Errors
    ///
    /// [`OauthRefusal`].
    pub async fn issue_token(&self, client: &Client, scope: Option<&str>) -> Result<TokenDocument, OauthRefusal> {
        let scopes = scope.map_or(Some(Scopes::DEFAULT), Scopes::parse).ok_or(OauthRefusal::InvalidScope)?;
        if scopes.has_mqtt() && !self.has_mqtt(&client.device).await? {
            return Err(OauthRefusal::InvalidScope);
        }
        let lifetime = self.config.token_lifetime;
        let token = DeviceSecret::random().map_err(|_| OauthRefusal::Bug)?;
        let document = TokenDocument {
            access_token: token.clone(),
            token_type: "Bearer",
            expires_in: lifetime.as_secs(),
            renew_after: self.config.renew_after(lifetime).as_secs(),
            scope: scopes.to_string(),
        };
        let token = self.new_token(client.device.clone(), client.credential, (token, scopes), lifetime);
        self.kept(&client.device, self.store.add_token(token).await)?;
        Ok(document)
    }

    /// Ends a token of the client at once. One that is not its own, or none at all, is left alone, and nobody is told. (§2.4)
    ///
    /// # Errors
    ///
    /// [`OauthRefusal::Unavailable`].
    pub async fn revoke_token(&self, client: &Client, token: &str) -> Result<(), OauthRefusal> {
        self.kept(&client.device, self.store.revoke_token(&client.device, token).await)
    }

    /// A token or credential that lives from now on.
    pub(super) fn new_token(
        &self,
        device: DeviceId,
        credential: Credential,
        (token, scopes): (DeviceSecret, Scopes),
        lifetime: Duration,
    ) -> NewToken {
        let issued_ms = self.now_ms();
        let lifetime_ms = i64::try_from(lifetime.as_millis()).unwrap_or(i64::MAX);
        let expires_ms = issued_ms.saturating_add(lifetime_ms);
        NewToken { device, credential, token, scopes, issued_ms, expires_ms }
    }

    fn kept<T>(&self, device: &DeviceId, answer: Result<T, StoreError>) -> Result<T, OauthRefusal> {
        self.stored(device, answer).map_err(|_| OauthRefusal::Unavailable)
    }

    async fn has_mqtt(&self, device: &DeviceId) -> Result<bool, OauthRefusal> {
        let device = self.kept(device, self.store.control_device(device).await)?;
        Ok(device.is_some_and(|device| self.config.protocols_of(&device).mqtt))
    }
}

impl OauthRefusal {
    /// What the client reads.
    pub const fn document(self) -> OauthErrorDocument {
        let (error, error_description) = match self {
            Self::InvalidRequest(why) => ("invalid_request", why),
            Self::InvalidClient => {
                ("invalid_client", "the client is not known by this id and secret, sent as HTTP Basic")
            }
            Self::UnsupportedGrantType => ("unsupported_grant_type", "grant_type must be client_credentials"),
            Self::InvalidScope => ("invalid_scope", "a scope is not known, or not for this device"),
            Self::RateLimited { .. } => ("rate_limited", "too many requests: come back later"),
            Self::Unavailable => ("temporarily_unavailable", "the hub cannot read or write its store now"),
            Self::Bug => ("server_error", "the hub failed"),
        };
        OauthErrorDocument { error, error_description }
    }

    /// Its label.
    pub const fn label(self) -> &'static str {
        self.document().error
    }

    /// The status over HTTP.
    pub const fn http_status(self) -> u16 {
        match self {
            Self::InvalidRequest(_) | Self::UnsupportedGrantType | Self::InvalidScope => 400,
            Self::InvalidClient => 401,
            Self::RateLimited { .. } => 429,
            Self::Unavailable => 503,
            Self::Bug => 500,
        }
    }
}
