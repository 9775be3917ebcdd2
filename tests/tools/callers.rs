//! `check` and `explain` show the names of callers in policies.

use super::{CONFIG, Folder};

#[test]
fn explain_and_check_show_what_policies_name_a_caller_by() {
    let folder = Folder::new(&[
        ("config.yaml", CONFIG),
        ("claims.json", r#"{"iss": "https://idp", "sub": "ada", "roles": ["basic_user"]}"#),
        ("policies/a.cedar", "forbid(principal == Caller::\"ada\", action, resource);\n"),
        (
            "policies/a.entities.json",
            "[\n{\"uid\": {\"type\": \"Caller\", \"id\": \"eve\"}, \"attrs\": {}, \"parents\": []}]",
        ),
    ]);
    let (_, explained) = folder.run(
        "explain --config config.yaml --claims claims.json --path /v1/chat/completions --model anthropic-claude",
    );
    assert!(explained.contains("in policies: Caller::\"https://idp#ada\""), "{explained}");

    let (code, checked) = folder.run("check --config config.yaml --policies policies");
    assert!(checked.contains("callers in policies: `Caller::\""), "{checked}");
    assert!(checked.contains("a.cedar:1: `Caller::\"ada\"` is not a caller"), "{checked}");
    assert!(checked.contains("a.entities.json:2: `Caller::\"eve\"` is not a caller"), "{checked}");
    assert!(code == 0 && checked.contains("5 warning(s), above"), "{checked}");

    let (_, decided) = folder.run("translate config.yaml --policies policies");
    assert!(
        decided.contains("a.cedar:1: `Caller::\"ada\"` is not a caller"),
        "every command warns: {decided}"
    );
}
