//! Loads files into a generation that can be activated: reads, validates and builds it.

use std::time::SystemTime;

use super::error::{ActivationError, read_file, unusable};
use super::generation::Generation;
use super::listeners::{self, ListenerTls};
use super::origin::{Fingerprint, Origin};
use crate::config::{Config, Deployment, GoogleCredentials, JwtAuth, Model, UpstreamCredential, google_key};
use crate::engine::Snapshot;
use crate::gateway::auth::jwks::files::{KeyFile, KeyFiles, NamedFile, key_files};
use crate::gateway::auth::verifier::TokenVerifier;
use crate::gateway::upstream::credentials;
use crate::reload::Roots;
use crate::sources::{Inputs, SourceFile, Sources};

/// The operator's own check of a new generation. If it returns a reason, the generation is never activated.
pub type ActivationCheck = Box<dyn Fn(&Snapshot) -> Result<(), String> + Send + Sync>;

/// Everything that was read.
pub(in crate::gateway) struct LoadedFiles {
    inputs: Inputs,
    key_files: KeyFiles,
    tls: ListenerTls,
    at: SystemTime,
    hash: String,
    roots: Roots,
}

impl LoadedFiles {
    /// Reads everything. `roots` gets the paths in the configuration, even if the configuration is then refused.
    pub(in crate::gateway) fn read(
        sources: &Sources,
        env: &dyn Fn(&str) -> Option<String>,
        roots: &mut Roots,
    ) -> Result<Self, ActivationError> {
        let at = SystemTime::now();
        let mut inputs = sources.read(env, &mut |config, policies| {
            *roots = Roots::of(sources, config, policies);
            roots.files.extend(named_keys(config).into_iter().map(|file| file.path));
            roots.files.extend(listeners::paths(&config.gateway));
        })?;
        roots.add_shadow(&inputs);
        let mut key_files = KeyFiles::new();
        for NamedFile { url, path, issuer } in named_keys(&inputs.config) {
            let file = read_file(&path)?;
            let keys = KeyFile::parse(&url, issuer.as_deref(), &file.content)
                .map_err(|error| unusable(&path, &error))?;
            key_files.insert(url, keys);
            inputs.files.push(file);
        }
        let google_keys = read_google_keys(&mut inputs.config)?;
        roots.files.extend(google_keys.iter().map(|file| file.path.clone()));
        inputs.files.extend(google_keys);
        let tls = ListenerTls::read(&inputs.config.gateway, &mut inputs.files)?;
        let mut fingerprint = Fingerprint::new();
        inputs.files.iter().for_each(|file| fingerprint.add(&file.path, &file.content));
        let (hash, roots) = (fingerprint.finish(), roots.clone());
        Ok(Self { inputs, key_files, tls, at, hash, roots })
    }

    /// Whether all files are unchanged since they were read.
    pub(in crate::gateway) fn is_stable(&self) -> bool {
        self.inputs.is_stable()
    }

    /// The SHA-256 of all files: names and contents.
    pub(in crate::gateway) fn hash(&self) -> &str {
        &self.hash
    }

    /// Validates everything, runs the operator's own check, and proves what the configuration demands. Keeps what `before`
    /// knows: keys and tokens that it fetched, and the health of deployments.
    pub(in crate::gateway) fn build(
        self,
        before: Option<&Generation>,
        check: Option<&ActivationCheck>,
    ) -> Result<Generation, ActivationError> {
        let verifier = verifier(&self.inputs.config, &self.key_files, before)?;
        let rules = self.inputs.rules();
        let loaded = self.inputs.build()?;
        check.map_or(Ok(()), |check| check(&loaded.snapshot)).map_err(ActivationError::Check)?;
        #[cfg(feature = "prove")]
        crate::reload::check(before.map(Generation::snapshot), &loaded)?;
        let files = loaded.files.into_iter().map(|file| file.path).collect();
        let (policies, policy_count) = (loaded.policies, loaded.policy_count);
        let Self { hash, at: loaded_at, roots, .. } = self;
        let origin = Some(Origin { hash, loaded_at, files, policies, policy_count, rules, roots });
        let tls = match before {
            Some(before) => self.tls.renewed(&before.tls),
            None => self.tls,
        };
        let shadow = loaded.shadow;
        let next = Generation::new(loaded.snapshot, verifier);
        let deployments = match before {
            Some(before) => next.deployments.renewed(&before.deployments),
            None => next.deployments,
        };
        Ok(Generation { shadow, tls, origin, deployments, ..next })
    }
}

fn verifier(
    config: &Config,
    files: &KeyFiles,
    before: Option<&Generation>,
) -> Result<Option<TokenVerifier>, ActivationError> {
    let Some(JwtAuth { tokens, .. }) = &config.jwt else {
        return if config.master_key.is_some() { Ok(None) } else { Err(ActivationError::NobodyGetsIn) };
    };
    if tokens.key_urls.is_empty() && tokens.issuers.is_empty() && tokens.opaque.is_none() {
        return Err(ActivationError::NoKeys);
    }
    let known = before
        .and_then(|before| Some((before.verifier.as_ref()?, &before.snapshot.config().jwt.as_ref()?.tokens)));
    Ok(Some(match known {
        Some((verifier, rules)) => verifier.renewed(rules, tokens, files),
        None => TokenVerifier::new(tokens)?.renewed(tokens, tokens, files),
    }))
}

/// Reads the key files of service accounts into the configuration, and returns the files. Checks that each key can sign.
fn read_google_keys(config: &mut Config) -> Result<Vec<SourceFile>, ActivationError> {
    let mut files: Vec<SourceFile> = Vec::new();
    for Model { name, deployment, by_provider, .. } in &mut config.models {
        let by_provider = by_provider.iter_mut().map(|(_, deployment)| deployment);
        for deployment in deployment.iter_mut().chain(by_provider) {
            read_google_key(deployment, &mut files)?;
            if let Some(UpstreamCredential::Google(GoogleCredentials::ServiceAccount(account))) =
                &deployment.credential
            {
                credentials::check(account)
                    .map_err(|reason| ActivationError::Credential { model: name.to_string(), reason })?;
            }
        }
    }
    Ok(files)
}

fn read_google_key(deployment: &mut Deployment, files: &mut Vec<SourceFile>) -> Result<(), ActivationError> {
    let Some(UpstreamCredential::Google(credentials)) = &mut deployment.credential else { return Ok(()) };
    let GoogleCredentials::File(path) = &*credentials else { return Ok(()) };
    let file = match files.iter().find(|file| file.path == *path) {
        Some(file) => file.clone(),
        None => {
            let file = read_file(path)?;
            files.push(file.clone());
            file
        }
    };
    let account = google_key(&file.content).map_err(|reason| unusable(path, &reason))?;
    if let Some(place) = &mut deployment.vertex {
        place.project = place.project.take().or_else(|| account.project_id.clone());
        if place.project.is_none() {
            return Err(unusable(path, &"it has no `project_id`, and `vertex_project` is not set"));
        }
    }
    *credentials = GoogleCredentials::ServiceAccount(Box::new(account));
    Ok(())
}

fn named_keys(config: &Config) -> Vec<NamedFile> {
    config.jwt.as_ref().map(|jwt| key_files(&jwt.tokens)).unwrap_or_default()
}
