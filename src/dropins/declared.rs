//! The declarations of a schema as data: which attributes an entity type or a context has.

use cedar_policy::{EntityTypeName, EntityUid};
use serde_json::{Map, Value};

/// The declarations of a schema, in Cedar's JSON format.
#[derive(Debug)]
pub(crate) struct Declared {
    schema: Value,
    /// The entity types of modelgate's own schema.
    built_in: Vec<String>,
}

/// The type of a record, with the namespace that its names are looked up in.
#[derive(Clone, Copy)]
pub(crate) struct RecordType<'s> {
    declared: &'s Declared,
    namespace: &'s str,
    attributes: &'s Map<String, Value>,
}

impl Declared {
    pub(super) fn new(schema: Value, built_in: Vec<String>) -> Self {
        Self { schema, built_in }
    }

    /// The schema in Cedar's JSON format.
    #[cfg(feature = "prove")]
    pub(crate) fn as_json(&self) -> &Value {
        &self.schema
    }

    /// Whether modelgate's own schema declares the type. Then its attributes come from the configuration.
    pub(crate) fn is_built_in(&self, kind: &EntityTypeName) -> bool {
        self.built_in.contains(&kind.to_string())
    }

    /// The attributes of an entity type; `None` if it is not declared or has none.
    pub(crate) fn entity(&self, kind: &EntityTypeName) -> Option<RecordType<'_>> {
        let (namespace, declaration) = self.part("entityTypes", &kind.namespace(), kind.basename())?;
        self.record(namespace, declaration.get("shape")?)
    }

    /// The attributes of the context of an action; `None` if it is not declared or has none.
    pub(crate) fn context(&self, action: &EntityUid) -> Option<RecordType<'_>> {
        let id = action.id().unescaped();
        let (namespace, declaration) = self.part("actions", &action.type_name().namespace(), id)?;
        self.record(namespace, declaration.pointer("/appliesTo/context")?)
    }

    fn part(&self, part: &str, namespace: &str, name: &str) -> Option<(&str, &Value)> {
        let (namespace, declarations) = self.schema.as_object()?.get_key_value(namespace)?;
        Some((namespace, declarations.get(part)?.get(name)?))
    }

    fn record<'s>(&'s self, namespace: &'s str, of: &'s Value) -> Option<RecordType<'s>> {
        if let Some(attributes) = of.get("attributes") {
            return Some(RecordType { declared: self, namespace, attributes: attributes.as_object()? });
        }
        let (namespace, common) = self.common(namespace, of)?;
        self.record(namespace, common)
    }

    /// The common type that a type names. Cedar refuses schemas in which common types contain themselves.
    fn common<'s>(&'s self, namespace: &str, of: &'s Value) -> Option<(&'s str, &'s Value)> {
        let name = of.get("name").or_else(|| of.get("type"))?.as_str()?;
        if let Some((namespace, name)) = name.rsplit_once("::") {
            return self.part("commonTypes", namespace, name);
        }
        self.part("commonTypes", namespace, name).or_else(|| self.part("commonTypes", "", name))
    }

    /// The value without members that its type does not declare.
    fn of_type(&self, namespace: &str, of: &Value, value: &Value) -> Value {
        match (value, of.get("element")) {
            (Value::Array(items), Some(element)) => {
                items.iter().map(|item| self.of_type(namespace, element, item)).collect()
            }
            (Value::Object(members), None) => match self.record(namespace, of) {
                Some(record) => Value::Object(record.only_declared(members)),
                None => value.clone(),
            },
            _ => match self.common(namespace, of) {
                Some((namespace, common)) => self.of_type(namespace, common, value),
                None => value.clone(),
            },
        }
    }
}

impl RecordType<'_> {
    /// The members that the type declares, at any depth. `null` stands for an absent one.
    pub(crate) fn only_declared(&self, members: &Map<String, Value>) -> Map<String, Value> {
        let declared = |(name, value): (&String, &Value)| {
            let of = self.attributes.get(name).filter(|_| !value.is_null())?;
            Some((name.clone(), self.declared.of_type(self.namespace, of, value)))
        };
        members.iter().filter_map(declared).collect()
    }

    /// Whether it declares an attribute of this type of Cedar's own.
    pub(crate) fn has(&self, attribute: &str, cedar_type: &str) -> bool {
        let of = self.attributes.get(attribute);
        let name = of.and_then(|of| of.get("name").or_else(|| of.get("type"))).and_then(Value::as_str);
        name.is_some_and(|name| name.rsplit("::").next() == Some(cedar_type))
    }
}

#[cfg(test)]
mod tests {
    use cedar_policy::SchemaFragment;
    use serde_json::json;

    use super::*;

    fn declared(schema: &str) -> Declared {
        let (fragment, _) = SchemaFragment::from_cedarschema_str(schema).unwrap();
        Declared::new(fragment.to_json_value().unwrap(), Vec::new())
    }

    fn kept(declared: &Declared, kind: &str, value: &Value) -> Value {
        let record = declared.entity(&kind.parse().unwrap()).unwrap();
        Value::Object(record.only_declared(value.as_object().unwrap()))
    }

    #[test]
    fn what_a_type_does_not_declare_is_left_out_at_any_depth() {
        let declared = declared(
            "type Place = {city: String};
             entity record { status?: String, place?: Place, places?: Set<Place>, inner?: {a?: Long} };",
        );
        let place = json!({"city": "Ulm", "zip": 89073});
        let value = json!({"status": "x", "owner": "y", "place": place, "places": [place], "inner": {"a": 1, "b": 2}});
        let city = json!({"city": "Ulm"});
        let expected = json!({"status": "x", "place": city, "places": [city], "inner": {"a": 1}});
        assert_eq!(kept(&declared, "record", &value), expected);
        assert_eq!(kept(&declared, "record", &json!({"status": null})), json!({}));
    }

    #[test]
    fn names_are_looked_up_in_the_namespace_and_then_outside_of_it() {
        let declared = declared(
            "type Outer = {a?: Long};
             namespace N { type Inner = {b?: Long}; entity T { outer?: Outer, inner?: Inner, far?: N::Inner }; }",
        );
        let both = json!({"a": 1, "b": 2});
        let expected = json!({"outer": {"a": 1}, "inner": {"b": 2}, "far": {"b": 2}});
        assert_eq!(kept(&declared, "N::T", &json!({"outer": both, "inner": both, "far": both})), expected);
        assert!(declared.entity(&"T".parse().unwrap()).is_none());
    }

    #[test]
    fn the_context_of_an_action_has_types() {
        let declared = declared(
            "entity U; entity R; type C = {time?: datetime, weekday?: String};
             action read appliesTo {principal: U, resource: R, context: C};",
        );
        let context = declared.context(&"Action::\"read\"".parse().unwrap()).unwrap();
        assert!(context.has("time", "datetime") && context.has("weekday", "String"));
        assert!(!context.has("weekday", "datetime") && !context.has("day", "String"));
    }
}
