//! Reads what the solver found.

use std::time::{Duration, SystemTime};

use cedar_policy::{Entities, EvalResult};
use cedar_policy_symcc::Env;
use chrono::{DateTime, Datelike as _, Utc};
use serde_json::{Map, Value, json};

use super::Scenario;
use crate::config::JwtAuth;
use crate::names::ClaimPath;
use crate::prove::classes::{Class, METHODS};
use crate::prove::encode::{Claims, Reading};
use crate::request::ModelUse;

/// An assignment of the solver.
pub(in crate::prove) struct Found<'f> {
    pub(in crate::prove) env: &'f Env,
    pub(in crate::prove) claims: &'f Claims,
    pub(in crate::prove) models: &'f [Class],
    pub(in crate::prove) routes: &'f [Class],
    pub(in crate::prove) has_model: bool,
    pub(in crate::prove) jwt: Option<&'f JwtAuth>,
}

impl Found<'_> {
    /// The requests that may be meant, the most likely first.
    pub(in crate::prove) fn scenarios(&self) -> Vec<Scenario> {
        let Some(first) = self.scenario() else { return Vec::new() };
        let mut all = vec![first.clone()];
        // R6.4 selects the first of several teams, and the header any of them.
        for team in ["a", "b"].into_iter().filter_map(|side| self.team(side)) {
            if first.team_header.is_none() {
                all.push(Scenario { team_header: Some(team), ..first.clone() });
            }
        }
        // The solver knows the weekdays by name, and not when they are.
        let weekday = self.text(&["cr", "weekday"]);
        let days = (-6_i64..=6).filter(|day| *day != 0);
        let shifted: Vec<Scenario> = all
            .iter()
            .flat_map(|scenario| {
                days.clone().filter_map(|day| {
                    let time = shift(scenario.time?, day)?;
                    Some(Scenario { time: Some(time), ..scenario.clone() })
                })
            })
            .collect();
        all.extend(shifted);
        let fits = |scenario: &Scenario| {
            let day = scenario.time.map(|time| DateTime::<Utc>::from(time).weekday());
            day.zip(weekday.as_deref())
                .is_none_or(|(day, name)| name.starts_with(&day.to_string().to_lowercase()))
        };
        let (likely, others): (Vec<_>, Vec<_>) = all.into_iter().partition(fits);
        let mut all: Vec<Scenario> = likely.into_iter().chain(others).collect();
        for method in METHODS {
            let with: Vec<_> = all
                .iter()
                .take(2)
                .map(|known| Scenario { method: method.to_owned(), ..known.clone() })
                .collect();
            all.extend(with);
        }
        all
    }

    fn scenario(&self) -> Option<Scenario> {
        let class = |classes: &[Class], name: &str| {
            let at = usize::try_from(long(&self.value(&[name])?)?).ok()?;
            classes.get(at).map(|class| class.witness.clone())
        };
        let method = self.text(&["cr", "method"])?;
        let is_method = !method.is_empty() && method.chars().all(|c| c.is_ascii_uppercase());
        let use_flag = |name: &str| flag(self.value(&["um", name]));
        let use_long = |name: &str| self.value(&["um", name]).as_ref().and_then(long);
        Some(Scenario {
            claims: (!flag(self.value(&["c", "master"]))).then(|| self.token()),
            team_header: self.text(&["c", "header"]),
            method: if is_method { method } else { "POST".to_owned() },
            path: class(self.routes, "rc")?,
            model: if self.has_model { Some(class(self.models, "mc")?) } else { None },
            model_use: ModelUse {
                stream: use_flag("stream"),
                max_tokens: use_long("max_tokens"),
                n: use_long("n"),
                temperature: extension(self.value(&["um", "temperature"]), "decimal")
                    .and_then(|text| text.parse().ok()),
                tools: use_long("tools").unwrap_or_default(),
                images: use_flag("images"),
                audio: use_flag("audio"),
            },
            body_bytes: self
                .value(&["cr", "body_bytes"])
                .as_ref()
                .and_then(long)
                .and_then(|n| usize::try_from(n).ok())?,
            time: Some(time(&self.value(&["cr", "time"])?.to_string())?),
            source: extension(self.value(&["cr", "source"]), "ip").and_then(|text| address(&text)),
        })
    }

    /// The claims of the token.
    fn token(&self) -> Map<String, Value> {
        let mut claims = Map::new();
        for (name, variable) in [("iss", "iss"), ("sub", "sub")] {
            claims.extend(self.text(&["c", variable]).map(|text| (name.to_owned(), text.into())));
        }
        let scopes = self.set(&["c", "scopes"]);
        if !scopes.is_empty() {
            claims.insert("scope".to_owned(), json!(scopes));
        }
        for (reading, variable, path) in self.claims.all() {
            match reading {
                Reading::Names => {
                    for name in self.set(&["c", variable]) {
                        add_name(&mut claims, path, &name);
                    }
                }
                Reading::Scalar => {
                    if let Some(text) = self.text(&["c", variable]) {
                        set_first(&mut claims, path, &text);
                    }
                }
            }
        }
        let fields = self.jwt.map(|jwt| jwt.claim_fields(claims.get("iss").and_then(Value::as_str)));
        let team = fields.and_then(|fields| fields.team_id);
        if let Some(path) = team.filter(|_| flag(self.value(&["c", "odd_team"])))
            && path.find(&claims).is_none()
            && let Some(place) = path.place(&mut claims)
        {
            *place = 1.into();
        }
        if flag(self.value(&["c", "overage"]))
            && let Some(claim) = self.jwt.and_then(read_claim)
        {
            claims.insert("_claim_names".to_owned(), json!({ claim: "src1" }));
        }
        self.add_tags(&mut claims);
        claims
    }

    /// The tags and the client of the caller.
    fn add_tags(&self, claims: &mut Map<String, Value>) {
        let Some(caller) = self.caller("a") else { return };
        let Some(entity) = self.entities().get(&caller) else { return };
        if let Some(Ok(EvalResult::String(client))) = entity.attr("client_id") {
            claims.insert("azp".to_owned(), client.into());
        }
        for (name, value) in entity.tags() {
            if let Ok(EvalResult::Set(values)) = value
                && !claims.contains_key(name)
            {
                let texts = values.iter().filter_map(|value| match value {
                    EvalResult::String(text) => Some(text.clone()),
                    _ => None,
                });
                claims.insert(name.to_owned(), json!(texts.collect::<Vec<_>>()));
            }
        }
    }

    fn entities(&self) -> &Entities {
        &self.env.entities
    }

    fn caller(&self, side: &str) -> Option<cedar_policy::EntityUid> {
        match self.value(&[side, "caller"])? {
            EvalResult::EntityUid(uid) => Some(uid),
            _ => None,
        }
    }

    /// The selected team.
    fn team(&self, side: &str) -> Option<String> {
        let entity = self.entities().get(&self.caller(side)?)?;
        match entity.attr("team")? {
            Ok(EvalResult::EntityUid(team)) => Some(team.id().unescaped().to_owned()),
            _ => None,
        }
    }

    fn value(&self, path: &[&str]) -> Option<EvalResult> {
        let (first, rest) = path.split_first()?;
        let mut value = self.env.request.context()?.get(first)?;
        for name in rest {
            let EvalResult::Record(record) = value else { return None };
            value = record.get(name)?.clone();
        }
        Some(value)
    }

    fn text(&self, path: &[&str]) -> Option<String> {
        match self.value(path)? {
            EvalResult::String(text) => Some(text),
            _ => None,
        }
    }

    fn set(&self, path: &[&str]) -> Vec<String> {
        let Some(EvalResult::Set(values)) = self.value(path) else { return Vec::new() };
        let texts = values.iter().filter_map(|value| match value {
            EvalResult::String(text) => Some(text.clone()),
            _ => None,
        });
        texts.collect()
    }
}

