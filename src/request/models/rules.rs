//! Facts about the bodies and queries of a route.

use crate::routes::is_in_group;

/// The routes that manage or show LiteLLM's database. They refer to models but do not run them.
const REPORTS: [&str; 4] =
    ["management_routes", "spend_tracking_routes", "global_spend_tracking_routes", "info_routes"];

/// Path segments of Google's APIs.
const GOOGLES: [&str; 4] = ["/v1beta", "/v1alpha", "/cachedContents", "google.ai.generativelanguage"];

/// The rules for reading bodies and queries of a route.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::request) struct Rules<'r> {
    /// The decoded path; empty if unknown.
    pub(in crate::request) route: &'r str,
}

impl Rules<'_> {
    /// The name of a model as it is judged. In Google's API, `models/x` means `x`.
    pub(in crate::request) fn name(self, name: &str) -> &str {
        match name.strip_prefix("models/") {
            Some(rest) if !rest.is_empty() && self.is_google() => rest,
            _ => name,
        }
    }

    fn is_google(self) -> bool {
        let has_verb = || self.route.contains("/models/") && self.route.contains(':');
        GOOGLES.iter().any(|piece| self.route.contains(piece)) || has_verb()
    }

    /// Whether the route manages or reports, and runs no models.
    pub(in crate::request) fn is_report(self) -> bool {
        !is_in_group("llm_api_routes", self.route)
            && REPORTS.iter().any(|group| is_in_group(group, self.route))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_part_of_the_name_except_on_googles_routes() {
        for route in ["/v1beta/cachedContents", "/v1/models/x:batchEmbedContents", "/gemini/v1alpha/x"] {
            assert_eq!(Rules { route }.name("models/x"), "x", "{route}");
        }
        assert_eq!(Rules { route: "/v1beta/x" }.name("models/"), "models/");
        assert_eq!(Rules { route: "/v1/chat/completions" }.name("models/x"), "models/x");
    }

    #[test]
    fn a_report_may_be_filtered_by_model() {
        assert!(Rules { route: "/spend/logs" }.is_report());
        assert!(!Rules { route: "/v1/realtime" }.is_report());
        assert!(!Rules { route: "/custom" }.is_report());
    }
}
