//! What must be proven before new rules become active: `modelgate.invariants` and `modelgate.reload`.

use std::path::Path;
use std::time::Duration;

use super::clients::refuse;
use crate::config::problem::Problem;
use crate::config::raw::{Invariants, InvariantsBlock, Reload};
use crate::config::settings::context::Context;
use crate::config::settings::types::{AllowedChange, ReloadRules, RequiredInvariants};

const BUDGET: Duration = Duration::from_secs(10);

/// `modelgate.invariants`.
pub(super) fn invariants(cx: &mut Context<'_>, block: Invariants, base: &Path) -> RequiredInvariants {
    let (InvariantsBlock { directory, budget }, at) = match block {
        Invariants::Directory(directory) => {
            (InvariantsBlock { directory, budget: None }, "modelgate.invariants")
        }
        Invariants::Block(block) => (block, "modelgate.invariants.directory"),
    };
    cx.not_empty(at, &directory);
    needs_proofs(cx, "invariants");
    let budget = self::budget(cx, "modelgate.invariants.budget", budget);
    RequiredInvariants { directory: base.join(directory), budget }
}

/// `modelgate.reload`.
pub(super) fn reload(cx: &mut Context<'_>, block: Reload) -> ReloadRules {
    let Reload { allow, budget } = block;
    let allow = match allow.as_deref() {
        None | Some("any") => AllowedChange::Any,
        Some("narrower") => {
            needs_proofs(cx, "reload.allow");
            AllowedChange::Narrower
        }
        Some(_) => {
            refuse(cx, "reload.allow", "allow", "`narrower` or `any`");
            AllowedChange::Narrower
        }
    };
    ReloadRules { allow, budget: self::budget(cx, "modelgate.reload.budget", budget) }
}

fn budget(cx: &mut Context<'_>, path: &str, seconds: Option<f64>) -> Duration {
    cx.seconds(path, seconds, 1..=3600, BUDGET)
}

/// A program without proofs would ignore the condition.
fn needs_proofs(cx: &mut Context<'_>, key: &'static str) {
    if !cfg!(feature = "prove") {
        let help = "this program was built without the feature `prove`: build it with the feature, or remove the key, which \
                    would have no effect";
        cx.refuse_key(&format!("modelgate.{key}"), Problem::Needs { key, other: "--features prove", help });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn config(block: &str) -> Result<Config, String> {
        let yaml = format!("general_settings: {{master_key: sk-1}}\nmodel_list: []\nmodelgate: {block}\n");
        let config = Config::parse("config.yaml", &yaml, "/base".as_ref(), &|_| None);
        config
            .map_err(|error| error.problems().iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
    }

    #[test]
    #[cfg(feature = "prove")]
    fn a_string_is_the_directory_and_a_block_has_a_budget() {
        let read = |block: &str| config(block).map(|config| config.gateway.invariants);
        let of = |seconds: u64| RequiredInvariants {
            directory: "/base/bounds".into(),
            budget: Duration::from_secs(seconds),
        };
        assert_eq!(read("{invariants: bounds}"), Ok(Some(of(10))));
        assert_eq!(read("{invariants: {directory: bounds}}"), Ok(Some(of(10))));
        assert_eq!(read("{invariants: {directory: bounds, budget: 3}}"), Ok(Some(of(3))));
        assert_eq!(read("{}"), Ok(None));
    }

    #[test]
    #[cfg(feature = "prove")]
    fn mistakes_are_refused() {
        let refused = |block: &str| config(block).map(|_| ()).unwrap_err();
        assert_eq!(refused("{invariants: }"), "expected a string or a mapping, found nothing");
        assert_eq!(refused("{invariants: ''}"), "`invariants` must not be empty");
        assert_eq!(refused("{invariants: 3}"), "expected a string or a mapping, found a number");
        assert_eq!(refused("{invariants: {budget: 3}}"), "`directory` is missing");
        assert_eq!(
            refused("{invariants: {directory: a, budget: 0}}"),
            "`budget` must be from 1 to 3600 seconds"
        );
        let misspelled = refused("{invariants: {directory: a, budjet: 3}}");
        assert_eq!(misspelled, "unknown key `budjet` in `invariants`");
        assert_eq!(refused("{reload: {allow: wider}}"), "`allow` must be `narrower` or `any`");
    }

    #[test]
    #[cfg(feature = "prove")]
    fn a_reload_may_change_anything_unless_the_file_says_otherwise() {
        let allowed = |block: &str| config(block).unwrap().gateway.reload.allow;
        assert_eq!(allowed("{}"), AllowedChange::Any);
        assert_eq!(allowed("{reload: {allow: any}}"), AllowedChange::Any);
        assert_eq!(allowed("{reload: {allow: narrower}}"), AllowedChange::Narrower);
    }

    #[test]
    #[cfg(not(feature = "prove"))]
    fn a_program_that_cannot_prove_refuses_to_promise_it() {
        let refused = |block: &str| config(block).map(|_| ()).unwrap_err();
        assert_eq!(refused("{invariants: a}"), "`invariants` needs `--features prove`");
        assert_eq!(refused("{reload: {allow: narrower}}"), "`reload.allow` needs `--features prove`");
        assert!(config("{reload: {allow: any}}").is_ok());
    }
}
