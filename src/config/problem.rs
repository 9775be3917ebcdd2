//! Everything that can be wrong with a configuration, and everything that is allowed but doubtful.

use miette::Diagnostic;
use thiserror::Error;

use super::effect::Effect;

/// Why a configuration is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error, Diagnostic)]
#[non_exhaustive]
pub enum Problem {
    /// The text is not one YAML document.
    #[error("{message}")]
    Syntax {
        /// What is wrong.
        message: String,
        /// What to do.
        #[help]
        help: Option<String>,
    },
    /// A mapping has a key twice.
    #[error("duplicate key `{key}`")]
    #[diagnostic(help("keep one of them: elsewhere the last one would silently win"))]
    DuplicateKey {
        /// The key.
        key: String,
    },
    /// A key that neither LiteLLM nor modelgate has in this place.
    #[error("unknown key `{key}` {place}")]
    UnknownKey {
        /// The key.
        key: String,
        /// Where, such as ``in `general_settings` ``.
        place: String,
        /// What may be meant.
        #[help]
        help: String,
    },
    /// A key that LiteLLM has, that could change a decision, and that is not implemented here.
    #[error("`{key}` is not implemented by modelgate")]
    NotImplemented {
        /// The key.
        key: String,
        /// What ignoring it would mean.
        #[help]
        help: String,
    },
    /// A key of `general_settings` at the top level, where LiteLLM does not read it.
    #[error("`{key}` has no meaning at the top level")]
    #[diagnostic(help("move it below `general_settings`"))]
    AtTopLevel {
        /// The key.
        key: String,
    },
    /// A value of another type.
    #[error("expected {expected}, found {found}")]
    WrongType {
        /// What the key takes.
        expected: String,
        /// What is there.
        found: String,
        /// How to write what may be meant.
        #[help]
        help: Option<String>,
    },
    /// A key that must be there.
    #[error("`{key}` is missing")]
    MissingKey {
        /// The key.
        key: String,
    },
    /// A value that must not be empty.
    #[error("`{key}` must not be empty")]
    Empty {
        /// The key or environment variable.
        key: String,
    },
    /// A number out of range.
    #[error("`{key}` must be {range}")]
    OutOfRange {
        /// The key.
        key: String,
        /// What is allowed.
        range: String,
    },
    /// `os.environ/NAME` where `NAME` is not set.
    #[error("environment variable `{name}` is not set")]
    #[diagnostic(help("set it, or give it a value in `environment_variables`"))]
    UnsetVariable {
        /// The variable.
        name: String,
    },
    /// A role that is not one of LiteLLM's three.
    #[error("unknown role `{role}`")]
    #[diagnostic(help(
        "a role is `internal_user`, `proxy_admin` or `team`; `modelgate.role_permissions` takes a token's own roles"
    ))]
    UnknownRole {
        /// The role.
        role: String,
    },
    /// A claim path with an empty part.
    #[error("`{path}` is not a claim path")]
    #[diagnostic(help(
        "write the names on the way to the claim, separated by dots; `\\.` is a dot in a name"
    ))]
    ClaimPath {
        /// The path.
        path: String,
    },
    /// One of two keys that only work together.
    #[error("`{key}` needs `{other}`")]
    Needs {
        /// The key that is there.
        key: &'static str,
        /// The key that is not.
        other: &'static str,
        /// Why.
        #[help]
        help: &'static str,
    },
    /// A field that logged decisions do not have, or that cannot be masked.
    #[error("`{field}` is not a field that can be masked")]
    UnknownMask {
        /// The field.
        field: String,
        /// What may be meant.
        #[help]
        help: String,
    },
    /// A word that looks like a group of routes.
    #[error("unknown route group `{route}`")]
    UnknownRouteGroup {
        /// The word.
        route: String,
        /// What may be meant.
        #[help]
        help: String,
    },
    /// Two teams with one id.
    #[error("team `{team_id}` is declared twice, first on line {first}")]
    DuplicateTeam {
        /// The id.
        team_id: String,
        /// The line of the first declaration.
        first: u32,
    },
    /// Two entries of `modelgate.role_permissions` for one role.
    #[error("role `{role}` has two entries, the first on line {first}")]
    #[diagnostic(help("write one entry with what both give"))]
    DuplicateRole {
        /// The role.
        role: String,
        /// The line of the first entry.
        first: u32,
    },
    /// A role inherits from one that has no entry.
    #[error("no entry for the inherited role `{role}`")]
    UnknownParent {
        /// The role.
        role: String,
        /// What may be meant.
        #[help]
        help: String,
    },
    /// A role inherits from itself.
    #[error("role `{role}` inherits from itself, through `{parent}`")]
    #[diagnostic(help("leave out one of the steps: roles of a circle would all be the same role"))]
    Circle {
        /// The role.
        role: String,
        /// The role that it inherits from here.
        parent: String,
    },
    /// Two entries of `issuers` for one issuer.
    #[error("issuer `{issuer}` is listed twice, first on line {first}")]
    DuplicateIssuer {
        /// The issuer.
        issuer: String,
        /// The line of the first entry.
        first: u32,
    },
    /// Something checks the content of every request in LiteLLM, and nothing does here.
    #[error("the guardrail `{what}` would check every request, and modelgate checks no content")]
    #[diagnostic(help(
        "without it requests that it refuses would be forwarded: remove it, or write `ignore: [guardrails]` below `modelgate`"
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
        /// What may be meant.
        #[help]
        help: String,
    },
    /// Two keys that cannot both be meant.
    #[error("`{key}` and `{other}` exclude each other")]
    Conflict {
        /// The one key.
        key: &'static str,
        /// The other key.
        other: &'static str,
        /// What each of them does.
        #[help]
        help: &'static str,
    },
    /// Two keys that mean the same have different values.
    #[error("`{key}` and `{other}` disagree")]
    #[diagnostic(help("they are two names of one setting: keep one"))]
    Disagree {
        /// The one key.
        key: &'static str,
        /// The other key.
        other: &'static str,
    },
    /// A `*` in `litellm_params.model` that the model's name does not fill.
    #[error("nothing fills the `*` of `{model}`")]
    #[diagnostic(help("exactly one `*` in `model_name` stands for the one in `litellm_params.model`"))]
    Wildcard {
        /// `litellm_params.model`.
        model: String,
    },
    /// A URL that cannot be used.
    #[error("`{key}` is not a usable URL: {reason}")]
    Url {
        /// The key or environment variable.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Something that cannot be sent as a header.
    #[error("`{key}` can't be sent as a header")]
    Header {
        /// The key or header.
        key: String,
    },
}

