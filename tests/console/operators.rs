//! Who may use the console's API.

use crate::process::{Answer, Gate, TOKEN};

const AUTH: &str = "admin_auth: {token: 0perator, roles: [viewer]}";
const READ: [&str; 6] = [
    "/api/v1/openapi.json",
    "/api/v1/snapshot",
    "/api/v1/access?limit=1",
    "/api/v1/decisions",
    "/api/v1/metrics/recent",
    "/metrics",
];
const RULES: [&str; 3] = ["/api/v1/check", "/api/v1/diff", "/api/v1/test"];

fn explain(gate: &Gate, credential: &str) -> Answer {
    let headers = format!("{credential}content-type: application/json\r\n");
    gate.ask("POST", "/api/v1/explain", &headers, r#"{"claims": {}, "path": "/v1/models"}"#)
}

#[test]
fn viewers_see_answers_and_only_operators_see_texts() {
    let gate = Gate::start(AUTH);
    let bearer = |token: &str| format!("authorization: Bearer {token}\r\n");
    let (viewer, operator) = (bearer(&gate.token(&["viewer"])), bearer(TOKEN));
    for path in READ {
        assert_eq!(gate.ask("GET", path, "", "").status(), 401, "{path}");
        assert_eq!(gate.ask("GET", path, &bearer("other"), "").status(), 401, "{path}");
        assert_eq!(gate.ask("GET", path, &bearer(&gate.token(&["basic_user"])), "").status(), 403, "{path}");
        assert_eq!(gate.ask("GET", path, &viewer, "").status(), 200, "{path}");
        assert_eq!(gate.ask("GET", path, &operator, "").status(), 200, "{path}");
    }
    assert_eq!(explain(&gate, "").status(), 401);
    assert_eq!(explain(&gate, &viewer).status(), 200);
    assert_eq!(gate.ask("GET", "/api/v1/sources", &viewer, "").status(), 403);
    assert_eq!(gate.ask("GET", "/api/v1/sources", &operator, "").status(), 200);
    for path in RULES {
        let headers = format!("{viewer}content-type: application/json\r\n");
        assert_eq!(
            gate.ask("POST", path, &headers, r#"{"config": "model_list: []"}"#).status(),
            403,
            "{path}"
        );
    }
    // The console has no data, and asks for the credential.
    assert_eq!(gate.ask("GET", "/", "", "").status(), 200);
}

#[test]
fn a_page_of_another_site_reaches_no_route() {
    let gate = Gate::start("");
    let paths = READ.iter().chain(&RULES).chain(&["/", "/api/v1/explain", "/api/v1/sources"]);
    for path in paths {
        for header in
            ["origin: http://evil.example\r\n", "sec-fetch-site: cross-site\r\n", "origin: null\r\n"]
        {
            assert_eq!(gate.ask("GET", path, header, "").status(), 403, "{path} {header}");
        }
    }
}
