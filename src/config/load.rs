//! Loads a [`Config`] from a file.

#[cfg(feature = "cli")]
use std::collections::HashMap;
use std::fs;
use std::io::{self, Read};
use std::path::Path;

use secrecy::{ExposeSecret as _, SecretString};

use super::error::{ConfigError, Excerpt, located};
use super::litellm::{de, finding};
use super::problem::{Caution, Problem};
use super::raw;
use super::settings::context::Context;
use super::settings::models::{aliases, key_warnings, router};
use super::settings::types::Config;
use super::settings::{
    features, gateway, jwt, models, permissions, permissive_defaults, teams, token_roles, tokens,
};
use super::yaml::environment::{Environment, REFERENCE};
use super::yaml::lines::Lines;
#[cfg(feature = "gateway")]
use super::yaml::policies;
use super::yaml::redaction;
#[cfg(feature = "cli")]
use super::yaml::secrets;
use super::yaml::tree::{Node, Span};

/// The maximum size of a file. Configurations are smaller, and a file of this size does no harm.
const LARGEST_FILE: u64 = 64 * 1024 * 1024;

impl Config {
    /// Reads the file at `path`. `env` looks up environment variables.
    ///
    /// # Errors
    ///
    /// The file cannot be read or is refused: see [`Problem`].
    pub fn load(path: &Path, env: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        Self::load_with_text(path, env).map(|(config, _)| config)
    }

