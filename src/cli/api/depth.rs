//! Refuses policies and schemas that are nested more deeply than anybody writes them. Cedar's functions call themselves for each
//! level, so such a text would use up the stack, which ends the process.

use super::answer::ApiError;

/// The maximum nesting of brackets.
const DEEPEST: usize = 100;
/// The maximum number of operators in one policy. `a && b && c` is nested as deeply as it has operators.
const MOST_OPERATORS: usize = 1000;

/// Checks a policy or a schema. Other files are JSON, whose reader has a limit of its own.
pub(super) fn check(name: &str, text: &str) -> Result<(), ApiError> {
    let is_schema = name.ends_with(".cedarschema");
    if !is_schema && !name.ends_with(".cedar") {
        return Ok(());
    }
    let (mut depth, mut operators) = (0_usize, 0_usize);
    let mut rest = text.as_bytes();
    while let Some((byte, tail)) = rest.split_first() {
        rest = match byte {
            b'"' => after_string(tail),
            b'/' if tail.first() == Some(&b'/') => after_line(tail),
            _ => tail,
        };
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b'<' if is_schema => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            b'>' if is_schema => depth = depth.saturating_sub(1),
            b';' => operators = 0,
            b'&' | b'|' | b'+' | b'-' | b'*' | b'.' | b'!' | b':' | b'=' | b'<' | b'>' => operators += 1,
            // `if` and `in`, `is`, `has`, `like`, which may follow each other.
            b'i' | b'h' | b'l' if matches!(tail.first(), Some(b'f' | b'n' | b's' | b'a' | b'i')) => {
                operators += 1
            }
            _ => {}
        }
        if depth > DEEPEST {
            return Err(ApiError::rules(format!("`{name}` is nested more than {DEEPEST} levels deep")));
        }
        // Each of `&&`, `||`, `==` and `::` counts twice.
        if operators > 2 * MOST_OPERATORS && !is_schema {
            return Err(ApiError::rules(format!(
                "a policy of `{name}` has more than {MOST_OPERATORS} operators"
            )));
        }
    }
    Ok(())
}

/// What follows a string whose first quote was read.
fn after_string(text: &[u8]) -> &[u8] {
    let mut rest = text;
    while let Some((byte, tail)) = rest.split_first() {
        match byte {
            b'"' => return tail,
            b'\\' => rest = tail.get(1..).unwrap_or_default(),
            _ => rest = tail,
        }
    }
    rest
}

fn after_line(text: &[u8]) -> &[u8] {
    let end = text.iter().position(|byte| *byte == b'\n').unwrap_or(text.len());
    text.get(end..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_refused(name: &str, text: &str) -> bool {
        check(name, text).is_err()
    }

    #[test]
    fn what_is_nested_too_deeply_is_refused() {
        assert!(is_refused("a.cedar", &"(".repeat(101)));
        assert!(is_refused(
            "a.cedar",
            &format!("forbid (principal, action, resource) when {{ {}true }};", "true && ".repeat(2001))
        ));
        assert!(is_refused("a.cedar", &"a.".repeat(5000)));
        assert!(is_refused("a.cedarschema", &"Set<".repeat(101)));
        assert!(!is_refused("a.entities.json", &"[".repeat(500)));
    }

    #[test]
    fn what_people_write_is_not() {
        let policy = "permit (principal, action, resource) when { principal.email in [\"a.b@c\", \"d\"] };\n";
        assert!(!is_refused("a.cedar", &policy.repeat(10_000)));
        let listed =
            (0..50_000).map(|i| format!("\"user-{i}.(((@example.com\"")).collect::<Vec<_>>().join(", ");
        assert!(!is_refused(
            "a.cedar",
            &format!("forbid (principal, action, resource) when {{ [{listed}].contains(principal.id) }};")
        ));
        assert!(!is_refused("a.cedar", &format!("// {}\n", "(".repeat(500))));
        assert!(!is_refused("a.cedar", "permit (principal, action, resource) when { \"\\\"(((\" == \"\" };"));
        assert!(!is_refused(
            "a.cedarschema",
            &"entity A { a: Set<Set<Long>>, b: { c: String } };\n".repeat(5000)
        ));
    }
}
