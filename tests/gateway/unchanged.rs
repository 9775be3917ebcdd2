//! Reloads of unchanged files.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use modelgate::gateway::{Outcome, Reloader};
use modelgate::sources::Sources;

use crate::reload::Live;

#[tokio::test]
async fn files_are_read_for_what_they_mean_only_when_one_was_changed_added_or_removed() {
    let live = Live::start().await;
    let keys = url::Url::from_file_path(live.files().path("jwks.json")).unwrap().to_string();
    // Parsing a configuration looks up variables.
    let lookups = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&lookups);
    let env = move |name: &str| {
        counted.fetch_add(1, Ordering::Relaxed);
        (name == "JWT_PUBLIC_KEY_URL").then(|| keys.clone())
    };
    let reloader =
        Reloader::start(Sources::new(&live.files().path("config.yaml"), None), Box::new(env), None).unwrap();
    let reload = async || {
        let before = lookups.load(Ordering::Relaxed);
        (reloader.reload().await, lookups.load(Ordering::Relaxed) > before)
    };

    assert_eq!(reload().await, (Outcome::Unchanged, false));
    live.files().write("policies/none.cedar", "forbid (principal, action, resource);");
    assert_eq!(reload().await, (Outcome::Loaded, true));
    assert_eq!(reload().await, (Outcome::Unchanged, false));
    std::fs::remove_file(live.files().path("policies/none.cedar")).unwrap();
    assert_eq!(reload().await, (Outcome::Loaded, true));
    live.files().write(
        "jwks.json",
        format!("{}\n", std::fs::read_to_string(live.files().path("jwks.json")).unwrap()),
    );
    assert_eq!(reload().await, (Outcome::Loaded, true));
    assert_eq!(reload().await, (Outcome::Unchanged, false));
}
