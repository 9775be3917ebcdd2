//! Path templates: `{x}` matches one segment, `{x:path}` any rest, and other characters themselves.

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    Segment,
    Rest,
}

/// A parsed path template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template(Vec<Part>);

impl Template {
    /// Parses a template. An unclosed brace is a literal.
    pub(super) fn parse(text: &str) -> Self {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((literal, after)) = rest.split_once('{') {
            let Some((name, tail)) = after.split_once('}') else { break };
            if !literal.is_empty() {
                parts.push(Part::Literal(literal.to_owned()));
            }
            parts.push(if name.ends_with(":path") { Part::Rest } else { Part::Segment });
            rest = tail;
        }
        if !rest.is_empty() {
            parts.push(Part::Literal(rest.to_owned()));
        }
        Self(parts)
    }

    /// Whether the template matches the whole of `path`.
    pub(super) fn matches(&self, path: &str) -> bool {
        matches(&self.0, path)
    }
}

fn matches(parts: &[Part], path: &str) -> bool {
    let Some((part, parts)) = parts.split_first() else { return path.is_empty() };
    match part {
        Part::Literal(literal) => {
            path.strip_prefix(literal.as_str()).is_some_and(|rest| matches(parts, rest))
        }
        Part::Segment => {
            ends(path).take_while(|&end| !segment_ended(path, end)).any(|end| tail(parts, path, end))
        }
        Part::Rest => std::iter::once(0).chain(ends(path)).any(|end| tail(parts, path, end)),
    }
}

/// The offset after each character of `path`.
fn ends(path: &str) -> impl Iterator<Item = usize> {
    path.char_indices().map(|(at, c)| at + c.len_utf8())
}

fn segment_ended(path: &str, end: usize) -> bool {
    path.get(..end).is_none_or(|head| head.contains('/'))
}

fn tail(parts: &[Part], path: &str, end: usize) -> bool {
    path.get(end..).is_some_and(|rest| matches(parts, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(template: &str, path: &str) -> bool {
        Template::parse(template).matches(path)
    }

    #[test]
    fn a_segment_is_never_empty_and_never_crosses_a_slash() {
        assert!(fits("/files/{id}", "/files/abc"));
        assert!(!fits("/files/{id}", "/files/"));
        assert!(!fits("/files/{id}", "/files/a/b"));
    }

    #[test]
    fn a_rest_crosses_slashes() {
        assert!(fits("/models/{m:path}:generateContent", "/models/a/b:generateContent"));
        assert!(!fits("/models/{m:path}:generateContent", "/models/a/b:countTokens"));
    }

    #[test]
    fn a_literal_tail_must_be_there() {
        assert!(fits("/t/{id}/messages", "/t/1/messages"));
        assert!(!fits("/t/{id}/messages", "/t/1/messages/"));
    }

    #[test]
    fn a_question_mark_stands_for_itself() {
        assert!(fits("/realtime?{model}", "/realtime?x"));
        assert!(!fits("/realtime?{model}", "/realtim"));
    }
}
