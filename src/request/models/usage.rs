//! Numbers that say how a model is used.

use super::model_use::ModelUse;

/// What a number is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::request) enum Usage {
    MaxTokens,
    N,
    Temperature,
}

impl Usage {
    /// The number that a text says.
    pub(in crate::request) fn parse(text: &str) -> Option<f64> {
        match text.trim() {
            // The realtime API's word for no limit.
            "inf" => Some(f64::INFINITY),
            text => text.parse().ok().filter(|number: &f64| number.is_finite()),
        }
    }

    /// Notes a number. The largest of several counts.
    pub(in crate::request) fn note(self, used: &mut ModelUse, number: f64) {
        match self {
            Self::MaxTokens => used.max_tokens = used.max_tokens.max(Some(whole(number))),
            Self::N => used.n = used.n.max(Some(whole(number))),
            Self::Temperature => {
                used.temperature = Some(used.temperature.map_or(number, |known| known.max(number)))
            }
        }
    }
}

/// The number as an integer, rounded up. One beyond 64 bits is the largest or smallest.
#[expect(clippy::cast_possible_truncation, reason = "`as` takes a float to the nearest end of the range")]
fn whole(number: f64) -> i64 {
    number.ceil() as i64
}

impl ModelUse {
    /// Takes numbers from places that no API is known to read: they count where they are larger, but give nothing where
    /// there is none. A policy that asks for a limit is not satisfied by one that nobody keeps.
    pub(in crate::request) fn raised_by(&mut self, other: &Self) {
        if self.max_tokens.is_some() {
            self.max_tokens = self.max_tokens.max(other.max_tokens);
        }
        if self.n.is_some() {
            self.n = self.n.max(other.n);
        }
        if let (Some(known), Some(other)) = (self.temperature, other.temperature) {
            self.temperature = Some(known.max(other));
        }
    }
}
