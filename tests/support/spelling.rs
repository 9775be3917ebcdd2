//! A naive implementation of `deny_models`. It tries to remove each prefix and suffix.

use serde_json::Value;

use super::{glob, lists, strings};

/// Whether a list of denied models contains the model in any spelling.
pub(super) fn denies(config: &Value, denied: &[String], model: &str) -> bool {
    if denied.is_empty() {
        return false;
    }
    if lists(config, denied, model) {
        return true;
    }
    let served: Vec<&str> = config["model_list"].as_array().unwrap().iter().map(name).collect();
    if served.contains(&model) {
        return false;
    }
    // An upstream may take a star for a wildcard.
    if !is_known(config, &served, model) || model.contains('*') {
        return true;
    }
    let lower: Vec<String> = denied.iter().map(|name| name.to_lowercase()).collect();
    let mut found = vec![];
    read(&model.to_lowercase(), &mut found);
    found.iter().any(|reading| {
        let alike = |a: &str| same(a, reading);
        let groups = served.iter().filter(|name| alike(name)).any(|name| lists(config, denied, name));
        let bare = !model.contains('/') && lower.iter().any(|d| alike(d.rsplit('/').next().unwrap()));
        groups || bare || lower.iter().any(|d| alike(d)) || lists(config, &lower, reading)
    })
}

fn name(entry: &Value) -> &str {
    entry["model_name"].as_str().unwrap()
}

/// Whether the configuration has the name.
fn is_known(config: &Value, served: &[&str], model: &str) -> bool {
    let entries = |list: &Value| list.as_array().cloned().unwrap_or_default();
    let lists = [
        entries(&config["general_settings"]["role_permissions"]),
        entries(&config["modelgate"]["role_permissions"]),
        entries(&config["general_settings"]["litellm_jwtauth"]["scope_mappings"]),
        entries(&config["teams"]),
    ];
    // A wildcard in a list of models is not a name, even if a request contains it literally.
    !model.is_empty()
        && (served.iter().any(|pattern| pattern.contains('*') && glob(pattern, model))
            || !model.contains('*')
                && lists.concat().iter().any(|entry| strings(&entry["models"]).iter().any(|m| m == model)))
}

fn same(a: &str, b: &str) -> bool {
    let plain = |text: &str| text.to_lowercase().replace(['.', '_', '@', ':'], "-");
    plain(a) == plain(b)
}

/// Every name that remains after removing a part.
fn read(name: &str, found: &mut Vec<String>) {
    if found.iter().any(|known| known == name) {
        return;
    }
    found.push(name.to_owned());
    if let [provider, .., _, last] = *name.split('/').collect::<Vec<_>>() {
        read(&format!("{provider}/{last}"), found);
    }
    for (at, c) in name.char_indices() {
        let (head, tail) = (&name[..at], &name[at + 1..]);
        match c {
            '/' => read(tail, found),
            ':' | '@' if !head.is_empty() => read(head, found),
            '-' if is_date(tail) => read(head, found),
            _ => {}
        }
    }
}

fn is_date(text: &str) -> bool {
    let form: String = text.chars().map(|c| if c.is_ascii_digit() { '9' } else { c }).collect();
    matches!(form.as_str(), "9999-99-99" | "99999999") && text.starts_with("20") || text == "latest"
}
