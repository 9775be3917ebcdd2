//! Policy files of operators, over sockets.

use crate::fixture::Fixture;

const CHAT: &str = "/v1/chat/completions";
const ALLOWED: &str = r#"{"model": "anthropic-claude"}"#;
const COMPANY: &str = include_str!("../../policies/address_range.cedar");

fn headers(gate: &Fixture, more: &str) -> String {
    format!("authorization: Bearer {}\r\n{more}", gate.token(&["basic_user"]))
}

#[tokio::test]
async fn a_policy_denies_with_its_own_reason() {
    let gate = Fixture::start().await;
    gate.drop_in("", "@id(\"closed\") @reason(\"closed for today\") forbid(principal, action, resource);");
    let answer = gate.refused("POST", CHAT, &headers(&gate, ""), ALLOWED).await;
    assert_eq!(answer.status(), "403");
    assert!(answer.body.contains("closed for today"), "{}", answer.body);
}

#[tokio::test]
async fn an_address_behind_a_trusted_proxy_is_judged() {
    let gate = Fixture::start().await;
    gate.drop_in("trusted_proxies: [127.0.0.1]", COMPANY);
    let outside = headers(&gate, "x-forwarded-for: 10.0.0.1, 203.0.113.5\r\n");
    assert_eq!(gate.refused("POST", CHAT, &outside, ALLOWED).await.status(), "403");

    let inside = headers(&gate, "x-forwarded-for: 10.0.0.1\r\n");
    let _answer = gate.send("POST", CHAT, &inside, ALLOWED).await;
    gate.arriving().await;
}

#[tokio::test]
async fn without_trusted_proxies_the_header_is_not_believed() {
    let gate = Fixture::start().await;
    gate.drop_in("", &COMPANY.replace("|| context.source.isLoopback()", ""));
    let claimed = headers(&gate, "x-forwarded-for: 10.0.0.1\r\n");
    assert_eq!(gate.refused("POST", CHAT, &claimed, ALLOWED).await.status(), "403");
}