/// Adds a name to a list, which several claims may share.
fn add_name(claims: &mut Map<String, Value>, path: &ClaimPath, name: &str) {
    match path.place(claims) {
        Some(Value::Array(names)) if !names.contains(&name.into()) => names.push(name.into()),
        Some(place) if !place.is_array() => *place = json!([name]),
        _ => {}
    }
}

/// Sets a single value. If the claim already has a list, the value becomes its first element.
fn set_first(claims: &mut Map<String, Value>, path: &ClaimPath, value: &str) {
    match path.place(claims) {
        Some(Value::Array(names)) => {
            names.retain(|name| name != value);
            names.insert(0, value.into());
        }
        Some(place) => *place = value.into(),
        None => {}
    }
}

/// A claim that the configuration reads.
fn read_claim(jwt: &JwtAuth) -> Option<String> {
    jwt.identifying_claims(None).next().map(|path| path.claim().to_owned())
}

fn flag(value: Option<EvalResult>) -> bool {
    matches!(value, Some(EvalResult::Bool(true)))
}

fn long(value: &EvalResult) -> Option<i64> {
    match value {
        EvalResult::Long(number) => Some(*number),
        _ => None,
    }
}

/// The text in `name("...")`.
fn extension(value: Option<EvalResult>, name: &str) -> Option<String> {
    argument(&value?.to_string(), name)
}

fn argument(text: &str, name: &str) -> Option<String> {
    let (_, rest) = text.split_once(&format!("{name}(\""))?;
    rest.split_once('"').map(|(argument, _)| argument.to_owned())
}

/// An address. Of a range, the first.
fn address(text: &str) -> Option<std::net::IpAddr> {
    text.split('/').next()?.parse().ok()
}

/// A time, as Cedar prints it: a date, perhaps with an offset.
fn time(text: &str) -> Option<SystemTime> {
    let date = argument(text, "datetime")?;
    let parsed = DateTime::parse_from_rfc3339(&date)
        .or_else(|_| DateTime::parse_from_str(&date, "%Y-%m-%dT%H:%M:%S%.f%z"))
        .map(|time| time.with_timezone(&Utc))
        .or_else(|_| format!("{date}T00:00:00Z").parse::<DateTime<Utc>>())
        .ok()?;
    let offset = argument(text, "duration").unwrap_or_default();
    let negative = offset.starts_with('-');
    let millis: u64 = offset.trim_start_matches('-').trim_end_matches("ms").parse().unwrap_or_default();
    let (base, offset) = (SystemTime::from(parsed), Duration::from_millis(millis));
    if negative { base.checked_sub(offset) } else { base.checked_add(offset) }
}

fn shift(time: SystemTime, days: i64) -> Option<SystemTime> {
    let by = Duration::from_secs(days.unsigned_abs() * 86_400);
    if days < 0 { time.checked_sub(by) } else { time.checked_add(by) }
}
