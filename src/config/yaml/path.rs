//! YAML paths, such as `general_settings.role_permissions[0].models`.

/// Returns the rest of a path after `key`, which must end the path or precede an index or another key. Keys may contain
/// dots.
pub(super) fn below_key<'p>(path: &'p str, key: &str) -> Option<&'p str> {
    below(path.strip_prefix(key)?)
}

/// The index at the beginning of a path, and the rest.
pub(super) fn below_index(path: &str) -> Option<(usize, &str)> {
    let (index, rest) = path.strip_prefix('[')?.split_once(']')?;
    Some((index.parse().ok()?, below(rest)?))
}

fn below(rest: &str) -> Option<&str> {
    match rest.as_bytes() {
        [] | [b'[', ..] => Some(rest),
        // A trailing dot names nothing.
        [b'.', _, ..] => rest.get(1..),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_goes_on_below_a_whole_key_alone() {
        let cases = [
            ("teams", Some("")),
            ("teams[0].models", Some("[0].models")),
            ("teams.models", Some("models")),
            ("teams.", None),
            ("teamster", None),
            ("tea", None),
        ];
        for (path, rest) in cases {
            assert_eq!(below_key(path, "teams"), rest, "{path}");
        }
        assert_eq!(below_key("a.b.c", "a.b"), Some("c"));
    }

    #[test]
    fn a_path_goes_on_below_an_index() {
        let cases = [
            ("[7]", Some((7, ""))),
            ("[7].a", Some((7, "a"))),
            ("[7][0]", Some((7, "[0]"))),
            ("[7]a", None),
            ("[x]", None),
            ("7", None),
        ];
        for (path, below) in cases {
            assert_eq!(below_index(path), below, "{path}");
        }
    }
}
