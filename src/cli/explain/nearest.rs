//! Suggests the claim of a token that a path was probably meant to name.

use serde_json::{Map, Value};
use strsim::normalized_damerau_levenshtein;

/// The minimum similarity of two paths, from 0 to 1.
const ALIKE: f64 = 0.6;
/// The maximum depth to search. Real tokens are not nested deeper.
const DEEPEST: usize = 8;

/// The path of the claim in the token that is most similar to `path`.
pub(super) fn nearest(path: &str, claims: &Map<String, Value>) -> Option<String> {
    let mut paths = Vec::new();
    collect(claims, "", 0, &mut paths);
    let likeness = |known: &String| {
        let (a, b) = (path.to_ascii_lowercase(), known.to_ascii_lowercase());
        normalized_damerau_levenshtein(&a, &b)
    };
    let alike = paths.into_iter().map(|known| (likeness(&known), known)).filter(|(like, _)| *like >= ALIKE);
    alike.max_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, known)| known)
}

fn collect(claims: &Map<String, Value>, parent: &str, depth: usize, paths: &mut Vec<String>) {
    for (name, value) in claims {
        let path = format!("{parent}{}", name.replace('.', "\\."));
        if let Value::Object(inner) = value
            && depth < DEEPEST
        {
            collect(inner, &format!("{path}."), depth + 1, paths);
        }
        paths.push(path);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn nearest_of(path: &str, claims: &Value) -> Option<String> {
        nearest(path, claims.as_object().unwrap())
    }

    #[test]
    fn a_mistyped_path_is_found_wherever_it_lies() {
        let claims = json!({"sub": "u", "realm_access": {"roles": ["a"]}, "https://co.example/roles": []});
        assert_eq!(nearest_of("realm_acces.roles", &claims).as_deref(), Some("realm_access.roles"));
        assert_eq!(nearest_of("Realm_access.role", &claims).as_deref(), Some("realm_access.roles"));
        assert_eq!(
            nearest_of("https://co\\.example/role", &claims).as_deref(),
            Some("https://co\\.example/roles")
        );
        assert_eq!(nearest_of("department", &claims), None);
        assert_eq!(nearest_of("roles", &json!({})), None);
    }
}
