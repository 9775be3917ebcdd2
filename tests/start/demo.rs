//! `modelgate demo --tour`, and `serve` without a configuration.

use crate::run;

#[test]
fn the_tour_shows_each_request_with_its_answer_and_the_reason() {
    let directory = tempfile::tempdir().unwrap();
    let (code, output) = run(directory.path(), &["demo", "--tour"]);
    assert_eq!(code, 0, "{output}");
    let steps: Vec<&str> = output.split("\n\n").filter(|part| part.contains("/8  ")).collect();
    let expected = [
        ("> GET /v1/models", "< 200 OK", "< models: anthropic-claude\n"),
        ("> POST /v1/chat/completions", "< 200 OK", "< Hello from behind the gate."),
        ("\"openai-gpt-4o\"", "< 403 Forbidden", "`modelgate explain` says more"),
        ("\"stream\": true", "< 200 OK", "[Hello][ from]"),
        ("a token with the role `guest`", "< 403 Forbidden", "no role"),
        ("> GET /v1/models", "< 401 Unauthorized", "no credential"),
        ("forbid (principal", "< 403 Forbidden", "< closed by hand"),
        ("active after", "< 200 OK", "< Hello from behind the gate."),
    ];
    assert_eq!(steps.len(), expected.len(), "{output}");
    for (step, (request, status, answer)) in steps.iter().zip(expected) {
        for part in [request, status, answer, "why: "] {
            assert!(step.contains(part), "`{part}` is not in:\n{step}");
        }
    }
    assert!(output.contains("All 8 answers were as expected"), "{output}");
}

#[test]
fn the_tour_shows_the_explanation_of_the_denial() {
    let directory = tempfile::tempdir().unwrap();
    let (_, output) = run(directory.path(), &["demo", "--tour"]);
    let explained: Vec<&str> = output.lines().filter_map(|line| line.strip_prefix("       | ")).collect();
    assert!(explained.iter().any(|line| line.starts_with("denied (403, R2.model)")), "{output}");
    assert!(explained.iter().any(|line| line.contains("role_permissions[0].models")), "{output}");
}

#[test]
fn a_demo_whose_port_is_taken_says_how_to_choose_another() {
    let directory = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, output) = run(directory.path(), &["demo", "--listen", &address]);
    assert_eq!(code, 3, "{output}");
    assert!(output.contains(&address) && output.contains("`--listen`"), "{output}");
}

#[test]
fn serve_without_a_configuration_says_what_to_do_next() {
    let directory = tempfile::tempdir().unwrap();
    let (code, output) = run(directory.path(), &["serve"]);
    assert_eq!(code, 3, "{output}");
    for command in ["modelgate demo --tour", "modelgate init", "modelgate serve --config FILE"] {
        assert!(output.contains(command), "{output}");
    }
    std::fs::write(directory.path().join("config.yaml"), "model_list: []\n").unwrap();
    let (code, output) = run(directory.path(), &["serve"]);
    assert!(code == 3 && output.contains("modelgate serve --config config.yaml"), "{output}");
}

#[test]
fn other_commands_without_a_configuration_give_no_advice_about_serving() {
    let directory = tempfile::tempdir().unwrap();
    let (code, output) = run(directory.path(), &["translate"]);
    assert!(code == 3 && !output.contains("What next"), "{output}");
}
