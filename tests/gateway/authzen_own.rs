//! Resources of types that operators declare, as AuthZEN's enforcement points ask about them.

use serde_json::{Value, json};

use crate::authzen::{ACTIONS, EVALUATION, Pdp, RESOURCES, question, record, user, with};
use crate::fixture::MASTER_KEY;

/// A question with properties of the action and a context.
fn in_context(mut asked: Value, action: Value, context: Value) -> Value {
    asked["action"]["properties"] = action;
    asked["context"] = context;
    asked
}

/// The application of the working group's first interop: users of several groups, and todos with owners.
const TODO_SCHEMA: &str = r#"
    entity Group;
    entity Caller in [Group] { mail?: String };
    entity user;
    entity todo { ownerID?: String };
    action can_read_user appliesTo { principal: Caller, resource: user, context: {} };
    action can_read_todos, can_create_todo, can_update_todo, can_delete_todo
    appliesTo { principal: Caller, resource: todo, context: {} };
"#;
const TODO_POLICIES: &str = r#"
    @id("read") permit (principal, action in [Action::"can_read_user", Action::"can_read_todos"], resource)
    when { principal in Group::"viewer" || principal in Group::"editor" || principal in Group::"admin" };
    @id("create") permit (principal, action == Action::"can_create_todo", resource)
    when { principal in Group::"editor" || principal in Group::"admin" };
    @id("own") permit (principal in Group::"editor", action in [Action::"can_update_todo", Action::"can_delete_todo"], resource is todo)
    when { principal has mail && resource has ownerID && resource.ownerID == principal.mail };
    @id("all") permit (principal in Group::"admin", action in [Action::"can_update_todo", Action::"can_delete_todo"], resource is todo);
"#;
const TODO_USERS: &str = r##"[
    {"uid": {"type": "Caller", "id": "#cmljaw"}, "attrs": {"mail": "rick@example.com"}, "parents": [{"type": "Group", "id": "admin"}]},
    {"uid": {"type": "Caller", "id": "#bW9ydHk"}, "attrs": {"mail": "morty@example.com"}, "parents": [{"type": "Group", "id": "editor"}]},
    {"uid": {"type": "Caller", "id": "#amVycnk"}, "attrs": {"mail": "jerry@example.com"}, "parents": [{"type": "Group", "id": "viewer"}]}
]"##;

#[tokio::test]
async fn the_questions_of_the_todo_interop_are_decided() {
    let files = [("t.cedarschema", TODO_SCHEMA), ("t.cedar", TODO_POLICIES), ("t.entities.json", TODO_USERS)];
    let (_fixture, pdp) = Pdp::with_policies(&files).await;
    let todo = |owner: &str| {
        with(
            json!({"type": "todo", "id": "7240d0db-8ff0-41ec-98b2-34a096273b9f"}),
            json!({ "ownerID": owner }),
        )
    };
    let (rick, morty, jerry) = ("cmljaw", "bW9ydHk", "amVycnk");
    let ricks = todo("rick@example.com");
    let mortys = todo("morty@example.com");
    let reading = json!({"type": "user", "id": "beth@example.com"});
    let all = json!({"type": "todo", "id": "todo-1"});
    for kind in ["user", "identity"] {
        let subject = |id: &str| json!({"type": kind, "id": id});
        for (id, action, resource, expected) in [
            (rick, "can_read_user", &reading, true),
            (jerry, "can_read_user", &reading, true),
            ("stranger", "can_read_user", &reading, false),
            (jerry, "can_read_todos", &all, true),
            (rick, "can_create_todo", &all, true),
            (morty, "can_create_todo", &all, true),
            (jerry, "can_create_todo", &all, false),
            (rick, "can_update_todo", &mortys, true),
            (morty, "can_update_todo", &mortys, true),
            (morty, "can_update_todo", &ricks, false),
            (jerry, "can_update_todo", &ricks, false),
            (morty, "can_delete_todo", &ricks, false),
            (rick, "can_delete_todo", &ricks, true),
            (rick, "can_read_user", &ricks, false),
            (rick, "can_fly", &ricks, false),
        ] {
            let asked = question(&subject(id), action, resource);
            assert_eq!(pdp.decides(&asked).await, expected, "{asked}");
        }
    }
    let batch = json!({"subject": user(morty), "action": {"name": "can_update_todo"},
        "evaluations": [{"resource": ricks}, {"resource": mortys}]});
    assert_eq!(pdp.all(&batch).await, [false, true]);
}