/// What is allowed, but probably not meant.
#[derive(Clone, Debug, PartialEq, Eq, Error, Diagnostic)]
#[diagnostic(severity(Warning))]
#[non_exhaustive]
pub enum Caution {
    /// Tokens for any audience from any issuer are accepted.
    #[error("neither `JWT_AUDIENCE` nor `JWT_ISSUER` is set")]
    #[diagnostic(help(
        "every token that the identity provider signs, for whatever application, is accepted"
    ))]
    AnyAudience,
    /// Nothing tells for whom an opaque token was issued.
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
    /// `*` is taken for a wildcard (R2).
    #[error("`*` is an ordinary model name here")]
    #[diagnostic(help("leave `models` out to allow every model"))]
    Star,
    /// An entry that is never consulted (R2).
    #[error("a second entry for the role `{role}` is never consulted")]
    #[diagnostic(help("the first one, on line {first}, decides"))]
    SecondEntry {
        /// The role.
        role: String,
        /// The line of the entry that counts.
        first: u32,
    },
    /// A block or list that something else must switch on.
    #[error("`{key}` has no effect without `{other}`")]
    NoEffect {
        /// The key that is there.
        key: &'static str,
        /// The key that is not, or not true.
        other: &'static str,
    },
    /// A role that tokens can have and that nothing restricts (R2).
    #[error("no entry of `role_permissions` names `{role}`, so it may use every model")]
    #[diagnostic(help("add `- {{role: {role}, models: []}}`, or set `modelgate.strict: true`"))]
    OpenRole {
        /// The role.
        role: String,
    },
    /// An entry that restricts no model (R2).
    #[error("the entry for `{role}` has no `models`, so it may use every model")]
    #[diagnostic(help("add `models` with what it may use, or set `modelgate.strict: true`"))]
    OpenEntry {
        /// The role.
        role: String,
    },
    /// Roles that nobody needs (R1.3).
    #[error("every token with the claim `{claim}` is an `internal_user`, whatever its roles")]
    #[diagnostic(help(
        "leave `user_id_jwt_field` out, so that `user_allowed_roles` decides, or set `modelgate.strict: true`"
    ))]
    EverybodyIsUser {
        /// The claim at `user_id_jwt_field`.
        claim: String,
    },
    /// Nothing is enforced.
    #[error("denials are logged and not enforced")]
    #[diagnostic(help("remove `mode: log_only` when the log shows no denial that should not be one"))]
    LogOnly,
    /// A listed route that no request can have.
    #[error("the route `{route}` matches no request")]
    #[diagnostic(help("a path begins with `/`"))]
    DeadRoute {
        /// The route.
        route: String,
    },
    /// A key of LiteLLM that has no effect here, so that callers get other answers.
    #[error("`{key}` has no effect here: {reason}")]
    Ignored {
        /// The key with its block, such as `general_settings.public_routes`.
        key: String,
        /// What happens instead.
        reason: &'static str,
    },
    /// A setting of LiteLLM that opens and closes nothing cannot be read.
    #[error("`{key}` is left out: expected {expected}")]
    Unreadable {
        /// The key.
        key: String,
        /// What it takes.
        expected: &'static str,
    },
    /// Tokens name teams, and there is none (R6).
    #[error("no team is declared, so every token with a team is denied")]
    #[diagnostic(help(
        "list the teams of LiteLLM's database in `teams`, or set `team_id_upsert: true`, which lets every team use every model"
    ))]
    NoTeams,
    /// Teams that nobody declares are unrestricted (R6).
    #[error("every team that is not in `teams` may use every model")]
    #[diagnostic(help("LiteLLM would create it in its database, without any restriction"))]
    AnyTeam,
    /// A value that was meant to be replaced, by LiteLLM as little as here.
    #[error("`{key}` is taken literally: `{written}`")]
    #[diagnostic(help("write `os.environ/{name}` for the value of the environment variable `{name}`"))]
    LiteralVariable {
        /// The key.
        key: &'static str,
        /// The value, such as `${{KEY}}`.
        written: String,
        /// The variable that may be meant.
        name: String,
    },
    /// A provider that is asked without a credential.
    #[error("requests to `{provider}` are sent without a key")]
    #[diagnostic(help("write `api_key`, or set {variables}"))]
    NoKey {
        /// The provider.
        provider: String,
        /// Variables that may hold the key.
        variables: String,
    },
    /// A model whose provider this gateway does not speak to.
    #[error("model `{model}` is judged but not served: {reason}")]
    NotServed {
        /// Its name in the configuration.
        model: String,
        /// Why not.
        reason: String,
        /// What would serve it.
        #[help]
        help: String,
    },
}

impl Problem {
    /// Whether the file asks for something that modelgate does not implement, so that ignoring it would open something.
    #[must_use]
    pub fn would_open(&self) -> bool {
        matches!(self, Self::NotImplemented { .. } | Self::Guardrail { .. } | Self::AtTopLevel { .. })
    }
}

impl Caution {
    /// For a key that has no effect, what that means for answers.
    #[must_use]
    pub fn effect(&self) -> Option<Effect> {
        match self {
            Self::Ignored { .. } => Some(Effect::ChangesAnswers),
            _ => None,
        }
    }
}
