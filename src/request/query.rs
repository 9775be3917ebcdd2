//! The model in a query string.

use super::form::{self, Value};
use super::spelling::is_disguised;

/// The value of `model`, which may be given once.
pub(super) fn model(query: &str) -> Result<Option<Value>, String> {
    let mut found = None;
    for pair in form::pairs(query) {
        let key = form::decode(pair.key)?;
        if is_disguised(&key, "model") {
            return Err("a parameter is spelled almost like `model`".to_owned());
        }
        if key == "model" {
            let value = Value { text: form::decode(pair.value)?.into_owned(), range: pair.range };
            if found.replace(value).is_some() {
                return Err("`model` is given twice".to_owned());
            }
        }
    }
    if found.is_some() && query.contains(';') {
        return Err("a `;` separates parameters to some readers".to_owned());
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Option<String> {
        model(query).unwrap().map(|value| value.text)
    }

    #[test]
    fn the_model_is_decoded() {
        assert_eq!(read("a=b&model=openai%2Fgpt+4").as_deref(), Some("openai/gpt 4"));
        assert_eq!(read("%6dodel=x").as_deref(), Some("x"));
    }

    #[test]
    fn the_models_place_is_known() {
        let query = "a=b&model=g%70t&c=d";
        assert_eq!(query.get(model(query).unwrap().unwrap().range), Some("g%70t"));
    }

    #[test]
    fn a_query_without_a_model_names_none() {
        assert_eq!(read(""), None);
        assert_eq!(read("models=x&a=model;b"), None);
    }

    #[test]
    fn a_second_model_is_refused() {
        for query in ["model=a&model=a", "model=a&%6dodel=b", "model=a;model=b"] {
            assert!(model(query).is_err(), "{query}");
        }
    }

    #[test]
    fn a_model_that_some_readers_cut_is_refused() {
        for query in ["model=a;b", "x;model=a", "model=a%", "model=%zz", "mod%el=a"] {
            assert!(model(query).is_err(), "{query}");
        }
    }

    #[test]
    fn a_disguised_model_is_refused() {
        for query in ["Model=a", "model[]=a", "model%5B0%5D=a", "model%20=a", "+model=a", "model.=a"] {
            assert!(model(query).is_err(), "{query}");
        }
    }

    #[test]
    fn bytes_that_are_not_utf8_are_refused() {
        assert!(model("model=%ff").is_err());
    }
}