/// The application of the working group's search interop: records with owners and departments.
const SEARCH_SCHEMA: &str = r#"
    entity Caller { unit?: String, rank?: String };
    entity record { owner?: Caller, department?: String };
    action view, edit, delete appliesTo { principal: Caller, resource: record, context: {} };
"#;
const SEARCH_POLICIES: &str = r#"
    @id("owners") permit (principal, action in [Action::"view", Action::"edit"], resource)
    when { resource has owner && resource.owner == principal };
    @id("departments") permit (principal, action == Action::"view", resource)
    when { principal has unit && resource has department && principal.unit == resource.department };
    @id("managers") permit (principal, action == Action::"delete", resource)
    when { principal has rank && principal.rank == "manager" && resource has owner && resource.owner == principal };
"#;
const SEARCH_ENTITIES: &str = r##"[
    {"uid": {"type": "Caller", "id": "#alice"}, "attrs": {"unit": "Sales", "rank": "manager"}, "parents": []},
    {"uid": {"type": "Caller", "id": "#bob"}, "attrs": {"unit": "Legal", "rank": "employee"}, "parents": []},
    {"uid": {"type": "record", "id": "101"}, "attrs": {"owner": {"type": "Caller", "id": "#alice"}, "department": "Legal"}, "parents": []},
    {"uid": {"type": "record", "id": "102"}, "attrs": {"owner": {"type": "Caller", "id": "#bob"}, "department": "Legal"}, "parents": []},
    {"uid": {"type": "record", "id": "107"}, "attrs": {"owner": {"type": "Caller", "id": "#carol"}, "department": "Sales"}, "parents": []}
]"##;

#[tokio::test]
async fn the_questions_of_the_search_interop_are_answered() {
    let files = [
        ("s.cedarschema", SEARCH_SCHEMA),
        ("s.cedar", SEARCH_POLICIES),
        ("s.entities.json", SEARCH_ENTITIES),
    ];
    let (_fixture, pdp) = Pdp::with_policies(&files).await;
    for (id, action, expected) in [
        ("alice", "view", vec!["101", "107"]),
        ("alice", "edit", vec!["101"]),
        ("alice", "delete", vec!["101"]),
        ("bob", "view", vec!["101", "102"]),
        ("bob", "delete", vec![]),
        ("nobody", "view", vec![]),
    ] {
        let asked = json!({"subject": user(id), "action": {"name": action}, "resource": {"type": "record"}});
        let found = pdp.finds(RESOURCES, &asked).await;
        assert_eq!(found, expected, "{asked}");
        for record_id in found {
            assert!(pdp.decides(&question(&user(id), action, &record(&record_id))).await);
        }
    }
    for (id, record_id, expected) in [
        ("alice", "101", vec!["delete", "edit", "view"]),
        ("alice", "102", vec![]),
        ("bob", "101", vec!["view"]),
        ("bob", "102", vec!["edit", "view"]),
    ] {
        let asked = json!({"subject": user(id), "resource": record(record_id)});
        assert_eq!(pdp.finds(ACTIONS, &asked).await, expected, "{asked}");
    }
}

const SCHEMA: &str = r#"
    entity Folder;
    entity record in [Folder] { status?: String, level?: Long, owner?: Caller, readers?: Set<TokenRole>, from?: ipaddr, needed: String };
    action reading;
    action read in [reading] appliesTo { principal: Caller, resource: record, context: {
        time: datetime, weekday: String, action?: { soft?: Bool, tags?: Set<String> }, ip?: ipaddr } };
    action edit appliesTo { principal: Caller, resource: [record, Team], context: {} };
