//! Every fault, with every arrangement of deployments and fallbacks: what the caller gets, what each upstream gets, and what
//! the decision log says.

use tokio::task::JoinSet;

use crate::router_fixture::Act::{self, BreaksHead, Fails, Resets, Serves, Stalls};
use crate::router_fixture::{Router, Upstream};

/// What a deployment does.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    Refuses,
    Does(&'static [Act]),
}

impl Fault {
    async fn upstream(self, name: &'static str) -> Upstream {
        match self {
            Self::Refuses => Upstream::that_is_down().await,
            Self::Does(script) => Upstream::that(name, script).await,
        }
    }

    /// A deployment that serves the request may be slow on a busy machine.
    fn timeout(self) -> &'static str {
        if self == Self::Does(&[Stalls]) { "timeout: 1" } else { "" }
    }

    /// The status that the caller gets if nothing else serves the request.
    fn status(self) -> &'static str {
        match self {
            Self::Does([Stalls, ..]) => "504",
            Self::Does([Fails(429, _), ..]) => "429",
            Self::Does([Fails(500, _), ..]) => "500",
            Self::Does([Fails(529, _), ..]) => "529",
            _ => "502",
        }
    }

    /// How many requests a deployment with the fault reads.
    fn requests(self) -> usize {
        usize::from(self != Self::Refuses)
    }
}

const FAULTS: [Fault; 8] = [
    Fault::Refuses,
    Fault::Does(&[Resets]),
    Fault::Does(&[BreaksHead]),
    Fault::Does(&[Stalls]),
    Fault::Does(&[Fails(429, "")]),
    Fault::Does(&[Fails(429, "retry-after: 3\r\n")]),
    Fault::Does(&[Fails(500, "")]),
    Fault::Does(&[Fails(529, "retry-after: 3\r\n")]),
];

/// The second deployment of the model.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Second {
    None,
    Serves,
    Fails,
}

/// The model that stands in.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fallback {
    None,
    Serves,
    Fails,
    /// The caller may not use it.
    IsDenied,
}

async fn check(fault: Fault, second: Second, fallback: Fallback) {
    let case = format!("{fault:?}, second {second:?}, fallback {fallback:?}");
    let serves = Fault::Does(&[Serves]);
    let first = fault.upstream("first").await;
    let other = if second == Second::Fails { fault } else { serves }.upstream("second").await;
    let stand_in = if fallback == Fallback::Fails { fault } else { serves }.upstream("fallback").await;
    let name = if fallback == Fallback::IsDenied { "secret" } else { "may-too" };
    let (in_first, in_second, in_fallback) = (
        format!("order: 1, {}", fault.timeout()),
        format!("order: 2, {}", if second == Second::Fails { fault.timeout() } else { "" }),
        if fallback == Fallback::Fails { fault.timeout() } else { "" },
    );
    let mut models = vec![("may", &first, in_first.as_str()), (name, &stand_in, in_fallback)];
    if second != Second::None {
        models.push(("may", &other, in_second.as_str()));
    }
    let settings =
        if fallback == Fallback::None { String::new() } else { format!("fallbacks: [{{may: [{name}]}}]") };
    let gate = Router::with(&models, &settings).await;
    let answer = gate.chat("may").await;

    let attempts = 1 + u32::from(second != Second::None);
    let (body, model, deployment, attempts) = match (second, fallback) {
        (Second::Serves, _) => (Some("second"), "may", "may#2", 2),
        (_, Fallback::Serves) => (Some("fallback"), name, "may-too#1", attempts + 1),
        (_, Fallback::Fails) => (None, name, "may-too#1", attempts + 1),
        (Second::None, _) => (None, "may", "may#1", 1),
        (Second::Fails, _) => (None, "may", "may#2", 2),
    };
    assert_eq!(answer.status(), if body.is_some() { "200" } else { fault.status() }, "{case}");
    if let Some(body) = body {
        assert_eq!(answer.body, body, "{case}");
    }
    assert_eq!(first.requests(), fault.requests(), "{case}");
    let asked = match second {
        Second::None => 0,
        Second::Serves => 1,
        Second::Fails => fault.requests(),
    };
    assert_eq!(other.requests(), asked, "{case}");
    let asked = match fallback {
        _ if second == Second::Serves => 0,
        Fallback::None | Fallback::IsDenied => 0,
        Fallback::Serves => 1,
        Fallback::Fails => fault.requests(),
    };
    assert_eq!(stand_in.requests(), asked, "{case}");

    let line = gate.lines().await.pop().unwrap();
    assert_eq!(line.models, ["may"], "{case}");
    assert_eq!(line.status, answer.status().parse().ok(), "{case}");
    match line.served {
        // Nothing else could be tried.
        None => assert_eq!((second, fallback), (Second::None, Fallback::None), "{case}"),
        Some(served) => {
            assert_eq!((served.model.as_str(), served.deployment.as_str()), (model, deployment), "{case}");
            assert_eq!((served.attempts, served.policies.is_empty()), (attempts, model == "may"), "{case}");
        }
    }
}

#[tokio::test]
async fn each_fault_is_answered_by_what_is_left() {
    for fault in FAULTS {
        let mut cases = JoinSet::new();
        for second in [Second::None, Second::Serves, Second::Fails] {
            for fallback in [Fallback::None, Fallback::Serves, Fallback::Fails, Fallback::IsDenied] {
                cases.spawn(check(fault, second, fallback));
            }
        }
        assert_eq!(cases.join_all().await.len(), 12);
    }
}
