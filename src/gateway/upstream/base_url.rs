//! Addresses of upstreams, put together from what is always the same and what a request brings.

use std::sync::OnceLock;

use http::uri::{self, Authority, PathAndQuery, Scheme, Uri};

use crate::config::BaseUrl;
use crate::gateway::http::error_response::Refusal;

/// The beginning of an address.
pub(super) struct Base {
    pub(super) scheme: Scheme,
    pub(super) authority: Authority,
    /// Without a slash at its end.
    pub(super) path: Box<str>,
    /// The path that was asked for first, and its address: most upstreams are asked for one thing.
    first: OnceLock<(Box<str>, Uri)>,
}

impl Base {
    /// `None`: it is no address.
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

/// The address below `base` that has this path, which begins without a slash.
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
            // Where two are first, either may stay.
            let _ = base.first.set((path.into(), address.clone()));
            Ok(address)
        }
    }
}
