//! Schema additions, and the entities of operators that use them.

use serde_json::{Map, Value, json};

use crate::choices::Choices;

/// The files of operators.
pub(crate) struct Additions {
    pub(crate) schema: String,
    pub(crate) json: String,
    /// For each type, the types that its entities may be in.
    pub(crate) parents: Vec<(&'static str, Vec<&'static str>)>,
}

/// The entities in files, by type. A parent of the same type comes later in its list.
pub(crate) const IDS: [(&str, &[&str]); 12] = [
    ("Zone", &["z0", "z1", "z2"]),
    ("Vendor", &["v0", "v1"]),
    ("Model", &["openai/x", "small", "large", "extra"]),
    ("Team", &["red", "ghost", "blue"]),
    ("Caller", &["https://a#ada", "https://a#eve", "#boss"]),
    ("TokenRole", &["other", "dev", "base"]),
    ("AccessGroup", &["spare", "cheap", "gold"]),
    ("Organization", &["acme", "other"]),
    ("Route", &["/custom", "/v1/embeddings"]),
    ("RouteGroup", &["info_routes", "openai_routes", "llm_api_routes"]),
    ("Scope", &["s.one", "s.two", "s.three"]),
    ("Role", &["internal_user", "team"]),
];

/// The types that a type may be in, in addition to our schema.
const MORE_PARENTS: [(&str, &[&str]); 11] = [
    ("Zone", &["Zone"]),
    ("Vendor", &["Zone"]),
    ("Model", &["Zone", "Model", "Vendor"]),
    ("Team", &["Zone", "Team", "TokenRole", "AccessGroup"]),
    ("Caller", &["Zone", "Vendor"]),
    ("TokenRole", &["Zone"]),
    ("AccessGroup", &["AccessGroup", "Zone", "Team"]),
    ("Organization", &["Zone", "Team"]),
    ("Route", &["Zone"]),
    ("RouteGroup", &["RouteGroup", "Zone"]),
    ("Scope", &["Scope", "Zone"]),
];

/// The memberships of our schema.
const OURS: [(&str, &[&str]); 5] = [
    ("Model", &["AccessGroup", "Team", "Scope", "ModelSet"]),
    ("Team", &["Organization"]),
    ("Caller", &["Role", "TokenRole", "Team"]),
    ("TokenRole", &["TokenRole"]),
    ("Route", &["RouteGroup"]),
];

/// Sets of models of the configuration.
pub(crate) const SETS: [&str; 3] = [
    "general_settings.role_permissions[0].models",
    "modelgate.role_permissions[0].deny_models",
    "modelgate.role_permissions[2].models",
];

fn attributes(ty: &str) -> &'static str {
    match ty {
        "Vendor" => {
            "{ home?: Zone, info?: { zone?: Zone, level: Long }, net?: ipaddr, price?: decimal, since?: datetime, \
              labels?: Set<String>, partner?: Vendor, owner?: Team, zones?: Set<Zone> } tags Vendor"
        }
        "Model" => {
            "{ vendor?: Vendor, owner?: Team, backup?: Model, zones?: Set<Zone>, boss?: Caller } tags Zone"
        }
        "Team" => "{ vendor?: Vendor, home?: Zone, lead?: Caller, sister?: Team }",
        "Caller" => {
            "{ vendor?: Vendor, home?: Zone, boss?: Caller, favorite?: Model, lists?: RouteGroup, grade?: TokenRole }"
        }
        "Organization" => "{ home?: Zone }",
        "TokenRole" => "{ home?: Zone }",
        "Route" => "{ owner?: Team, vendor?: Vendor }",
        _ => "",
    }
}

