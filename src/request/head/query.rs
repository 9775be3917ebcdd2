//! Reads the models in a query string.

use super::pairs::{self, Value};
use crate::request::keys::naming::names_model;
use crate::request::keys::spelling::is_disguised;
use crate::request::models::names::Names;

/// The facts in a query about models.
#[derive(Debug, Default)]
pub(in crate::request) struct QueryModels {
    /// The value of `model`, which may occur once.
    pub(in crate::request) model: Option<Value>,
    /// The values of other parameters that name models, such as `deployment`.
    pub(in crate::request) names: Names,
}

/// Reads a query.
pub(in crate::request) fn models(query: &str) -> Result<QueryModels, String> {
    let mut found = QueryModels::default();
    let mut is_named = false;
    for pair in pairs::pairs(query) {
        let key = pairs::decode(pair.key)?;
        if is_disguised(&key, "model") {
            return Err("a parameter is spelled almost like `model`".to_owned());
        }
        if key == "model" {
            let value = Value { text: pairs::decode(pair.value)?.into_owned(), range: pair.range };
            if found.model.replace(value).is_some() {
                return Err("`model` is given twice".to_owned());
            }
        } else if names_model(&key) {
            let value = pairs::decode(pair.value)?;
            if !matches!(&*value, "" | "true" | "false") {
                found.names.add(&value)?;
                is_named = true;
            }
        }
    }
    if (found.model.is_some() || is_named) && query.contains(';') {
        return Err("some parsers split parameters at `;`".to_owned());
    }
    Ok(found)
}

/// The deployment that Azure's realtime API is asked for.
pub(in crate::request) fn deployment(query: &str) -> Option<String> {
    let found = pairs::pairs(query).find(|pair| pair.key == "deployment")?;
    Some(pairs::decode(found.value).ok()?.into_owned()).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Option<String> {
        models(query).unwrap().model.map(|value| value.text)
    }

    #[test]
    fn the_model_is_decoded() {
        assert_eq!(read("a=b&model=openai%2Fgpt+4").as_deref(), Some("openai/gpt 4"));
        assert_eq!(read("%6dodel=x").as_deref(), Some("x"));
    }

    #[test]
    fn the_models_place_is_known() {
        let query = "a=b&model=g%70t&c=d";
        assert_eq!(query.get(models(query).unwrap().model.unwrap().range), Some("g%70t"));
    }

    #[test]
    fn a_query_without_a_model_names_none() {
        assert_eq!(read(""), None);
        assert_eq!(read("a=model;b"), None);
    }

    #[test]
    fn parameters_of_the_kind_name_models_too() {
        let names =
            models("deployment=a&model_id=b&target_model_names=c,d&x=e&include_models=true").unwrap().names;
        let names: Vec<&str> = names.as_slice().iter().map(crate::names::ModelName::as_str).collect();
        assert_eq!(names, ["a", "b", "c,d", "c", "d"]);
    }

    #[test]
    fn a_second_model_is_refused() {
        for query in ["model=a&model=a", "model=a&%6dodel=b", "model=a;model=b"] {
            assert!(models(query).is_err(), "{query}");
        }
    }

    #[test]
    fn a_model_that_some_readers_cut_is_refused() {
        for query in ["model=a;b", "x;model=a", "model=a%", "model=%zz", "mod%el=a", "deployment=a;b"] {
            assert!(models(query).is_err(), "{query}");
        }
    }

    #[test]
    fn a_disguised_model_is_refused() {
        for query in ["Model=a", "model[]=a", "model%5B0%5D=a", "model%20=a", "+model=a", "model.=a"] {
            assert!(models(query).is_err(), "{query}");
        }
    }

    #[test]
    fn bytes_that_are_not_utf8_are_refused() {
        assert!(models("model=%ff").is_err());
    }
}
