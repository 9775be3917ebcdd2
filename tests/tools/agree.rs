//! The output of each tool agrees with `decide`, over generated configurations.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::generate::{MODELS, claims, config};
use super::{Folder, plain};

const PATHS: [&str; 4] = ["/v1/chat/completions", "/v1/embeddings", "/custom/a", "/key/generate"];

/// The configuration, and one with other permissions and teams.
fn pair() -> impl Strategy<Value = (Value, Value)> {
    (config(), config()).prop_map(|(mut old, other)| {
        old["general_settings"]["litellm_jwtauth"]["user_roles_jwt_field"] = json!("roles");
        old["general_settings"]["litellm_jwtauth"]["user_allowed_roles"] = json!(["basic"]);
        let mut new = old.clone();
        new["teams"] = other["teams"].clone();
        new["modelgate"]["role_permissions"] = other["modelgate"]["role_permissions"].clone();
        new["general_settings"]["role_permissions"] = other["general_settings"]["role_permissions"].clone();
        for side in [&mut old, &mut new] {
            for block in ["modelgate", "general_settings"] {
                let fields = side[block].as_object_mut().unwrap();
                fields.retain(|_, value| !value.is_null());
            }
        }
        (old, new)
    })
}

/// A token as `diff` describes its domain: the same roles in each claim of roles, and no omitted claims.
fn token() -> impl Strategy<Value = Map<String, Value>> {
    claims().prop_map(|mut claims| {
        claims.remove("_claim_names");
        claims.remove("oid");
        claims.insert("iss".to_owned(), json!("https://a"));
        let roles = claims.get("roles").cloned();
        if let Some(roles) = roles {
            claims.insert("r".to_owned(), roles);
        } else {
            claims.remove("r");
        }
        claims
    })
}

fn modelgate(folder: &Folder, args: &[&str], input: &str) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_modelgate"));
    command.args(args).current_dir(folder.path(".")).stdin(Stdio::piped()).stdout(Stdio::piped());
    for name in ["JWT_PUBLIC_KEY_URL", "JWT_AUDIENCE", "JWT_ISSUER", "LITELLM_MASTER_KEY"] {
        command.env_remove(name);
    }
    let mut child = command.stderr(Stdio::null()).spawn().unwrap();
    // A command that reads no input has ended.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