"#;
const ENTITIES: &str = r#"[
    {"uid": {"type": "record", "id": "kept"}, "attrs": {"status": "closed", "needed": "x"}, "parents": [{"type": "Folder", "id": "f"}]},
    {"uid": {"type": "record", "id": "open"}, "attrs": {"needed": "x"}, "parents": []}
]"#;

/// A gateway with the schema above, whose policy for `read` has this condition.
async fn with_condition(condition: &str) -> (crate::fixture::Fixture, Pdp) {
    let policy = format!(
        "@id(\"p\") permit (principal, action == Action::\"read\", resource is record) when {{ {condition} }};"
    );
    Pdp::with_policies(&[("a.cedarschema", SCHEMA), ("a.entities.json", ENTITIES), ("a.cedar", &policy)])
        .await
}

fn read(id: &str, properties: Value) -> Value {
    let ada = with(user("ada"), json!({"roles": ["reader"]}));
    question(&ada, "read", &with(record(id), properties))
}

#[tokio::test]
async fn a_property_is_an_attribute_and_a_file_overrides_it() {
    let (_fixture, pdp) = with_condition(
        "resource has status && resource.status == \"open\" || resource has level && resource.level > 3 || \
         resource has owner && resource.owner == principal || \
         resource has readers && principal in resource.readers || \
         resource has from && resource.from.isInRange(ip(\"10.0.0.0/8\"))",
    )
    .await;
    for (id, properties, expected) in [
        ("open", json!({"status": "open"}), true),
        ("open", json!({"status": null, "undeclared": {"a": [1, null]}}), false),
        ("kept", json!({"status": "open"}), false),
        ("open", json!({"level": 4}), true),
        ("open", json!({"owner": {"type": "Caller", "id": "#ada"}}), true),
        ("open", json!({"owner": {"type": "Caller", "id": "#eve"}}), false),
        ("open", json!({"readers": [{"type": "TokenRole", "id": "reader"}]}), true),
        ("open", json!({"readers": [{"type": "TokenRole", "id": "writer"}]}), false),
        ("open", json!({"from": "10.1.2.3"}), true),
        ("open", json!({"from": "11.1.2.3"}), false),
        // What does not fit the schema denies, whatever else would permit.
        ("open", json!({"status": "open", "level": "4"}), false),
        ("open", json!({"status": "open", "level": 1.5}), false),
        ("open", json!({"status": ["open"]}), false),
        ("open", json!({"from": "here", "status": "open"}), false),
    ] {
        assert_eq!(pdp.decides(&read(id, properties.clone())).await, expected, "{id} {properties}");
    }
    let answer = pdp.ask(EVALUATION, &read("open", json!({"level": "4"}))).await;
    assert_eq!(answer["context"]["rule"], "evaluation");
    assert!(answer["context"]["reason_admin"]["403"].as_str().unwrap().contains("`level`"), "{answer}");
    assert_eq!(answer["context"]["reason_user"]["403"], "the policies could not be evaluated");
}

#[tokio::test]
async fn a_required_attribute_that_nobody_knows_denies() {
    let (_fixture, pdp) = with_condition("resource.needed == \"x\"").await;
    assert!(pdp.decides(&read("open", json!({}))).await);
    assert!(!pdp.decides(&read("new", json!({}))).await);
    assert!(pdp.decides(&read("new", json!({"needed": "x"}))).await);
}

#[tokio::test]
async fn the_context_has_the_properties_of_the_action_and_the_gateways_own_time() {
    let (_fixture, pdp) = with_condition(
        "context has action.soft && context.action.soft && (if context has ip then context.ip.isLoopback() else true) && context.time > datetime(\"2026-01-01\") && \
         [\"monday\", \"tuesday\", \"wednesday\", \"thursday\", \"friday\", \"saturday\", \"sunday\"].contains(context.weekday)",
    )
    .await;
    let asked = read("open", json!({}));
    for (action, context, expected) in [
        (json!({"soft": true}), json!({}), true),
        (
            json!({"soft": true, "more": 1}),
            json!({"time": "1985-10-26T01:22-07:00", "weekday": "someday"}),
            true,
        ),
        (json!({"soft": false}), json!({"action": {"soft": true}}), false),
        (json!({}), json!({"action": {"soft": true}, "soft": true}), false),
        (json!({"soft": true}), json!({"ip": "127.0.0.1"}), true),
        (json!({"soft": true}), json!({"ip": "192.0.2.1"}), false),
        (json!({"soft": true}), json!({"ip": "here"}), false),
        (json!({"soft": "yes"}), json!({}), false),
    ] {
        let asked = in_context(asked.clone(), action, context);
        assert_eq!(pdp.decides(&asked).await, expected, "{asked}");
    }
}

