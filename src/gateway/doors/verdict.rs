//! Headers about a permitted request, for the proxy that forwards it.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use crate::authn::CREDENTIAL_HEADERS;
use crate::engine::Permit;
use crate::gateway::http::error_response::Answer;
use crate::gateway::http::header_names::chooses;
use crate::gateway::http::segmented_body::SegmentedBody;

/// The names of the headers. Each of them is always present, so that a proxy replaces the one that the caller sent.
pub(super) const HEADERS: [&str; 5] = [
    "x-modelgate-role",
    "x-modelgate-user",
    "x-modelgate-team",
    "x-modelgate-models",
    "x-modelgate-policies",
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
    /// The names and values of the headers. Names in them are percent-encoded, except for visible ASCII.
    pub(super) fn headers(&self) -> [(&'static str, Bytes); 5] {
        let decision = self.permit.decision();
        let [role, user, team, models, policies] = HEADERS;
        [
            (role, list(decision.role.map(|role| role.as_str()))),
            (user, list(decision.user_id.as_deref())),
            (team, list(decision.team_id.as_deref())),
            (models, list(self.permit.call().models().map(|model| model.as_str()))),
            (policies, list(decision.policies.iter().map(|id| &**id))),
        ]
    }

    /// Writes the headers.
    pub(super) fn write(&self, headers: &mut HeaderMap) {
        for (name, value) in self.headers() {
            // Everything that a value may not have was encoded.
            let value = HeaderValue::from_maybe_shared(value).unwrap_or(HeaderValue::from_static(""));
            headers.insert(HeaderName::from_static(name), value);
        }
    }
}

fn list<'t>(texts: impl IntoIterator<Item = &'t str>) -> Bytes {
    let mut list = String::new();
    for text in texts {
        let before = list.len();
        list.extend((before > 0).then_some(","));
        list.extend(utf8_percent_encode(text, ENCODED));
        if list.len() > LONGEST {
            list.truncate(before);
            break;
        }
    }
    list.into()
}

/// The headers of a request that have a credential, or choose a model, a deployment or an account besides the judged one. The
/// gateway sends none of them upstream.
pub(super) fn to_remove(headers: &HeaderMap) -> Vec<HeaderName> {
    let is_removed = |name: &str| CREDENTIAL_HEADERS.contains(&name) || chooses(name);
    let mut names: Vec<_> = headers.keys().filter(|name| is_removed(name.as_str())).cloned().collect();
    // `HeaderMap` has no order of its own.
    names.sort_unstable_by(|one, other| one.as_str().cmp(other.as_str()));
    names
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
