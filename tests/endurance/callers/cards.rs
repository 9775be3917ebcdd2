//! The requests: the caller, its token, the model and its place, and the behavior of the caller.

use std::collections::HashMap;

use bytes::Bytes;
use hyper::Method;

use super::verdict::{Call, Expected};
use crate::provider::Token;
use crate::rules::{self, BOTH, Rules};
use crate::upstream::content;

pub(crate) const LARGEST_BODY: usize = 2 * 1024 * 1024;
/// Enough cards to contain every likely combination.
const CARDS: u64 = 4096;
/// A body up to this size is read completely before an early refusal could interrupt it.
const SHORT: usize = 16 * 1024;

/// How a caller behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Conduct {
    Stays,
    ReadsSlowly,
    LeavesMidStream,
    LeavesMidRequest,
    LeavesBeforeTheAnswer,
    /// Announces a body larger than the limit, and waits.
    AnnouncesTooMuch,
}

#[derive(Debug)]
pub(crate) struct Card {
    pub(crate) caller: usize,
    pub(crate) token: Token,
    pub(crate) conduct: Conduct,
    pub(crate) method: Method,
    pub(crate) target: String,
    pub(crate) body: Bytes,
    /// The expected response for a valid token, for each of [`BOTH`].
    pub(crate) expected: [Expected; 2],
}

impl Card {
    /// Whether only the gateway can make this request slow.
    pub(crate) fn is_quick(&self) -> bool {
        use crate::upstream::Manner::{Failing, Plain};
        let quick = |expected: &Expected| !matches!(expected, Expected::Forwarded(manner, _) if ![Plain, Failing].contains(manner));
        self.conduct == Conduct::Stays && self.expected.iter().all(quick)
    }
}

/// Where a request names its model.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Body,
    Path,
    Query,
}

/// A deterministic sequence that mixes well (splitmix64).
pub(crate) fn mixed(seed: u64) -> u64 {
    let seed = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let seed = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let seed = (seed ^ (seed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    seed ^ (seed >> 31)
}

struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = mixed(self.0);
        self.0 % limit
    }

    /// One of the sides, chosen by weight.
    fn one<T: Copy>(&mut self, sides: &[(u64, T)]) -> T {
        let mut left = self.below(sides.iter().map(|(weight, _)| weight).sum());
        let found = sides.iter().find(|(weight, _)| match left.checked_sub(*weight) {
            None => true,
            Some(rest) => {
                left = rest;
                false
            }
        });
        found.unwrap().1
    }
}

/// Every card, with the reference's response.
pub(crate) fn all_cards(rules: &Rules) -> Vec<Card> {
    let mut dealer = Dealer { rules, bodies: HashMap::new(), dice: Dice(7) };
    (0..CARDS).map(|_| dealer.card()).collect()
}

struct Dealer<'r> {
    rules: &'r Rules,
    bodies: HashMap<(String, usize), Bytes>,
    dice: Dice,
}

