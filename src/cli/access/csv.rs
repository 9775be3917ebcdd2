//! The rows as CSV (RFC 4180), except that a line feed alone ends a line, as in all output of the command.

use super::rows::Access;
use crate::cli::diff::side::Grant;

pub(in crate::cli) fn render(access: &Access<'_>) -> String {
    let mut out = "caller,model,routes,access,conditions\n".to_owned();
    for caller in &access.callers {
        let name = caller.name(access.universe);
        for row in &caller.rows {
            let without = [String::new()];
            let models = if row.models.is_empty() { without.as_slice() } else { &row.models };
            for model in models {
                for (route, grant) in &row.grants {
                    let routes = access.universe.routes.get(*route).map_or("", |class| &class.shown);
                    let conditions = match grant {
                        Grant::If(conditions) => conditions
                            .iter()
                            .map(|condition| format!("{} [{}]", condition.policy, condition.source))
                            .collect::<Vec<_>>()
                            .join("; "),
                        Grant::No | Grant::Yes => String::new(),
                    };
                    let cells = [&name, model, routes, grant.word(), &conditions].map(cell);
                    out.push_str(&cells.join(","));
                    out.push('\n');
                }
            }
        }
    }
    out
}

/// A cell that no reader divides and no spreadsheet computes.
fn cell(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if is_formula { format!("'{text}") } else { text.to_owned() };
    if text.contains([',', '"', '\r', '\n']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_one_cell_and_is_not_computed() {
        assert_eq!(cell("gpt-4o"), "gpt-4o");
        assert_eq!(cell("a,\"b\"\n"), "\"a,\"\"b\"\"\n\"");
        assert_eq!(cell("=HYPERLINK(\"x\")"), "\"'=HYPERLINK(\"\"x\"\")\"");
        assert_eq!(cell("@sum"), "'@sum");
    }
}
