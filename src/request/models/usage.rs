//! Numbers that describe how a model is used.

use super::model_use::ModelUse;

/// The meaning of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::request) enum Usage {
    MaxTokens,
    N,
    Temperature,
}

impl Usage {
    /// Parses the number in a text.
    pub(in crate::request) fn parse(text: &str) -> Option<f64> {
        // Most numbers are short and do not need a general float parser.
        if let Some(number) = short_decimal(text) {
            return Some(number);
        }
        match text.trim() {
            // The realtime API's value for no limit.
            "inf" => Some(f64::INFINITY),
            text => text.parse().ok().filter(|number: &f64| number.is_finite()),
        }
    }

    /// Records a number. The largest of several counts.
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

/// The number of a text of at most nine digits, with or without a decimal point; `None` for any other text. The digits and the
/// power of ten are exact as floats. So their quotient is the nearest float, as a parser returns it.
fn short_decimal(text: &str) -> Option<f64> {
    if text.len() > 9 {
        return None;
    }
    let (mut digits, mut scale, mut is_behind_point) = (0_u32, 1_u32, false);
    for byte in text.bytes() {
        match byte {
            b'0'..=b'9' => {
                // Nine digits fit.
                digits = digits.wrapping_mul(10).wrapping_add(u32::from(byte & 0xf));
                scale = scale.wrapping_mul(if is_behind_point { 10 } else { 1 });
            }
            b'.' if !is_behind_point => is_behind_point = true,
            _ => return None,
        }
    }
    let has_digits = text.len() > usize::from(is_behind_point);
    has_digits.then(|| f64::from(digits) / f64::from(scale))
}

/// Converts the number to an integer, rounded up. Numbers beyond 64 bits become the largest or smallest integer.
#[expect(clippy::cast_possible_truncation, reason = "`as` takes a float to the nearest end of the range")]
fn whole(number: f64) -> i64 {
    number.ceil() as i64
}

impl ModelUse {
    /// Adds numbers from places that no known API reads. They count if they are larger than a known number, but do not
    /// create one. So an unenforced limit does not satisfy a policy that requires a limit.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_number_is_what_the_parser_of_floats_says() {
        let digits = (0..2_000_u32).map(|number| number.wrapping_mul(2_654_435_761) % 100_000_000);
        for text in digits.map(|number| number.to_string()) {
            for point in 0..=text.len() {
                let decimal = format!("{}.{}", &text[..point], &text[point..]);
                assert_eq!(Usage::parse(&decimal), decimal.parse().ok(), "{decimal}");
            }
            assert_eq!(Usage::parse(&text), text.parse().ok(), "{text}");
        }
    }

    #[test]
    fn what_is_no_number_is_none() {
        for text in ["", ".", "..", "1.2.3", "1e", "x", "nan", "infinity", "1e999"] {
            assert_eq!(Usage::parse(text), None, "{text}");
        }
    }
}
