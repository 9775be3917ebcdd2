//! The reference's response to a request, and the check of the actual response.

use serde_json::{Map, Value};

use crate::reference;
use crate::rules::{FALLING, MODELS, OPEN, Set, at_upstream};
use crate::upstream::{DONE, Manner};

/// The response to a request with a valid token, by one set of rules.
#[derive(Clone, Debug)]
pub(crate) enum Expected {
    /// A response of the gateway: the status, and the `type` of the error.
    Refused(u16, &'static str),
    /// A list of these models.
    Listed(Vec<&'static str>),
    /// A response of the upstream, which echoes this about the call.
    Forwarded(Manner, String),
}

/// A call that can be judged.
pub(crate) struct Call<'c> {
    pub(crate) claims: &'c Map<String, Value>,
    pub(crate) path: &'c str,
    pub(crate) model: Option<&'c str>,
    /// The path at the upstream, below its base.
    pub(crate) target: String,
    pub(crate) filler: usize,
}

/// A response, reduced to the parts that are checked.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Its first and last bytes.
    pub(crate) head: Vec<u8>,
    pub(crate) tail: Vec<u8>,
    pub(crate) length: u64,
    /// Whether it is complete.
    pub(crate) is_whole: bool,
}

impl Expected {
    pub(crate) fn of(call: &Call<'_>, set: Set, config: &Value) -> Self {
        let allows =
            |path: &str, model: Option<&str>| reference::decide(config, call.claims, None, path, model).allow;
        if !allows(call.path, call.model) {
            return Self::Refused(403, "permission_error");
        }
        let Some(model) = call.model else {
            let may_call = |name: &&str| allows("/v1/chat/completions", Some(name));
            let mut models: Vec<_> = MODELS.iter().map(|(name, _)| *name).filter(may_call).collect();
            models.sort_unstable();
            return Self::Listed(models);
        };
        let Some((_, manner)) = MODELS.into_iter().find(|(name, _)| *name == model) else {
            return Self::Refused(404, "invalid_request_error");
        };
        let falls = model == FALLING && allows(call.path, Some(OPEN));
        let (served, manner) = if falls { (OPEN, Manner::Plain) } else { (model, manner) };
        let (segment, key) = (manner.segment(), set.key());
        let target = call.target.replace(&at_upstream(model), &at_upstream(served));
        let (served, filler) = (at_upstream(served), call.filler);
        Self::Forwarded(manner, format!("data: /{segment}/v1{target} Bearer {key} {served} {filler}\n\n"))
    }

    pub(crate) fn fits(&self, answer: &Answer) -> bool {
        match self {
            Self::Refused(status, kind) => answer.is_refusal(*status, kind),
            Self::Listed(models) => answer.status == 200 && answer.is_whole && answer.models() == *models,
            Self::Forwarded(manner, echo) => answer.is_forwarded(*manner, echo),
        }
    }

    /// The name under which it is counted.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Refused(400, _) => "400, malformed",
            Self::Refused(403, _) => "403, denied",
            Self::Refused(404, _) => "404, no such deployment",
            Self::Refused(..) => "413, too large",
            Self::Listed(_) => "200, models listed",
            Self::Forwarded(manner, _) => match manner {
                Manner::Plain => "200, forwarded",
                Manner::Talk => "200, streamed",
                Manner::Novel => "200, half a mebibyte",
                Manner::Endless | Manner::Flood => "200, left in mid-stream",
                Manner::Breaking => "200, broken off by the upstream",
                Manner::Stalling => "200, late",
                Manner::Failing => "500, the upstream's own",
                Manner::Closing => "200 or 502, the upstream closes unannounced",
                Manner::Hanging => "504, late",
                Manner::Refusing => "502, the upstream refuses",
            },
        }
    }
}

impl Answer {
    pub(crate) fn is_refusal(&self, status: u16, kind: &str) -> bool {
        let says_so = || String::from_utf8_lossy(&self.head).contains(&format!("\"type\":\"{kind}\""));
        self.status == status && self.is_whole && says_so()
    }

    pub(crate) fn has_code(&self, code: &str) -> bool {
        String::from_utf8_lossy(&self.head).contains(&format!("\"code\":\"{code}\""))
    }

    fn models(&self) -> Vec<String> {
        let body: Value = serde_json::from_slice(&self.head).unwrap_or_default();
        let listed = body["data"].as_array().into_iter().flatten();
        listed.filter_map(|model| model["id"].as_str().map(str::to_owned)).collect()
    }

    fn is_forwarded(&self, manner: Manner, echo: &str) -> bool {
        let (pieces, length, _) = manner.pieces();
        let begins = self.head.starts_with(echo.as_bytes());
        let is_echo = begins && self.is_whole && self.length == echo.len() as u64;
        match manner {
            Manner::Plain | Manner::Stalling => self.status == 200 && is_echo,
            Manner::Failing => self.status == 500 && is_echo,
            Manner::Talk | Manner::Novel => {
                let all = echo.len() as u64 + pieces * length as u64 + DONE.len() as u64;
                let ends = self.tail.ends_with(DONE.as_bytes());
                self.status == 200 && begins && ends && self.is_whole && self.length == all
            }
            Manner::Breaking | Manner::Endless | Manner::Flood => {
                self.status == 200 && begins && !self.is_whole
            }
            Manner::Hanging => self.is_refusal(504, "api_error"),
            Manner::Refusing => self.is_refusal(502, "api_error"),
            // The connection may have ended just when the call was sent.
            Manner::Closing => (self.status == 200 && is_echo) || self.is_refusal(502, "api_error"),
        }
    }
}

#[test]
fn an_answer_must_be_the_one_that_is_expected_and_whole() {
    let echo = "data: /plain/v1/chat/completions Bearer k upalpha 5\n\n";
    let answer = |status, text: &str| Answer {
        status,
        head: text.into(),
        tail: text.into(),
        length: text.len() as u64,
        is_whole: true,
    };
    let expected = Expected::Forwarded(Manner::Plain, echo.to_owned());
    assert!(expected.fits(&answer(200, echo)));
    assert!(!expected.fits(&answer(200, &echo.replace("Bearer k", "Bearer j"))));
    assert!(!expected.fits(&answer(200, &format!("{echo}x"))));
    assert!(!expected.fits(&Answer { is_whole: false, ..answer(200, echo) }));
    assert!(!expected.fits(&answer(403, r#"{"error":{"type":"permission_error"}}"#)));
    let refused = Expected::Refused(403, "permission_error");
    assert!(refused.fits(&answer(403, r#"{"error":{"type":"permission_error"}}"#)));
    assert!(!refused.fits(&answer(200, echo)));
}
