//! The problems and warnings of a configuration.

use miette::Diagnostic;
use thiserror::Error;

use super::effect::Effect;

/// The reason why a configuration is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error, Diagnostic)]
#[non_exhaustive]
pub enum Problem {
    /// The text is not one YAML document.
    #[error("{message}")]
    Syntax {
        /// The problem.
        message: String,
        /// The fix.
        #[help]
        help: Option<String>,
    },
    /// A mapping has a duplicate key.
    #[error("duplicate key `{key}`")]
    #[diagnostic(help("keep one of them: elsewhere the last one would silently win"))]
    DuplicateKey {
        /// The key.
        key: String,
    },
    /// Neither LiteLLM nor modelgate has this key here.
    #[error("unknown key `{key}` {place}")]
    UnknownKey {
        /// The key.
        key: String,
        /// The place, such as ``in `general_settings` ``.
        place: String,
        /// A similar valid key.
        #[help]
        help: String,
    },
    /// A LiteLLM key that could change a decision is not implemented here.
    #[error("`{key}` is not implemented by modelgate")]
    NotImplemented {
        /// The key.
        key: String,
        /// The consequence of ignoring it.
        #[help]
        help: String,
    },
    /// A key of `general_settings` is at the top level, where LiteLLM does not read it.
    #[error("`{key}` has no meaning at the top level")]
    #[diagnostic(help("move it below `general_settings`"))]
    AtTopLevel {
        /// The key.
        key: String,
    },
    /// A value has a wrong type.
    #[error("expected {expected}, found {found}")]
    WrongType {
        /// The accepted type.
        expected: String,
        /// The actual value.
        found: String,
        /// The intended notation, if it can be guessed.
        #[help]
        help: Option<String>,
    },
    /// A required key is missing.
    #[error("`{key}` is missing")]
    MissingKey {
        /// The key.
        key: String,
    },
    /// A value must not be empty.
    #[error("`{key}` must not be empty")]
    Empty {
        /// The key or environment variable.
        key: String,
    },
    /// A number is out of range.
    #[error("`{key}` must be {range}")]
    OutOfRange {
        /// The key.
        key: String,
        /// The allowed range.
        range: String,
    },
    /// The file has `os.environ/NAME`, but `NAME` is not set.
    #[error("environment variable `{name}` is not set")]
    #[diagnostic(help("set it, or give it a value in `environment_variables`"))]
    UnsetVariable {
        /// The variable.
        name: String,
    },
    /// A role is not one of LiteLLM's three.
    #[error("unknown role `{role}`")]
    #[diagnostic(help(
        "a role is `internal_user`, `proxy_admin` or `team`; `modelgate.role_permissions` takes a token's own roles"
    ))]
    UnknownRole {
        /// The role.
        role: String,
    },
    /// A claim path has an empty part.
    #[error("`{path}` is not a claim path")]
    #[diagnostic(help(
        "separate the names on the path to the claim with dots; write `\\.` for a dot in a name"
    ))]
    ClaimPath {
        /// The path.
        path: String,
    },
    /// A key needs another key.
    #[error("`{key}` needs `{other}`")]
    Needs {
        /// The present key.
        key: &'static str,
        /// The missing key.
        other: &'static str,
        /// The reason.
        #[help]
        help: &'static str,
    },
    /// A field does not exist in logged decisions, or cannot be masked.
    #[error("`{field}` is not a field that can be masked")]
    UnknownMask {
        /// The field.
        field: String,
        /// A similar field.
        #[help]
        help: String,
    },
    /// A word looks like a group of routes, but is not one.
    #[error("unknown route group `{route}`")]
    UnknownRouteGroup {
        /// The word.
        route: String,
        /// A similar group.
        #[help]
        help: String,
    },
    /// Two teams have the same id.
    #[error("team `{team_id}` is declared twice, first on line {first}")]
    DuplicateTeam {
        /// The id.
        team_id: String,
        /// The line of the first declaration.
        first: u32,
    },
    /// Two entries of `modelgate.role_permissions` have the same role.
    #[error("role `{role}` has two entries, the first on line {first}")]
    #[diagnostic(help("write one entry that grants what both grant"))]
    DuplicateRole {
        /// The role.
        role: String,
        /// The line of the first entry.
        first: u32,
    },
    /// A role inherits from a role without an entry.
    #[error("no entry for the inherited role `{role}`")]
    UnknownParent {
        /// The role.
        role: String,
        /// A similar role.
        #[help]
        help: String,
    },
    /// A role inherits from itself.
    #[error("role `{role}` inherits from itself, through `{parent}`")]
    #[diagnostic(help(
        "remove one of these `inherits`: roles that inherit from each other would all be the same role"
    ))]
    Circle {
        /// The role.
        role: String,
        /// The role that it inherits from here.
        parent: String,
    },
    /// Two entries of `issuers` have the same issuer.
    #[error("issuer `{issuer}` is listed twice, first on line {first}")]
    DuplicateIssuer {
        /// The issuer.
        issuer: String,
        /// The line of the first entry.
        first: u32,
    },
    /// LiteLLM would check the content of every request, but modelgate does not.
    #[error("modelgate does not run the guardrail `{what}`, which checks every request")]
    #[diagnostic(help(
        "requests that it refuses would be forwarded: remove it, or write `ignore: [guardrails]` below `modelgate`"
    ))]
    Guardrail {
        /// Its name.
        what: String,
    },
    /// `litellm_credential_name` names no entry of `credential_list`.
    #[error("there is no credential `{name}`")]
    UnknownCredential {
        /// The name.
        name: String,
        /// A similar name.
        #[help]
        help: String,
    },
    /// Two keys conflict.
    #[error("`{key}` and `{other}` exclude each other")]
    Conflict {
        /// The first key.
        key: &'static str,
        /// The second key.
        other: &'static str,
        /// The effect of each.
        #[help]
        help: &'static str,
    },
    /// Two keys with the same meaning have different values.
    #[error("`{key}` and `{other}` disagree")]
    #[diagnostic(help("both are names of the same setting: keep one"))]
    Disagree {
        /// The first key.
        key: &'static str,
        /// The second key.
        other: &'static str,
    },
    /// `litellm_params.model` has a `*` that the model's name does not fill.
    #[error("nothing fills the `*` of `{model}`")]
    #[diagnostic(help("exactly one `*` in `model_name` stands for the one in `litellm_params.model`"))]
    Wildcard {
        /// `litellm_params.model`.
        model: String,
    },
    /// A URL cannot be used.
    #[error("`{key}` is not a usable URL: {reason}")]
    Url {
        /// The key or environment variable.
        key: String,
        /// The problem with it.
        reason: String,
    },
    /// A value cannot be sent as a header.
    #[error("`{key}` cannot be sent as a header")]
    Header {
        /// The key or header.
        key: String,
    },
}

