//! The model in a query string.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::Malformed;
use super::json::is_disguised;

/// The value of `model`, which may be given once.
pub(super) fn model(query: &str) -> Result<Option<String>, Malformed> {
    let mut found = None;
    // `;` is a separator to some readers.
    for pair in query.split(['&', ';']) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let key = decode(key)?;
        if is_disguised(&key, "model") {
            return Err(Malformed::Query("a parameter is spelled almost like `model`"));
        }
        if key == "model" && found.replace(decode(value)?.into_owned()).is_some() {
            return Err(Malformed::Query("`model` is given twice"));
        }
    }
    Ok(found)
}

fn decode(text: &str) -> Result<Cow<'_, str>, Malformed> {
    const ERROR: Malformed = Malformed::Query("a parameter is not UTF-8");
    if text.contains('+') {
        let spaced = text.replace('+', " ");
        return percent_decode_str(&spaced)
            .decode_utf8()
            .map(|s| Cow::Owned(s.into_owned()))
            .map_err(|_| ERROR);
    }
    percent_decode_str(text).decode_utf8().map_err(|_| ERROR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_is_decoded() {
        assert_eq!(model("a=b&model=openai%2Fgpt+4").unwrap().as_deref(), Some("openai/gpt 4"));
        assert_eq!(model("%6dodel=x").unwrap().as_deref(), Some("x"));
    }

    #[test]
    fn a_query_without_a_model_names_none() {
        assert_eq!(model("").unwrap(), None);
        assert_eq!(model("models=x&a=model").unwrap(), None);
    }

    #[test]
    fn a_second_model_is_refused() {
        for query in ["model=a&model=a", "model=a&%6dodel=b", "model=a;model=b"] {
            assert!(model(query).is_err(), "{query}");
        }
    }

    #[test]
    fn a_disguised_model_is_refused() {
        assert!(model("Model=a").is_err());
    }

    #[test]
    fn bytes_that_are_not_utf8_are_refused() {
        assert!(model("model=%ff").is_err());
    }
}
