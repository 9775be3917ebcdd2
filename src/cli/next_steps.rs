//! Advice for a user who runs `serve` without a configuration.

use std::path::Path;

use clap::error::ErrorKind;

/// The file that LiteLLM's documentation and `modelgate init` use.
const USUAL: &str = "config.yaml";

/// The advice for an error of the command line, if there is any.
pub(super) fn after(error: &clap::Error) -> Option<String> {
    let serves = std::env::args_os().nth(1).is_some_and(|command| command == "serve");
    (serves && error.kind() == ErrorKind::MissingRequiredArgument).then(|| advice(Path::new(USUAL).is_file()))
}

fn advice(has_usual: bool) -> String {
    let serve = if has_usual {
        "modelgate serve --config config.yaml  serves the configuration that is in this directory"
    } else {
        "modelgate serve --config FILE         serves LiteLLM's configuration, or your own"
    };
    format!(
        "\nWhat next:\n  \
         modelgate demo --tour                 shows a running gateway; needs nothing\n  \
         modelgate init                        writes a configuration, a policy and cases to start from\n  \
         {serve}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_names_the_demo_init_and_a_configuration() {
        for has_usual in [true, false] {
            let advice = advice(has_usual);
            for command in ["demo --tour", "init", "serve --config"] {
                assert!(advice.contains(&format!("modelgate {command}")), "{advice}");
            }
            assert_eq!(advice.contains("config.yaml"), has_usual);
        }
    }
}