impl Additions {
    pub(crate) fn choose(choices: &mut Choices<'_>) -> Self {
        let mut schema = String::new();
        let mut all_parents = Vec::new();
        for (ty, more) in MORE_PARENTS {
            let more = choices.some(more);
            let within = if more.is_empty() { String::new() } else { format!(" in [{}]", more.join(", ")) };
            schema.push_str(&format!("entity {ty}{within} {};\n", attributes(ty)));
            let ours = OURS.iter().find(|(name, _)| *name == ty).map(|(_, ours)| *ours).unwrap_or_default();
            all_parents.push((ty, ours.iter().copied().chain(more).collect::<Vec<_>>()));
        }
        let mut described = Vec::new();
        for (ty, ids) in IDS {
            for (place, id) in ids.iter().enumerate() {
                if choices.below(3) == 0 {
                    continue;
                }
                let parents =
                    all_parents.iter().find(|(name, _)| *name == ty).map(|(_, parents)| parents.as_slice());
                described.push(entity(choices, (ty, id, place), parents.unwrap_or_default()));
            }
        }
        Self { schema, json: Value::Array(described).to_string(), parents: all_parents }
    }
}

fn ids(ty: &str) -> &'static [&'static str] {
    if ty == "ModelSet" {
        return &SETS;
    }
    IDS.iter().find(|(name, _)| *name == ty).map(|(_, ids)| *ids).unwrap_or_default()
}

fn entity(choices: &mut Choices<'_>, (ty, id, place): (&str, &str, usize), parents: &[&str]) -> Value {
    let mut within = Vec::new();
    if !parents.is_empty() {
        for _ in 0..choices.below(3) {
            let parent = choices.one(parents);
            let from = if parent == ty { place + 1 } else { 0 };
            let ids = ids(parent).get(from..).unwrap_or_default();
            if !ids.is_empty() {
                within.push(json!({"type": parent, "id": choices.one(ids)}));
            }
        }
    }
    let mut attrs = Map::new();
    let wanted: &[&str] = match ty {
        "Vendor" => &["home", "info", "net", "price", "since", "labels", "partner", "zones"],
        "Model" => &["vendor", "owner", "backup", "zones", "boss"],
        "Team" => &["vendor", "home", "lead", "sister"],
        "Caller" => &["vendor", "home", "boss", "favorite", "lists", "grade"],
        "Organization" | "TokenRole" => &["home"],
        "Route" => &["owner", "vendor"],
        _ => &[],
    };
    for name in if wanted.is_empty() { Vec::new() } else { choices.some(wanted) } {
        attrs.insert(name.to_owned(), value(choices, name));
    }
    let mut entity = json!({"uid": {"type": ty, "id": id}, "attrs": attrs, "parents": within});
    let tag = match ty {
        "Vendor" => "Vendor",
        "Model" => "Zone",
        _ => return entity,
    };
    if choices.yes() {
        entity["tags"] = json!({"ally": reference(choices, tag)});
    }
    entity
}

fn reference(choices: &mut Choices<'_>, ty: &str) -> Value {
    json!({"__entity": {"type": ty, "id": choices.one(ids(ty))}})
}

fn value(choices: &mut Choices<'_>, name: &str) -> Value {
    let extension = |function: &str, text: &str| json!({"__extn": {"fn": function, "arg": text}});
    match name {
        "home" => reference(choices, "Zone"),
        "vendor" | "partner" => reference(choices, "Vendor"),
        "owner" | "sister" => reference(choices, "Team"),
        "backup" | "favorite" => reference(choices, "Model"),
        "boss" | "lead" => reference(choices, "Caller"),
        "lists" => reference(choices, "RouteGroup"),
        "grade" => reference(choices, "TokenRole"),
        "zones" => (0..choices.below(3)).map(|_| reference(choices, "Zone")).collect(),
        "info" if choices.yes() => json!({"level": choices.below(4), "zone": reference(choices, "Zone")}),
        "info" => json!({"level": choices.below(4)}),
        "net" => extension("ip", choices.one(&["10.1.2.3", "10.0.0.0/8", "192.0.2.1"])),
        "price" => extension("decimal", choices.one(&["0.5", "1.5"])),
        "since" => extension("datetime", choices.one(&["2026-01-01", "2024-01-01"])),
        _ => json!(choices.some(&["a", "b", "north"])),
    }
}