/// A warning: valid, but probably not intended.
#[derive(Clone, Debug, PartialEq, Eq, Error, Diagnostic)]
#[diagnostic(severity(Warning))]
#[non_exhaustive]
pub enum Caution {
    /// Tokens for any audience from any issuer are accepted.
    #[error("neither `JWT_AUDIENCE` nor `JWT_ISSUER` is set")]
    #[diagnostic(help(
        "tokens that the identity provider issued for any application are accepted: set `JWT_AUDIENCE`"
    ))]
    AnyAudience,
    /// No setting restricts the audience of opaque tokens.
    #[error("a userinfo endpoint does not say for which application a token was issued")]
    #[diagnostic(help(
        "every access token of the provider is accepted; `modelgate.introspection` checks the audience"
    ))]
    UserinfoAudience,
    /// A role may use a model that does not exist.
    #[error("`{model}` is not in `model_list`")]
    UnknownModel {
        /// The name.
        model: String,
    },
    /// A name contains `*`, which is treated as a wildcard here (R2).
    #[error("`*` is an ordinary model name here")]
    #[diagnostic(help("leave `models` out to allow every model"))]
    Star,
    /// An entry is never used (R2).
    #[error("a second entry for the role `{role}` is never consulted")]
    #[diagnostic(help("the first one, on line {first}, decides"))]
    SecondEntry {
        /// The role.
        role: String,
        /// The line of the entry that is used.
        first: u32,
    },
    /// A block or list needs another key to take effect.
    #[error("`{key}` has no effect without `{other}`")]
    NoEffect {
        /// The present key.
        key: &'static str,
        /// The key that is missing or not true.
        other: &'static str,
    },
    /// Tokens can have a role that no entry restricts (R2).
    #[error("no entry of `role_permissions` names `{role}`, so it may use every model")]
    #[diagnostic(help("add `- {{role: {role}, models: []}}`, or set `modelgate.strict: true`"))]
    OpenRole {
        /// The role.
        role: String,
    },
    /// An entry restricts no model (R2).
    #[error("the entry for `{role}` has no `models`, so it may use every model")]
    #[diagnostic(help("add `models` with the models that it may use, or set `modelgate.strict: true`"))]
    OpenEntry {
        /// The role.
        role: String,
    },
    /// Roles are not required of anyone (R1.3).
    #[error("every token with the claim `{claim}` gets the role `internal_user`, regardless of its roles")]
    #[diagnostic(help(
        "leave `user_id_jwt_field` out, so that `user_allowed_roles` decides, or set `modelgate.strict: true`"
    ))]
    EverybodyIsUser {
        /// The claim at `user_id_jwt_field`.
        claim: String,
    },
    /// Denials are not enforced.
    #[error("denials are logged and not enforced")]
    #[diagnostic(help("remove `mode: log_only` when the log shows only correct denials"))]
    LogOnly,
    /// No request can have a listed route.
    #[error("the route `{route}` matches no request")]
    #[diagnostic(help("a path begins with `/`"))]
    DeadRoute {
        /// The route.
        route: String,
    },
    /// A LiteLLM key has no effect here, so callers get other answers.
    #[error("`{key}` has no effect here: {reason}")]
    Ignored {
        /// The key with its block, such as `general_settings.public_routes`.
        key: String,
        /// The behavior here.
        reason: &'static str,
    },
    /// A LiteLLM setting that does not affect access cannot be read.
    #[error("`{key}` is ignored: expected {expected}")]
    Unreadable {
        /// The key.
        key: String,
        /// The accepted type.
        expected: &'static str,
    },
    /// Tokens name teams, but no team is declared (R6).
    #[error("no team is declared, so every token with a team is denied")]
    #[diagnostic(help(
        "list the teams of LiteLLM's database in `teams`, or set `team_id_upsert: true`, which lets every team use every model"
    ))]
    NoTeams,
    /// Undeclared teams are unrestricted (R6).
    #[error("every team that is not in `teams` may use every model")]
    #[diagnostic(help("LiteLLM would create it in its database, without any restriction"))]
    AnyTeam,
    /// A placeholder value is not replaced. LiteLLM does not replace it either.
    #[error("`{key}` is taken literally: `{written}`")]
    #[diagnostic(help("write `os.environ/{name}` for the value of the environment variable `{name}`"))]
    LiteralVariable {
        /// The key.
        key: &'static str,
        /// The value, such as `${{KEY}}`.
        written: String,
        /// The variable that is probably intended.
        name: String,
    },
    /// Requests to a provider have no credential.
    #[error("requests to `{provider}` are sent without a key")]
    #[diagnostic(help("write `api_key`, or set {variables}"))]
    NoKey {
        /// The provider.
        provider: String,
        /// Variables that can hold the key.
        variables: String,
    },
    /// The gateway does not support the provider of a model.
    #[error("model `{model}` is judged but not served: {reason}")]
    NotServed {
        /// Its name in the configuration.
        model: String,
        /// The reason.
        reason: String,
        /// The way to serve it.
        #[help]
        help: String,
    },
}

impl Problem {
    /// Whether the file needs a feature that modelgate lacks and that must not be ignored.
    #[must_use]
    pub fn would_open(&self) -> bool {
        matches!(self, Self::NotImplemented { .. } | Self::Guardrail { .. } | Self::AtTopLevel { .. })
    }
}

impl Caution {
    /// The effect of the key on answers, if the key has no effect here.
    #[must_use]
    pub fn effect(&self) -> Option<Effect> {
        match self {
            Self::Ignored { .. } => Some(Effect::ChangesAnswers),
            _ => None,
        }
    }
}
