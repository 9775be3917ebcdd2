//! The configuration reference lists the JSON Schema, key by key.

use std::fmt::Write as _;

use serde_json::Value;

use crate::{is_generated, root};

const INTRODUCTION: &str = "\
<!-- Generated from schema/config.schema.json by tests/book. Do not edit. -->

# Configuration, key by key

The file is YAML. Keys outside `modelgate` and `teams` are LiteLLM's, under LiteLLM's names; [LiteLLM's keys](litellm.md) says which of
the others modelgate ignores and which it refuses. Any value may be `os.environ/NAME`, which stands for the environment variable `NAME`.
For completion in an editor, put `# yaml-language-server: $schema=schema/config.schema.json` on the first line.
";

/// A block of keys: the path to it, and its schema.
struct Block {
    path: String,
    schema: Value,
}

fn definition<'s>(schema: &'s Value, name: &str) -> &'s Value {
    &schema["$defs"][name.trim_start_matches("#/$defs/")]
}

/// The name of the block that a key holds, and whether it holds a list of them.
fn block_of(key: &Value) -> Option<(&str, bool)> {
    let plain = key["$ref"].as_str();
    let any = key["anyOf"].as_array().into_iter().flatten().find_map(|option| option["$ref"].as_str());
    let items = key["items"]["$ref"].as_str();
    plain.or(any).map(|name| (name, false)).or(items.map(|name| (name, true)))
}

/// The type of a key in words.
fn type_of(schema: &Value, key: &Value) -> String {
    if let Some((name, is_list)) = block_of(key) {
        let target = definition(schema, name);
        if target["type"] == "object" {
            let options = key["anyOf"].as_array().into_iter().flatten();
            if options.into_iter().any(|option| option["type"] == "string") {
                return "string, or block".to_owned();
            }
            return if is_list { "list of blocks" } else { "block" }.to_owned();
        }
        if name.ends_with("/OneOrMany") {
            return "string, or list of strings".to_owned();
        }
        if name.ends_with("/OnOrOff") {
            return "`on` or `off`".to_owned();
        }
        if name.ends_with("/TextOrOff") {
            return "string, or `off`".to_owned();
        }
    }
    if let Some(values) = key["enum"].as_array() {
        let values: Vec<String> =
            values.iter().filter_map(Value::as_str).map(|value| format!("`{value}`")).collect();
        return values.join(", ");
    }
    let options = key["anyOf"].as_array().into_iter().flatten().map(|option| &option["type"]);
    let types = std::iter::once(&key["type"]).chain(options);
    let names = types.flat_map(|ty| match ty {
        Value::Array(names) => names.iter().collect::<Vec<_>>(),
        name => vec![name],
    });
    let name = names.filter_map(Value::as_str).find(|name| *name != "null").unwrap_or("any");
    match name {
        "array" => match key["items"]["type"].as_str() {
            Some(of) => format!("list of {of}s"),
            None => "list".to_owned(),
        },
        "object" => "mapping".to_owned(),
        other => other.to_owned(),
    }
}

/// A table cell. A bar in it is escaped, because it would end the cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

fn section(schema: &Value, block: &Block, page: &mut String, nested: &mut Vec<Block>) {
    let required: Vec<&str> =
        block.schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let title = if block.path.is_empty() { "The file".to_owned() } else { format!("`{}`", block.path) };
    write!(page, "\n## {title}\n\n").unwrap();
    if let Some(description) = block.schema["description"].as_str() {
        write!(page, "{description}\n\n").unwrap();
    }
    page.push_str("| key | type | what it does |\n|---|---|---|\n");
    let keys = block.schema["properties"].as_object().unwrap();
    for (name, key) in keys {
        let needed = if required.contains(&name.as_str()) { ", required" } else { "" };
        let description = key["description"].as_str().unwrap_or_default();
        writeln!(page, "| `{name}` | {}{needed} | {} |", type_of(schema, key), cell(description)).unwrap();
        let Some((target, is_list)) = block_of(key) else { continue };
        let target = definition(schema, target);
        if target["properties"].is_object() {
            let dot = if block.path.is_empty() { "" } else { "." };
            let list = if is_list { "[]" } else { "" };
            let path = format!("{}{dot}{name}{list}", block.path);
            nested.push(Block { path, schema: target.clone() });
        }
    }
}

#[test]
fn the_configuration_reference_is_the_schema() {
    let text = std::fs::read_to_string(root().join("schema/config.schema.json")).unwrap();
    let schema: Value = serde_json::from_str(&text).unwrap();
    let mut page = INTRODUCTION.to_owned();
    // Depth first, so that a block follows its parent.
    let mut open = vec![Block { path: String::new(), schema: schema.clone() }];
    while let Some(block) = open.pop() {
        let mut nested = Vec::new();
        section(&schema, &block, &mut page, &mut nested);
        nested.reverse();
        open.append(&mut nested);
    }
    is_generated("reference/configuration.md", &page);
}
