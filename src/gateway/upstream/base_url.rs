//! Builds upstream URLs from a fixed base and the path and query of a request.

use std::sync::OnceLock;

use http::uri::{self, Authority, PathAndQuery, Scheme, Uri};

use crate::config::BaseUrl;
use crate::gateway::http::error_response::Refusal;

/// The base of a URL.
pub(super) struct Base {
    pub(super) scheme: Scheme,
    pub(super) authority: Authority,
    /// The base path, without a trailing slash.
    pub(super) path: Box<str>,
    /// The first requested path and its URL. Most upstreams only get requests for one path.
    first: OnceLock<(Box<str>, Uri)>,
}

impl Base {
    /// `None` if the text is not a valid base URL.
    pub(in crate::gateway) fn of(url: &BaseUrl) -> Option<Self> {
        let uri::Parts { scheme, authority, path_and_query, .. } =
            url.as_str().parse::<Uri>().ok()?.into_parts();
        let path = path_and_query.map(|path| path.as_str().trim_end_matches('/').into()).unwrap_or_default();
        Some(Self { scheme: scheme?, authority: authority?, path, first: OnceLock::new() })
    }

    fn address(&self, path: &str, query: Option<&str>) -> Result<Uri, Refusal> {
        let mut text = [&self.path, "/", path].concat();
        if let Some(query) = query {
            text.push('?');
            text.push_str(query);
        }
        let mut parts = uri::Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(PathAndQuery::from_maybe_shared(text).map_err(|_| Refusal::NoUpstream)?);
        Uri::from_parts(parts).map_err(|_| Refusal::NoUpstream)
    }
}

/// The URL below `base` with this path, which has no leading slash.
pub(in crate::gateway) fn join(base: Option<&Base>, path: &str, query: Option<&str>) -> Result<Uri, Refusal> {
    let base = base.ok_or(Refusal::NoUpstream)?;
    if query.is_some() {
        return base.address(path, query);
    }
    match base.first.get() {
        Some((first, address)) if **first == *path => Ok(address.clone()),
        Some(_) => base.address(path, None),
        None => {
            let address = base.address(path, None)?;
            // If two requests race, either value may be kept.
            let _ = base.first.set((path.into(), address.clone()));
            Ok(address)
        }
    }
}
