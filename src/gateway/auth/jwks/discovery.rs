//! Checks that a discovery document belongs to the expected issuer (OpenID Connect Discovery section 4.3).

use serde_json::{Map, Value};
use url::Url;

use super::fetch_error::FetchError;
use crate::display::escape;

/// The path of a document: below its issuer (OpenID Connect Discovery section 4), or between host and path (RFC 8414).
const WELL_KNOWN: [&str; 2] =
    ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"];

/// The hosts of Microsoft Entra's issuers. The first segment of their path is the tenant.
const ENTRA: [&str; 7] = [
    "login.microsoftonline.com",
    "login.microsoftonline.us",
    "login.partner.microsoftonline.cn",
    "login.chinacloudapi.cn",
    "login.windows.net",
    "sts.windows.net",
    "sts.chinacloudapi.cn",
];

/// Checks the `issuer` of a document that was found at `url`.
///
/// It must equal the configured issuer. Without a configured issuer, it must equal the issuer whose document belongs at
/// `url`. At addresses that the standards do not define, it is not compared. A document in a file belongs to the
/// operator, so it may omit `issuer`.
pub(super) fn check(
    url: &Url,
    configured: Option<&str>,
    document: &Map<String, Value>,
) -> Result<(), FetchError> {
    let found = document.get("issuer").and_then(Value::as_str);
    let of_url = issuer_of(url);
    let Some(expected) = configured.or(of_url.as_deref()) else { return Ok(()) };
    // AD FS uses another issuer in access tokens than in the document, and names it in the document.
    let of_tokens = document.get("access_token_issuer").and_then(Value::as_str);
    match found {
        Some(found) if is_same(expected, found, configured.is_none()) => Ok(()),
        Some(_) if of_tokens.is_some() && of_tokens == configured => Ok(()),
        None if url.scheme() == "file" => Ok(()),
        found => Err(FetchError::Issuer {
            found: found.map_or_else(|| "(none)".to_owned(), |found| escape(found).into_owned()),
            expected: expected.to_owned(),
        }),
    }
}

/// The issuer whose document belongs at `url`, without a trailing slash.
fn issuer_of(url: &Url) -> Option<String> {
    let (origin, path) = (url.origin().ascii_serialization(), url.path());
    let path = WELL_KNOWN.iter().find_map(|known| match path.strip_suffix(known) {
        Some(before) => Some(before),
        None => path.strip_prefix(known).filter(|rest| rest.starts_with('/')),
    })?;
    (url.scheme() != "file").then(|| format!("{origin}{}", path.trim_end_matches('/')))
}

/// Whether two issuers are equal. With `is_derived`, the expected issuer comes from an address, where an alias may
/// replace a tenant.
fn is_same(expected: &str, found: &str, is_derived: bool) -> bool {
    let [bare, found_bare] = [expected, found].map(|issuer| issuer.trim_end_matches('/'));
    // Google's tokens may omit the scheme.
    let is_google = bare == "accounts.google.com" && found_bare == "https://accounts.google.com";
    bare == found_bare || is_google || is_same_tenant(bare, found_bare, is_derived)
}

/// Handles Microsoft's documents. For several tenants, they contain a template for the tenant. Tokens of both versions
/// have different issuers but the same keys.
fn is_same_tenant(expected: &str, found: &str, is_derived: bool) -> bool {
    if let (Some(wanted), Some(tenant)) = (entra_tenant(expected), entra_tenant(found)) {
        let is_alias = is_derived && !is_guid(wanted);
        return tenant == "{tenantid}" || tenant.eq_ignore_ascii_case(wanted) || is_alias;
    }
    // Entra's services for customers have a name in their address, but use the tenant's id as their issuer.
    let of_customers = |issuer: &str| {
        let host = host(issuer)?;
        let (_, service) = host.split_once('.')?;
        matches!(service, "b2clogin.com" | "ciamlogin.com").then(|| service.to_owned())
    };
    is_derived && of_customers(expected).is_some() && of_customers(expected) == of_customers(found)
}

fn entra_tenant(issuer: &str) -> Option<&str> {
    let rest = issuer.strip_prefix("https://")?;
    let (host, path) = rest.split_once('/')?;
    let tenant = path.strip_suffix("/v2.0").unwrap_or(path);
    (ENTRA.contains(&host) && !tenant.contains('/')).then_some(tenant)
}

fn host(issuer: &str) -> Option<&str> {
    issuer.strip_prefix("https://")?.split('/').next()
}

