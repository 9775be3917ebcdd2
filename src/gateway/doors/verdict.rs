//! Headers about a permitted request, for the proxy that forwards it.

use http::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use crate::authn::CREDENTIAL_HEADERS;
use crate::engine::Permit;
use crate::gateway::http::error_response::Answer;
use crate::gateway::http::header_names::chooses;
use crate::gateway::http::segmented_body::SegmentedBody;

/// The headers. Each of them is always present, so that a proxy replaces the one that the caller sent.
pub(super) const HEADERS: [HeaderName; 5] = [
    HeaderName::from_static("x-modelgate-role"),
    HeaderName::from_static("x-modelgate-user"),
    HeaderName::from_static("x-modelgate-team"),
    HeaderName::from_static("x-modelgate-models"),
    HeaderName::from_static("x-modelgate-policies"),
];

/// Everything but visible ASCII, and what has a meaning in a list or in the encoding.
const ENCODED: &AsciiSet = &CONTROLS.add(b' ').add(b',').add(b'%').add(b'"');

/// The longest value. Lists end before the name that does not fit.
const LONGEST: usize = 1024;

/// A permitted request.
pub(super) struct Verdict {
    pub(super) permit: Permit,
    /// The answer to a request for the models that the caller may use, if it is one.
    pub(super) listing: Option<Answer>,
    /// The body without its codings.
    #[cfg_attr(not(feature = "tower"), expect(dead_code, reason = "the layer alone passes a request on"))]
    pub(super) body: SegmentedBody,
}

impl Verdict {
    /// Writes the headers. Names are percent-encoded, except for visible ASCII.
    pub(super) fn write(&self, headers: &mut HeaderMap) {
        let decision = self.permit.decision();
        let call = self.permit.call();
        let [role, user, team, models, policies] = HEADERS;
        headers.insert(role, list(decision.role.map(|role| role.as_str())));
        headers.insert(user, list(decision.user_id.as_deref()));
        headers.insert(team, list(decision.team_id.as_deref()));
        headers.insert(models, list(call.models().map(|model| model.as_str())));
        headers.insert(policies, list(decision.policies.iter().map(|id| &**id)));
    }
}

fn list<'t>(texts: impl IntoIterator<Item = &'t str>) -> HeaderValue {
    let mut list = String::new();
    for text in texts {
        let separator = if list.is_empty() { "" } else { "," };
        let encoded = utf8_percent_encode(text, ENCODED).to_string();
        if list.len() + separator.len() + encoded.len() > LONGEST {
            break;
        }
        list.push_str(separator);
        list.push_str(&encoded);
    }
    // Everything else was encoded.
    HeaderValue::try_from(list).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// The headers of a request that have a credential, or choose a model, a deployment or an account besides the judged one. The
/// gateway sends none of them upstream.
pub(super) fn to_remove(headers: &HeaderMap) -> Vec<String> {
    let mut others: Vec<_> = headers.keys().map(HeaderName::as_str).filter(|name| chooses(name)).collect();
    // `HeaderMap` has no order of its own.
    others.sort_unstable();
    others.retain(|name| !CREDENTIAL_HEADERS.contains(name));
    let credentials = CREDENTIAL_HEADERS.into_iter().filter(|name| headers.contains_key(*name));
    credentials.chain(others).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_whole_names_in_visible_ascii() {
        assert_eq!(list(["gpt-4o", "a,b", "é\n", "%"]), "gpt-4o,a%2Cb,%C3%A9%0A,%25");
        assert_eq!(list(None), "");
        let long = "x".repeat(LONGEST);
        assert_eq!(list([long.as_str(), "y"]).len(), LONGEST);
    }
}
