//! Describes YAML syntax errors in plain words.

use crate::config::problem::Problem;

/// (part of the parser's message, problem, fix)
const MESSAGES: [(&str, &str, &str); 21] = [
    (
        "unclosed bracket",
        "the bracket `[` or `{` is never closed",
        "add the missing `]` or `}`, or put the value in quotes",
    ),
    (
        "mismatched bracket",
        "a bracket is closed by another kind of bracket",
        "close `[` with `]` and `{` with `}`",
    ),
    ("misplaced bracket", "a closing bracket has no opening one", "remove it, or put the value in quotes"),
    (
        "mapping values are not allowed",
        "only a value can stand here, not a key with a value",
        "put a value that contains `: ` in quotes, or indent this line like its neighbors",
    ),
    (
        "did not find expected key",
        "this line is not `key: value`, or it is indented like no line above",
        "indent keys of one block by the same number of spaces",
    ),
    (
        "did not find expected '-'",
        "this line is neither an item of the list above nor a key",
        "begin it with `- `, or indent it like the line that it belongs to",
    ),
    (
        "did not find expected ',' or '}'",
        "expected `,` or `}` in this `{…}`",
        "separate its entries with commas",
    ),
    ("expected ',' or ']'", "expected `,` or `]` in this `[…]`", "separate its items with commas"),
    ("simple key expected ':'", "this line is not `key: value`", "write a colon and a space after the key"),
    (
        "simple key is no longer valid",
        "this line is not `key: value`",
        "write a colon and a space after the key",
    ),
    ("unclosed quote", "a quote is never closed", "add the missing quote"),
    (
        "trailing content after",
        "text follows a closing quote",
        "put the whole value in quotes; inside `'…'` write `''` for a quote",
    ),
    ("unknown escape character", "`\\` cannot escape this character", "write `\\\\`, or use single quotes"),
    ("tab", "a tab is used as indentation", "indent with spaces"),
    (
        "unknown anchor",
        "an alias `*name` has no `&name` above it",
        "put a value that begins with `*` in quotes",
    ),
    (
        "alphabetic or numeric character",
        "`*` or `&` is not followed by a name",
        "put a value that begins with `*` or `&` in quotes, as in `\"*\"`",
    ),
    ("unexpected character", "a value begins with a character that YAML reserves", "put the value in quotes"),
    (
        "did not find expected node content",
        "a value is missing, or begins with a character that YAML reserves",
        "put the value in quotes",
    ),
    ("sequence entries are not allowed", "a list cannot begin here", "begin the list on a line of its own"),
    (
        "indentation",
        "no line above is indented like this line",
        "indent lines of one block by the same number of spaces",
    ),
    ("eof", "the file ends in the middle of a value", "complete it"),
];

/// The problem for a parser message.
pub(in crate::config) fn problem(message: &str) -> Problem {
    // The position is shown next to the line itself.
    let message = message.split(" at line ").next().unwrap_or_default();
    let lower = message.to_ascii_lowercase();
    match MESSAGES.iter().find(|(part, _, _)| lower.contains(&part.to_ascii_lowercase())) {
        Some((_, what, help)) => {
            Problem::Syntax { message: (*what).to_owned(), help: Some((*help).to_owned()) }
        }
        None => Problem::Syntax { message: message.to_owned(), help: None },
    }
}