fn is_guid(tenant: &str) -> bool {
    let mut parts =
        tenant.split('-').map(|part| (part.len(), part.bytes().all(|byte| byte.is_ascii_hexdigit())));
    [8, 4, 4, 4, 12].iter().all(|length| parts.next() == Some((*length, true))) && parts.next().is_none()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TENANT: &str = "11111111-2222-3333-4444-555555555555";
    const OTHER: &str = "99999999-2222-3333-4444-555555555555";

    fn accepts(url: &str, configured: Option<&str>, found: &str) -> bool {
        let document = json!({"issuer": found, "jwks_uri": "https://keys"});
        check(&url.parse().unwrap(), configured, document.as_object().unwrap()).is_ok()
    }

    #[test]
    fn the_configured_issuer_is_the_documents() {
        let url = "http://keycloak:8080/realms/r/.well-known/openid-configuration";
        let issuer = "https://sso.example/realms/r";
        assert!(accepts(url, Some(issuer), issuer));
        for other in [
            "https://sso.example/realms/other",
            "https://SSO.example/realms/r",
            "http://keycloak:8080/realms/r",
            "",
        ] {
            assert!(!accepts(url, Some(issuer), other), "{other}");
        }
    }

    #[test]
    fn without_a_configured_issuer_the_documents_is_that_of_its_address() {
        for (url, issuer) in [
            ("https://idp/.well-known/openid-configuration", "https://idp"),
            ("https://t.auth0.com/.well-known/openid-configuration", "https://t.auth0.com/"),
            (
                "https://o.okta.com/oauth2/default/.well-known/oauth-authorization-server",
                "https://o.okta.com/oauth2/default",
            ),
            ("https://idp/.well-known/oauth-authorization-server/a/b", "https://idp/a/b"),
            ("https://idp:443/x/.well-known/openid-configuration?appid=1", "https://idp/x"),
            ("http://idp:8080/x/.well-known/openid-configuration", "http://idp:8080/x"),
        ] {
            assert!(accepts(url, None, issuer), "{url}");
            for other in ["https://evil.example", "https://idp/other", "http://idp", "https://idp.evil/x"] {
                assert!(!accepts(url, None, other), "{url} {other}");
            }
        }
        assert!(
            accepts("https://idp/custom.json", None, "https://anybody"),
            "there is no rule for this address"
        );
    }

    #[test]
    fn a_document_without_an_issuer_is_refused_unless_it_is_a_file() {
        let document = json!({"jwks_uri": "https://keys"});
        let check =
            |url: &str, configured| check(&url.parse().unwrap(), configured, document.as_object().unwrap());
        assert!(check("https://idp/.well-known/openid-configuration", None).is_err());
        assert!(check("https://idp/x", Some("https://idp")).is_err());
        assert!(check("file:///etc/idp.json", Some("https://idp")).is_ok());
        assert!(check("https://idp/x", None).is_ok());
        assert!(!accepts("file:///etc/idp.json", Some("https://idp"), "https://other"));
    }

    #[test]
    fn entras_template_and_both_of_its_versions_are_of_one_tenant() {
        let login = "https://login.microsoftonline.com";
        let (v1, v2) = (format!("https://sts.windows.net/{TENANT}/"), format!("{login}/{TENANT}/v2.0"));
        let document = |tenant: &str, version: &str| {
            format!("{login}/{tenant}{version}/.well-known/openid-configuration")
        };
        for configured in [&v1, &v2] {
            for found in
                [&v1, &v2, &format!("{login}/{{tenantid}}/v2.0"), "https://sts.windows.net/{tenantid}/"]
            {
                assert!(
                    accepts(&document("common", "/v2.0"), Some(configured), found),
                    "{configured} {found}"
                );
            }
            assert!(!accepts(&document(OTHER, "/v2.0"), Some(configured), &v2.replace(TENANT, OTHER)));
            assert!(!accepts(&document(TENANT, ""), Some(configured), "https://evil.example/v2.0"));
        }
        for (tenant, version, found) in [
            ("common", "/v2.0", format!("{login}/{{tenantid}}/v2.0")),
            ("consumers", "/v2.0", v2.clone()),
            ("contoso.onmicrosoft.com", "/v2.0", v2.clone()),
            (TENANT, "", v1.clone()),
            (TENANT, "/v2.0", v2.clone()),
        ] {
            assert!(accepts(&document(tenant, version), None, &found), "{tenant} {found}");
        }
        assert!(!accepts(&document(TENANT, "/v2.0"), None, &v2.replace(TENANT, OTHER)));
        assert!(!accepts(&document("common", "/v2.0"), None, "https://evil.example/{tenantid}/v2.0"));
    }

    #[test]
    fn entras_services_for_customers_call_themselves_by_the_tenants_id() {
        let b2c = "https://contoso.b2clogin.com/contoso.onmicrosoft.com/b2c_1_x/v2.0/.well-known/openid-configuration";
        assert!(accepts(b2c, None, &format!("https://contoso.b2clogin.com/{TENANT}/v2.0/")));
        let ciam =
            "https://contoso.ciamlogin.com/contoso.onmicrosoft.com/v2.0/.well-known/openid-configuration";
        assert!(accepts(ciam, None, &format!("https://{TENANT}.ciamlogin.com/{TENANT}/v2.0")));
        assert!(!accepts(b2c, None, "https://contoso.evil.com/x/v2.0/"));
    }

    #[test]
    fn googles_issuer_may_lack_its_scheme_and_ad_fs_has_one_for_tokens() {
        let google = "https://accounts.google.com/.well-known/openid-configuration";
        for configured in [Some("accounts.google.com"), Some("https://accounts.google.com"), None] {
            assert!(accepts(google, configured, "https://accounts.google.com"));
        }
        let document = json!({"issuer": "https://fs.example/adfs", "access_token_issuer": "http://fs.example/adfs/services/trust"});
        let url = "https://fs.example/adfs/.well-known/openid-configuration".parse().unwrap();
        let check = |configured| check(&url, configured, document.as_object().unwrap());
        assert!(check(Some("http://fs.example/adfs/services/trust")).is_ok() && check(None).is_ok());
        assert!(check(Some("https://other")).is_err());
    }
}
