//! For any sequence of events, the active rules are those of the last valid load. A plain variable is the reference.

use modelgate::gateway::Outcome;
use proptest::prelude::*;
use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::fixture::{answer, read_message, read_until, soon};
use crate::reload::Live;

const LISTS: [&[&str]; 4] =
    [&[], &["anthropic-claude"], &["openai-gpt-4o"], &["anthropic-claude", "openai-gpt-4o"]];
const BAD: [&str; 4] = ["", "general_settings: [", "modelgate: {polices: x}", "a policy"];

#[derive(Clone, Debug)]
enum Step {
    WriteGood(usize),
    WriteBad(usize),
    Reload,
    Swap(usize),
    Request,
    /// A request that begins before these steps and ends after them.
    During(Vec<Step>),
}

fn step() -> impl Strategy<Value = Step> {
    let simple = prop_oneof![
        2 => (0..LISTS.len()).prop_map(Step::WriteGood),
        1 => (0..BAD.len()).prop_map(Step::WriteBad),
        3 => Just(Step::Reload),
        1 => (0..LISTS.len()).prop_map(Step::Swap),
        2 => Just(Step::Request),
    ];
    simple.prop_recursive(1, 8, 4, |step| proptest::collection::vec(step, 1..4).prop_map(Step::During))
}

/// The expected state.
struct Expected {
    /// The active list.
    list: usize,
    /// The list of the files that is active, unless another one was activated directly.
    loaded: Option<usize>,
    /// The list in the files. `None` if they are invalid.
    written: Option<usize>,
    generation: u64,
    failures: u64,
    is_failing: bool,
}

impl Live {
    fn write_list(&self, list: usize) {
        let _ = std::fs::remove_file(self.files().path("policies/bad.cedar"));
        self.files().write("config.yaml", self.files().yaml_with("", &json!(LISTS[list]).to_string()));
    }

    async fn take(&self, step: Step, expected: &mut Expected) {
        match step {
            Step::WriteGood(list) => {
                self.write_list(list);
                expected.written = Some(list);
            }
            Step::WriteBad(3) => {
                self.files().write("policies/bad.cedar", "forbid");
                expected.written = None;
            }
            Step::WriteBad(bad) => {
                self.files().write("config.yaml", BAD[bad]);
                expected.written = None;
            }
            Step::Reload => self.reload_as_expected(expected).await,
            Step::Swap(list) => {
                self.gate.gateway.activate(self.gate.generation(&json!(LISTS[list]).to_string()));
                (expected.list, expected.loaded) = (list, None);
                expected.generation = self.generation();
            }
            Step::Request => assert_eq!(self.models().await, LISTS[expected.list]),
            Step::During(steps) => {
                let mut caller = self.begin().await;
                for step in steps {
                    Box::pin(self.take(step, expected)).await;
                }
                // The rules that are active when its body is complete decide.
                self.end(&mut caller, LISTS[expected.list].contains(&"anthropic-claude")).await;
            }
        }
        let status = self.reloader.status();
        assert_eq!((status.failures, status.last_error.is_some()), (expected.failures, expected.is_failing));
        assert_eq!(self.generation(), expected.generation);
    }

    async fn reload_as_expected(&self, expected: &mut Expected) {
        let outcome = soon(self.reloader.reload()).await;
        match expected.written {
            None => {
                assert_eq!(outcome, Outcome::Refused);
                expected.failures += 1;
            }
            Some(list) if expected.loaded == Some(list) => assert_eq!(outcome, Outcome::Unchanged),
            Some(list) => {
                assert_eq!(outcome, Outcome::Loaded);
                assert!(self.generation() > expected.generation);
                (expected.list, expected.loaded) = (list, Some(list));
                expected.generation = self.generation();
            }
        }
        expected.is_failing = expected.written.is_none();
    }

    /// A request with a verified token whose body is awaited.
    pub(crate) async fn begin(&self) -> TcpStream {
        let token = self.gate.token(&["basic_user"]);
        let head = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: gate\r\nauthorization: Bearer {token}\r\n\
             expect: 100-continue\r\ncontent-length: {}\r\n\r\n",
            BODY.len()
        );
        let mut caller = soon(TcpStream::connect(self.gate.address)).await.unwrap();
        soon(caller.write_all(head.as_bytes())).await.unwrap();
        soon(read_until(&mut caller, "HTTP/1.1 100 Continue\r\n\r\n")).await;
        caller
    }

    pub(crate) async fn end(&self, caller: &mut TcpStream, is_allowed: bool) {
        soon(caller.write_all(BODY.as_bytes())).await.unwrap();
        if is_allowed {
            answer(&mut self.gate.arriving().await.0, "{}").await;
        }
        let status = if is_allowed { "200" } else { "403" };
        assert_eq!(soon(read_message(caller)).await.status(), status);
    }
}

const BODY: &str = r#"{"model": "anthropic-claude"}"#;

#[test]
fn the_rules_in_force_are_those_of_the_last_good_load() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let config = ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(steps in proptest::collection::vec(step(), 1..16))| {
        runtime.block_on(async {
            let live = Live::start().await;
            live.write_list(1);
            soon(live.reloader.reload()).await;
            let mut expected = Expected {
                list: 1,
                loaded: Some(1),
                written: Some(1),
                generation: live.generation(),
                failures: 0,
                is_failing: false,
            };
            for step in steps {
                live.take(step, &mut expected).await;
            }
            live.take(Step::Request, &mut expected).await;
        });
    });
}