#[tokio::test]
async fn a_policy_may_name_groups_of_actions_and_parents_of_resources() {
    let policy = r#"@id("p") permit (principal, action in Action::"reading", resource in Folder::"f");"#;
    let files = [("a.cedarschema", SCHEMA), ("a.entities.json", ENTITIES), ("a.cedar", policy)];
    let (_fixture, pdp) = Pdp::with_policies(&files).await;
    assert!(pdp.decides(&read("kept", json!({}))).await);
    assert!(!pdp.decides(&read("open", json!({}))).await);
    assert!(!pdp.decides(&question(&user("ada"), "edit", &record("kept"))).await);
    // A group is no action that applies to anything.
    assert!(!pdp.decides(&question(&user("ada"), "reading", &record("kept"))).await);
}

#[tokio::test]
async fn no_grant_of_the_configuration_permits_what_policies_alone_decide() {
    let (_fixture, pdp) = with_condition("principal in Role::\"internal_user\"").await;
    let master = json!({"type": "token", "id": MASTER_KEY});
    for action in ["read", "edit", "call_route", "use_model"] {
        assert!(!pdp.decides(&question(&master, action, &record("open"))).await, "{action}");
    }
    let caller = with(user("u"), json!({"roles": ["basic_user"]}));
    assert!(pdp.decides(&question(&caller, "read", &record("open"))).await);
    for (kind, action) in
        [("Model", "use_model"), ("Route", "call_route"), ("Caller", "edit"), ("record", "use_model")]
    {
        let asked = question(&caller, action, &json!({"type": kind, "id": "anthropic-claude"}));
        assert!(!pdp.decides(&asked).await, "{asked}");
    }
}

#[tokio::test]
async fn properties_say_nothing_about_entities_of_the_configuration() {
    let policy = r#"@id("p") permit (principal, action == Action::"edit", resource is Team)
        when { resource.declared || resource.blocked || principal.admin };"#;
    let files = [("a.cedarschema", SCHEMA), ("a.entities.json", "[]"), ("a.cedar", policy)];
    let (_fixture, pdp) = Pdp::with_policies(&files).await;
    let team = with(json!({"type": "Team", "id": "red"}), json!({"declared": true, "blocked": true}));
    assert!(!pdp.decides(&question(&user("ada"), "edit", &team)).await);
}

#[tokio::test]
async fn a_forbid_denies_with_its_reason_and_a_shadow_policy_is_only_reported() {
    let policies = r#"
        @id("p") permit (principal, action == Action::"read", resource is record);
        @id("no") @reason("not on a record that is closed") forbid (principal, action == Action::"read", resource is record)
        when { resource has status && resource.status == "closed" };
        @id("later") @shadow("") forbid (principal, action, resource is record);"#;
    let files = [("a.cedarschema", SCHEMA), ("a.entities.json", ENTITIES), ("a.cedar", policies)];
    let (_fixture, pdp) = Pdp::with_policies(&files).await;
    let permitted = pdp.ask(EVALUATION, &read("open", json!({}))).await;
    assert_eq!((&permitted["decision"], &permitted["context"]["policies"]), (&json!(true), &json!(["p"])));
    let denied = pdp.ask(EVALUATION, &read("kept", json!({}))).await;
    assert_eq!(denied["context"]["policies"], json!(["no"]));
    assert_eq!(denied["context"]["reason_user"]["403"], "not on a record that is closed");
}