    /// The same, and returns the text of the file.
    pub(crate) fn load_with_text(
        path: &Path,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<(Self, String), ConfigError> {
        let text = read(path).map_err(|cause| ConfigError::Read { file: path.to_owned(), cause })?;
        let directory = path.parent().unwrap_or(Path::new(""));
        Ok((Self::parse(&path.to_string_lossy(), &text, directory, env)?, text))
    }

    /// The text of a configuration without its secrets. Every line keeps its number.
    #[cfg(feature = "cli")]
    pub(crate) fn without_secrets(text: &str) -> String {
        Node::parse(text).map_or_else(|_| redaction::redact_lines(text), |root| secrets::without(text, &root))
    }

    /// The environment variables that a text refers to, and whether any of the references is in the place of a secret.
    #[cfg(feature = "cli")]
    pub(crate) fn references(text: &str) -> HashMap<String, bool> {
        Node::parse(text).map(|root| secrets::references(&root)).unwrap_or_default()
    }

    /// Reads a configuration that was made of [`Self::without_secrets`] of `original`. Secrets that are still replaced are those
    /// of the original.
    #[cfg(feature = "cli")]
    pub(crate) fn parse_with_secrets(
        file_name: &str,
        text: &str,
        original: &str,
        directory: &Path,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, ConfigError> {
        let original = Node::parse(original).ok();
        Self::parse_changed(file_name, text, directory, env, &|root| {
            if let Some(original) = &original {
                secrets::restore(root, original);
            }
        })
    }

    /// Whether the file certainly does not name policies on a server. The full reading tells, and reports what is wrong
    /// with the file.
    #[cfg(feature = "gateway")]
    pub(crate) fn has_local_policies(path: &Path) -> bool {
        read(path).is_ok_and(|text| policies::are_local(&text))
    }

    /// Reads a configuration from YAML (or JSON) text.
    ///
    /// `file_name` is used in diagnostics. Relative paths in the file are relative to `directory`. `env` looks up
    /// environment variables.
    ///
    /// ```
    /// use modelgate::config::Config;
    ///
    /// let yaml = "general_settings: {master_key: os.environ/KEY}\nmodel_list: []\n";
    /// let env = |name: &str| (name == "KEY").then(|| "sk-1".to_owned());
    /// assert!(Config::parse("config.yaml", yaml, ".".as_ref(), &env).is_ok());
    /// assert!(Config::parse("config.yaml", "modell_list: []\n", ".".as_ref(), &env).is_err());
    /// ```
    ///
    /// # Errors
    ///
    /// The text is refused: see [`Problem`].
    pub fn parse(
        file_name: &str,
        text: &str,
        directory: &Path,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, ConfigError> {
        Self::parse_changed(file_name, text, directory, env, &|_| ())
    }

    /// The same. `change` may change the values of the file before they are read.
    fn parse_changed(
        file_name: &str,
        text: &str,
        directory: &Path,
        env: &dyn Fn(&str) -> Option<String>,
        change: &dyn Fn(&mut Node),
    ) -> Result<Self, ConfigError> {
        let mut root = Node::parse(text).map_err(|problem| {
            let excerpt = Excerpt::new(file_name, redaction::redact_lines(text));
            ConfigError::new(file_name, located([problem], &excerpt))
        })?;
        let excerpt = Excerpt::new(file_name, redaction::redact(text, &root));
        let refused = |problems| Err(ConfigError::new(file_name, located(problems, &excerpt)));
        change(&mut root);

        let mut problems = Vec::new();
        root.take_duplicates(&mut problems);
        let variables = Environment::new(env, root.get("environment_variables"));
        let (file, mut findings) = de::read::<raw::File>(&root, &variables);
        problems.append(&mut findings.problems);
        findings.prune(&mut root);
        let env = Environment::new(env, root.get("environment_variables"));
        let Some(file) = file else { return refused(problems) };

        let mut cx = Context::new(&root, findings.ignored);
        let mut config = convert(&mut cx, file, &env, directory);
        let Context { problems: additional, warnings, ignored, .. } = cx;
        if problems.is_empty() {
            problems = additional;
        } else {
            let independent = additional.into_iter().filter(|problem| !follows_from(&problems, problem));
            problems.extend(independent.collect::<Vec<_>>());
        }
        if !problems.is_empty() {
            return refused(problems);
        }
        config.file = file_name.to_owned();
        config.ignored = finding::summarize(ignored);
        config.warnings = located(warnings, &excerpt);
        config.lines = Lines::of(root);
        Ok(config)
    }
}

/// Whether a problem may be a consequence of another one.
fn follows_from(known: &[(Problem, Option<Span>)], (problem, span): &(Problem, Option<Span>)) -> bool {
    let needs_other = matches!(
        problem,
        Problem::Needs { .. } | Problem::UnknownParent { .. } | Problem::UnknownCredential { .. }
    );
    let needs_other = needs_other || matches!(problem, Problem::Empty { key } if key == "issuers");
    let contains = |inner: Span| {
        span.is_some_and(|outer| (outer.start..=outer.start + outer.len).contains(&inner.start))
    };
    needs_other || known.iter().filter_map(|(_, known)| *known).any(contains)
}

/// Reads the text of a file within the size limit.
pub(crate) fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    fs::File::open(path)?.take(LARGEST_FILE + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LARGEST_FILE { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(text) }
}

fn convert(cx: &mut Context<'_>, file: raw::File, env: &Environment<'_>, directory: &Path) -> Config {
    let raw::File { general_settings, model_list, _environment_variables: _, teams: team_list, modelgate } =
        file;
    let raw::GeneralSettings { enable_jwt_auth, litellm_jwtauth, role_permissions, master_key, enforce_rbac } =
        general_settings.unwrap_or_default();
    let mut modelgate = modelgate.unwrap_or_default();
    let has_upstream = modelgate.upstream.is_some();
    key_warnings::check_literal(cx, "general_settings.master_key", "master_key", master_key.as_ref());
    if let Some(key) = &master_key {
        cx.not_empty("general_settings.master_key", key.expose_secret().trim());
    }
    let master_key = master_key.or_else(|| master_key_variable(cx, env));

    let has_jwt_block = litellm_jwtauth.is_some();
    let jwt = litellm_jwtauth.unwrap_or_default();
    let enforced = enable_jwt_auth && jwt.enforce_rbac;
    let tokens = tokens::token_rules(cx, env, &jwt, &modelgate);
    if enable_jwt_auth {
        tokens::check_scoping(cx, &tokens);
    } else {
        if has_jwt_block {
            let caution = Caution::NoEffect { key: "litellm_jwtauth", other: "enable_jwt_auth: true" };
            cx.warn_key(jwt::PATH, caution);
        }
        if modelgate.introspection.is_some() {
            let caution = Caution::NoEffect { key: "introspection", other: "enable_jwt_auth: true" };
            cx.warn_key("modelgate.introspection", caution);
        }
    }
    let has_token_roles = modelgate.role_permissions.is_some();
    if has_token_roles {
        token_roles::check_claim(cx, &jwt);
    }
    token_roles::check_strict(cx, &jwt, &modelgate);
    let jwt = jwt::jwt_auth(cx, jwt, &modelgate, tokens);

    let role_permissions = role_permissions.map(|entries| permissions::role_permissions(cx, entries));
    if role_permissions.is_some() && !enforced {
        let caution =
            Caution::NoEffect { key: "role_permissions", other: "litellm_jwtauth.enforce_rbac: true" };
        cx.warn_key("general_settings.role_permissions", caution);
    }
    if enforced && !modelgate.strict {
        permissive_defaults::check(cx, &jwt, role_permissions.as_deref());
    }
    if has_token_roles && !enable_jwt_auth {
        let caution = Caution::NoEffect { key: "role_permissions", other: "enable_jwt_auth: true" };
        cx.warn_key(token_roles::PATH, caution);
    }
    let token_role_entries = modelgate.role_permissions.take();
    let token_roles = token_role_entries.map(|entries| token_roles::token_roles(cx, entries));
    let ignored = modelgate.ignore.take().unwrap_or_default();
    features::check_ignored(cx, &ignored);
    features::check(cx, &ignored);
    let reads_roles =
        enable_jwt_auth && (jwt.user_roles_jwt_field.is_some() || jwt.roles_jwt_field.is_some());
    let names = if reads_roles { gateway::TokenRoles::Read } else { gateway::TokenRoles::Unread };
    let gateway = gateway::settings(cx, modelgate, names, directory);
    let has_models = model_list.is_some();
    let mut models = models::models(cx, env, model_list.unwrap_or_default(), has_upstream);
    aliases::add(cx, &mut models, has_upstream);
    let router = router::settings(cx, env);
    router::check_models(cx, &router, &models);
    let teams = teams::teams(cx, team_list.unwrap_or_default());
    if enable_jwt_auth {
        teams::check_claims(cx, &jwt, &teams);
    }
    features::warn(cx);
    // Without a list, only the proxy behind the gateway knows the models.
    if has_models || !has_upstream {
        permissions::check_models(cx, role_permissions.as_deref().unwrap_or_default(), &models);
    }
    Config {
        file: String::new(),
        lines: Lines::default(),
        jwt: enable_jwt_auth.then_some(jwt),
        role_permissions,
        token_roles,
        require_identity: enforce_rbac,
        master_key,
        models,
        teams,
        router,
        gateway,
        ignored: Vec::new(),
        warnings: Vec::new(),
    }
}

/// As in LiteLLM, the variable is only read if the key is absent from the file. One reference in it is resolved.
fn master_key_variable(cx: &mut Context<'_>, env: &Environment<'_>) -> Option<SecretString> {
    const NAME: &str = "LITELLM_MASTER_KEY";
    if cx.has("general_settings.master_key") {
        return None;
    }
    let key = tokens::not_empty(cx, env, NAME)?;
    match key.strip_prefix(REFERENCE) {
        Some(other) => {
            let found = tokens::not_empty(cx, env, other);
            if found.is_none() {
                cx.problems.push((Problem::UnsetVariable { name: other.to_owned() }, env.span(NAME)));
            }
            found.map(Into::into)
        }
        None => Some(key.into()),
    }
}
