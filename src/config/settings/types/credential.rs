//! Credentials that change from request to request, or that are exchanged for a token first.

use std::path::PathBuf;

use secrecy::SecretString;
use url::Url;

/// A credential of an upstream that is not a fixed header.
#[derive(Clone, Debug)]
pub enum UpstreamCredential {
    /// Signs each request with Amazon's Signature Version 4.
    Aws(AwsCredentials),
    /// Is exchanged for an access token of Google Cloud.
    Google(GoogleCredentials),
    /// Is exchanged for an access token of Entra ID.
    Entra(EntraClient),
}

/// Static keys of AWS.
#[derive(Clone, Debug)]
pub struct AwsCredentials {
    /// `aws_access_key_id`. It is no secret, but logs leave it out too.
    pub access_key_id: SecretString,
    /// `aws_secret_access_key`.
    pub secret_access_key: SecretString,
    /// `aws_session_token`, for temporary keys.
    pub session_token: Option<SecretString>,
    /// The region that signatures are for.
    pub region: String,
}

/// The source of access tokens of Google Cloud.
#[derive(Clone, Debug)]
pub enum GoogleCredentials {
    /// The file of a service account's key. The loader replaces it by the key.
    File(PathBuf),
    /// The key of a service account.
    ServiceAccount(Box<ServiceAccount>),
    /// The metadata server of the machine, at this host and port.
    Metadata(String),
}

/// The key of a service account of Google Cloud.
#[derive(Clone, Debug)]
pub struct ServiceAccount {
    /// The account.
    pub client_email: String,
    /// The private key in PEM.
    pub private_key: SecretString,
    /// The id of the private key.
    pub private_key_id: Option<String>,
    /// The project of the account.
    pub project_id: Option<String>,
    /// The address that exchanges the key for a token.
    pub token_uri: Url,
}

/// A client of Entra ID, which gets tokens with its secret (RFC 6749 section 4.4).
#[derive(Clone, Debug)]
pub struct EntraClient {
    /// The address that exchanges the secret for a token.
    pub token_url: Url,
    /// `client_id`.
    pub client_id: String,
    /// `client_secret`.
    pub client_secret: SecretString,
    /// The scope of the token.
    pub scope: String,
}

/// The place of a deployment in Google Cloud.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VertexPlace {
    /// `vertex_project`; `None` until the key's file, which names it, was read.
    pub project: Option<String>,
    /// `vertex_location`.
    pub location: String,
}

impl UpstreamCredential {
    /// Whether both are the same, so that one token serves both.
    #[cfg(feature = "gateway")]
    pub(crate) fn shares_tokens_with(&self, other: &Self) -> bool {
        use secrecy::ExposeSecret as _;

        let same = |one: &SecretString, other: &SecretString| one.expose_secret() == other.expose_secret();
        match (self, other) {
            (Self::Aws(one), Self::Aws(other)) => {
                one.region == other.region
                    && same(&one.access_key_id, &other.access_key_id)
                    && same(&one.secret_access_key, &other.secret_access_key)
                    && match (&one.session_token, &other.session_token) {
                        (Some(one), Some(other)) => same(one, other),
                        (one, other) => one.is_none() && other.is_none(),
                    }
            }
            (Self::Entra(one), Self::Entra(other)) => {
                (&one.token_url, &one.client_id, &one.scope)
                    == (&other.token_url, &other.client_id, &other.scope)
                    && same(&one.client_secret, &other.client_secret)
            }
            (Self::Google(one), Self::Google(other)) => match (one, other) {
                (GoogleCredentials::Metadata(one), GoogleCredentials::Metadata(other)) => one == other,
                (GoogleCredentials::ServiceAccount(one), GoogleCredentials::ServiceAccount(other)) => {
                    (&one.token_uri, &one.client_email, &one.private_key_id)
                        == (&other.token_uri, &other.client_email, &other.private_key_id)
                        && same(&one.private_key, &other.private_key)
                }
                _ => false,
            },
            _ => false,
        }
    }
}