/// The answers of `decide` to the lines.
fn decide(folder: &Folder, config: &str, lines: &[Value]) -> Vec<Value> {
    let input: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let (code, told) = modelgate(folder, &["decide", config], &input);
    assert_eq!(code, 0);
    told.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Every model on every route, for each token.
fn requests(tokens: &[Map<String, Value>]) -> Vec<Value> {
    let request = |claims: &Map<String, Value>, path: &str, model: &str| json!({"claims": claims, "method": "POST", "path": path, "body": {"model": model}});
    let paths = |claims| PATHS.into_iter().map(move |path| (claims, path));
    let all = tokens.iter().flat_map(paths).flat_map(|(c, p)| MODELS.map(|model| request(c, p, model)));
    all.collect()
}

fn explains(folder: &Folder, line: &Value, decided: &Value) {
    let (claims, model) = (line["claims"].to_string(), line["body"]["model"].as_str().unwrap());
    let path = line["path"].as_str().unwrap();
    let args =
        ["explain", "old.json", "--claims", &claims, "--path", path, "--model", model, "--format", "json"];
    let (code, told) = modelgate(folder, &args, "");
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(code == 0, decided["allow"] == true, "{told}\n{decided}");
    for part in ["allow", "status", "rule", "reason", "policies"] {
        let nothing = part == "policies" && told[part].is_null();
        assert!(nothing || told[part] == decided[part], "{part}: {told}\n{decided}");
    }
}

/// The example of every row shows the change, and every request with a changed decision is in a row.
fn diff_tells_the_truth(folder: &Folder, lines: &[Value], old: &[Value], new: &[Value]) {
    let (code, told) = modelgate(folder, &["diff", "old.json", "new.json", "--format", "json"], "");
    let told: Value = serde_json::from_str(&told).unwrap();
    let rows = told["changes"].as_array().unwrap();
    assert_eq!(code == 1, !rows.is_empty(), "{told}");
    let example = |row: &Value, side: &str| {
        let mut line = row["example"].clone();
        line["claims"] = line["claims"][side].clone();
        line
    };
    let is_examined = |row: &&Value| row["example"]["claims"]["old"].is_object();
    let examined: Vec<&Value> = rows.iter().filter(is_examined).take(40).collect();
    let by = |side: &str, file: &str| {
        let lines: Vec<Value> = examined.iter().map(|row| example(row, side)).collect();
        decide(folder, file, &lines)
    };
    let (before, after) = (by("old", "old.json"), by("new", "new.json"));
    for ((row, before), after) in examined.iter().zip(before).zip(after) {
        // Without policies there are no conditions.
        assert!(row["change"] == "gains" || row["change"] == "loses", "{row}");
        let gains = row["change"] == "gains";
        let expected = (!gains, gains);
        let decided = (before["allow"] == true, after["allow"] == true);
        assert_eq!(decided, expected, "{row}\n{before}\n{after}");
    }
    for ((line, old), new) in lines.iter().zip(old).zip(new) {
        if old["allow"] == new["allow"] {
            continue;
        }
        assert_ne!(code, 0, "{line}\n{old}\n{new}\n{told}");
        let direction = if new["allow"] == true { "gains" } else { "loses" };
        let model = line["body"]["model"].as_str().unwrap();
        let is_told = rows.iter().any(|row| {
            let name = row["name"].as_str().unwrap();
            row["change"] == direction
                && (row["what"] == "route" || name.starts_with(model) || name.starts_with("any other"))
        });
        let is_partial = !told["not_compared"].as_array().unwrap().is_empty();
        assert!(is_told || is_partial, "{line}\n{old}\n{new}\n{told}");
    }
}

fn check_tells_the_truth(folder: &Folder, lines: &[Value], decided: &[Value]) {
    let (code, told) = modelgate(folder, &["check", "old.json"], "");
    assert_eq!(code, 0);
    let mut allowed: BTreeMap<&str, bool> = BTreeMap::new();
    for (line, decided) in lines.iter().zip(decided) {
        let is_model_route = line["path"] == PATHS[0] || line["path"] == PATHS[1];
        let model = line["body"]["model"].as_str().unwrap();
        *allowed.entry(model).or_default() |= is_model_route && decided["allow"] == true;
        let is_admin = line["claims"]["scope"].to_string().contains("litellm_proxy_admin");
        if told.contains("every token may use every model") && line["path"] == PATHS[0] && !is_admin {
            assert_eq!(decided["allow"], true, "{line}\n{decided}\n{told}");
        }
    }
    let nobody = told.lines().find_map(|line| line.strip_prefix("nobody may use: "));
    for model in nobody.into_iter().flat_map(|names| names.trim_start_matches("all, ").split(", ")) {
        assert_eq!(allowed.get(model), Some(&false), "{told}");
    }
}

/// Every answer of `access` is what `decide` answers to its example.
fn access_tells_the_truth(folder: &Folder) {
    let (code, told) = modelgate(folder, &["access", "old.json", "--format", "json"], "");
    assert_eq!(code, 0);
    let told: Value = serde_json::from_str(&told).unwrap();
    let answers = |caller: &Value| {
        let claims = caller["claims"].clone();
        let rows = caller["access"].as_array().unwrap().clone();
        let answers = rows.into_iter().flat_map(|row| row["routes"].as_array().unwrap().clone());
        let answers = answers.map(move |mut answer| {
            let mut line = answer["example"].take();
            line["claims"] = claims.clone();
            (line, answer["allow"].clone())
        });
        answers.collect::<Vec<_>>()
    };
    let callers = told["callers"].as_array().unwrap();
    // Spread over all callers and routes. To decide them all takes half as long as the rest of the test.
    let all: Vec<_> = callers.iter().flat_map(answers).collect();
    let step = all.len() / 300 + 1;
    let (lines, allowed): (Vec<_>, Vec<_>) = all.into_iter().step_by(step).unzip();
    let decided = decide(folder, "old.json", &lines);
    assert!(lines.len() == decided.len() && !lines.is_empty());
    for ((line, allowed), decided) in lines.iter().zip(allowed).zip(decided) {
        assert_eq!(allowed, decided["allow"], "{line}\n{decided}");
    }
}

/// Each case runs the commands about ten times, so there are few cases by default. `PROPTEST_CASES` changes the
/// number.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(6)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), max_shrink_iters: 10, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_the_tools_say_is_what_is_decided((old, new) in pair(), tokens in proptest::collection::vec(token(), 6)) {
        let folder = Folder::new(&[("old.json", &old.to_string()), ("new.json", &new.to_string())]);
        let is_valid = |file: &str| modelgate(&folder, &["translate", file], "").0 == 0;
        prop_assume!(is_valid("old.json") && is_valid("new.json"));
        let lines = requests(&tokens);
        let (before, after) = (decide(&folder, "old.json", &lines), decide(&folder, "new.json", &lines));
        for at in [0, lines.len() / 2 + 1] {
            explains(&folder, &lines[at], &before[at]);
        }
        diff_tells_the_truth(&folder, &lines, &before, &after);
        check_tells_the_truth(&folder, &lines, &before);
        access_tells_the_truth(&folder);
        let print = |more: &[&str]| modelgate(&folder, &[&["translate", "old.json"], more].concat(), "").1;
        let printed = plain::Printed::new(&print(&[]), &print(&["--entities"]), &old);
        for (line, decided) in lines.iter().zip(&before) {
            printed.decides_the_same(line, decided);
        }
    }
}