impl Dealer<'_> {
    fn card(&mut self) -> Card {
        use Conduct::{
            AnnouncesTooMuch, LeavesBeforeTheAnswer, LeavesMidRequest, LeavesMidStream, ReadsSlowly, Stays,
        };
        let token = self.dice.one(&[
            (700, Token::Steady),
            (120, Token::Current),
            (40, Token::Previous),
            (40, Token::Next),
            (25, Token::Expired),
            (25, Token::Stray),
            (20, Token::Forged),
            (15, Token::Garbage),
            (15, Token::Absent),
        ]);
        // Indexes into `callers`. The callers with the most permissions are the most frequent.
        let caller = self.dice.one(&[
            (18, 0),
            (2, 1),
            (2, 2),
            (3, 3),
            (2, 4),
            (1, 5),
            (2, 6),
            (3, 7),
            (2, 8),
            (1, 9),
            (1, 10),
        ]);
        let (model, conduct) = self.dice.one(&[
            (150, ("alpha", Stays)),
            (150, ("beta", Stays)),
            (300, (rules::OPEN, Stays)),
            (30, (rules::SPREAD, Stays)),
            (20, (rules::FALLING, Stays)),
            (20, ("ghost", Stays)),
            (20, ("nowhere", Stays)),
            (100, ("talk", Stays)),
            (20, ("novel", Stays)),
            (10, ("novel", ReadsSlowly)),
            (10, ("endless", LeavesMidStream)),
            (10, ("alpha", LeavesMidRequest)),
            (5, ("stalling", LeavesBeforeTheAnswer)),
            (10, ("stalling", Stays)),
            (10, ("failing", Stays)),
            (10, ("refusing", Stays)),
            (10, ("breaking", Stays)),
            (10, ("closing", Stays)),
            (5, ("alpha", AnnouncesTooMuch)),
            (30, ("", Stays)),
        ]);
        let largest = if token == Token::Steady { usize::MAX } else { SHORT };
        let sizes = [(600, 100), (250, 1024), (120, SHORT), (20, 256 * 1024), (10, 1024 * 1024)];
        let size = self.dice.one(&sizes).min(largest);
        let is_malformed = conduct == Stays && self.dice.below(50) == 0;
        if model.is_empty() {
            self.listing(token, caller)
        } else if is_malformed {
            self.malformed(token, caller)
        } else {
            self.call(token, caller, model, conduct, size)
        }
    }

    fn call(&mut self, token: Token, caller: usize, model: &str, conduct: Conduct, size: usize) -> Card {
        let place = self.dice.one(&[(70, Place::Body), (15, Place::Path), (15, Place::Query)]);
        let place = if conduct == Conduct::AnnouncesTooMuch { Place::Body } else { place };
        let stream = if model == "talk" { "\"stream\": true, " } else { "" };
        let operation = self.dice.one(&[(80, "chat/completions"), (10, "embeddings"), (10, "responses")]);
        let (path, query, opening) = match place {
            Place::Body => {
                (format!("/v1/{operation}"), String::new(), format!("{{\"model\": \"{model}\", {stream}"))
            }
            Place::Path => {
                (format!("/openai/deployments/{model}/{operation}"), String::new(), format!("{{{stream}"))
            }
            Place::Query => (format!("/v1/{operation}"), format!("?model={model}"), format!("{{{stream}")),
        };
        let claims = &rules::callers()[caller];
        let query_there = query.replace(model, &rules::at_upstream(model));
        let call = || Call {
            claims,
            path: &path,
            model: Some(model),
            target: format!("/{operation}{query_there}"),
            filler: size,
        };
        let expected = BOTH.map(|set| match conduct {
            Conduct::AnnouncesTooMuch => Expected::Refused(413, "invalid_request_error"),
            _ => Expected::of(&call(), set, self.rules.config(set)),
        });
        let (body, target) = (self.body(opening, size), format!("{path}{query}"));
        Card { caller, token, conduct, method: Method::POST, target, body, expected }
    }

    fn listing(&mut self, token: Token, caller: usize) -> Card {
        let (path, claims) = ("/v1/models", &rules::callers()[caller]);
        let call = || Call { claims, path, model: None, target: String::new(), filler: 0 };
        let expected = BOTH.map(|set| Expected::of(&call(), set, self.rules.config(set)));
        let (method, target, body) = (Method::GET, path.to_owned(), Bytes::new());
        Card { caller, token, conduct: Conduct::Stays, method, target, body, expected }
    }

    /// A request that is ambiguous or malformed.
    fn malformed(&mut self, token: Token, caller: usize) -> Card {
        let (query, body) = self.dice.one(&[
            (1, ("", r#"{"model": "alpha", "model": "beta"}"#)),
            (1, ("?model=beta", r#"{"model": "alpha"}"#)),
            (1, ("", r#"{"model": "alpha", "#)),
            (1, ("", r#"{"model": 7}"#)),
            (1, ("", r#"{"content": "for nobody"}"#)),
        ]);
        Card {
            caller,
            token,
            conduct: Conduct::Stays,
            method: Method::POST,
            target: format!("/v1/chat/completions{query}"),
            body: Bytes::from_static(body.as_bytes()),
            expected: BOTH.map(|_| Expected::Refused(400, "invalid_request_error")),
        }
    }

    fn body(&mut self, opening: String, size: usize) -> Bytes {
        let whole = |key: &(String, usize)| Bytes::from(format!("{}{}", key.0, content(key.1)));
        let key = (opening, size);
        let body = whole(&key);
        self.bodies.entry(key).or_insert(body).clone()
    }
}
