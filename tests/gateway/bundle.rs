//! Policies from a server.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use flate2::Compression;
use flate2::write::GzEncoder;
use modelgate::gateway::{BundleError, Mirror, Reloader};
use modelgate::sources::Sources;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::fixture::soon;

/// The content of the server: a bundle, its signature, and the number of complete downloads.
#[derive(Default)]
struct Published {
    bundle: Vec<u8>,
    signature: Vec<u8>,
    sent: usize,
}

struct Server {
    url: url::Url,
    key: Ed25519KeyPair,
    published: Arc<Mutex<Published>>,
}

fn bundle(files: &[(&str, &str)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (name, text) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, text.as_bytes()).unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap()
}

impl Server {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/rules/bundle.tar.gz", listener.local_addr().unwrap()).parse().unwrap();
        let published = Arc::new(Mutex::new(Published::default()));
        tokio::spawn(serve(listener, Arc::clone(&published)));
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Self { url, key: Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap(), published }
    }

    fn publish(&self, policy: &str) {
        self.publish_files(&[("a.cedar", policy)]);
    }

    fn publish_version(&self, version: u64, policy: &str) {
        let manifest = format!("{{\"version\": {version}}}");
        self.publish_files(&[("bundle.json", &manifest), ("a.cedar", policy)]);
    }

    fn publish_files(&self, files: &[(&str, &str)]) {
        let bundle = bundle(files);
        let signature = self.key.sign(&bundle).as_ref().to_vec();
        let mut published = self.published.lock().unwrap();
        (published.bundle, published.signature) = (bundle, signature);
    }

    fn mirror(&self) -> Mirror {
        Mirror::new(self.url.clone(), Some(self.key.public_key().as_ref().to_vec())).unwrap()
    }
}

async fn serve(listener: TcpListener, published: Arc<Mutex<Published>>) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.push(stream.read_u8().await.unwrap());
        }
        let request = String::from_utf8(request).unwrap();
        let (status, body, etag) = {
            let mut published = published.lock().unwrap();
            let etag = format!(
                "\"{}\"",
                published.signature.iter().map(|byte| format!("{byte:02x}")).collect::<String>()
            );
            if request.starts_with("GET /rules/bundle.tar.gz.sig ") {
                ("200 OK", published.signature.clone(), etag)
            } else if request.contains(&etag) {
                ("304 Not Modified", Vec::new(), etag)
            } else {
                published.sent += 1;
                ("200 OK", published.bundle.clone(), etag)
            }
        };
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status}\r\netag: {etag}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
        );
        stream.write_all(&[head.as_bytes(), &body].concat()).await.unwrap();
    }
}

fn text(mirror: &Mirror) -> String {
    std::fs::read_to_string(mirror.policies().join("a.cedar")).unwrap()
}

#[tokio::test]
async fn a_signed_bundle_is_taken_up_and_anything_else_leaves_the_last_one() {
    let server = Server::start().await;
    server.publish("// first");
    let mut mirror = server.mirror();
    assert!(soon(mirror.refresh()).await.unwrap());
    assert_eq!(text(&mirror), "// first");
    assert!(!soon(mirror.refresh()).await.unwrap(), "it has not changed");
    assert_eq!(server.published.lock().unwrap().sent, 1, "and was not sent again");

    server.publish("// second");
    server.published.lock().unwrap().signature[0] ^= 1;
    let refused = soon(mirror.refresh()).await.unwrap_err();
    assert!(matches!(refused, BundleError::Signature(_)), "{refused}");
    assert_eq!(text(&mirror), "// first");

    server.publish("// third");
    assert!(soon(mirror.refresh()).await.unwrap());
    assert_eq!(text(&mirror), "// third");

    let bundle = b"no archive".to_vec();
    let signature = server.key.sign(&bundle).as_ref().to_vec();
    *server.published.lock().unwrap() = Published { bundle, signature, sent: 0 };
    assert!(matches!(soon(mirror.refresh()).await.unwrap_err(), BundleError::Contents(_)));
    assert_eq!(text(&mirror), "// third");

    let directory = mirror.policies();
    drop(mirror);
    assert!(!directory.exists(), "nothing is left behind");
}

#[tokio::test]
async fn a_new_bundle_is_in_force_at_the_next_poll() {
    let server = Server::start().await;
    server.publish("// nothing");
    let mut mirror = server.mirror();
    assert!(soon(mirror.refresh()).await.unwrap());

    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("config.yaml");
    std::fs::write(&config, "general_settings: {master_key: sk-1}\nmodel_list: []\n").unwrap();
    let sources = Sources::new(&config, Some(&mirror.policies()));
    let reloader = Reloader::start(sources, Box::new(|_| None), None).unwrap();
    let policies = || reloader.gateway().active().origin().map(|origin| origin.policy_count);
    assert_eq!(policies(), Some(0));

    tokio::spawn(Arc::clone(&reloader).follow(mirror, Duration::from_millis(5)));
    server.publish("forbid (principal, action, resource);");
    soon(async {
        while policies() != Some(1) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    server.publish("forbid (principal");
    soon(async {
        while reloader.status().failures == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(policies(), Some(1), "the old rules stay active");
}

#[test]
fn plain_http_needs_a_key() {
    let refused = Mirror::new("http://127.0.0.1/bundle.tar.gz".parse().unwrap(), None).unwrap_err();
    assert!(matches!(refused, BundleError::Plain(_)), "{refused}");
}

#[tokio::test]
async fn a_bundle_that_is_older_than_one_that_was_accepted_is_refused() {
    let server = Server::start().await;
    server.publish_version(41, "// first");
    let mut mirror = server.mirror();
    assert!(soon(mirror.refresh()).await.unwrap());
    server.publish_version(43, "// third");
    assert!(soon(mirror.refresh()).await.unwrap());
    let older: [&dyn Fn(); 4] = [
        &|| server.publish_version(42, "// second"),
        &|| server.publish_version(41, "// first"),
        &|| server.publish_version(43, "// another third"),
        &|| server.publish("// without a version"),
    ];
    for publish in older {
        publish();
        let refused = soon(mirror.refresh()).await.unwrap_err();
        assert!(matches!(refused, BundleError::Version(_)), "{refused}");
        assert_eq!(text(&mirror), "// third");
    }
    server.publish_version(44, "// fourth");
    assert!(soon(mirror.refresh()).await.unwrap());
    assert_eq!((text(&mirror).as_str(), mirror.newest().unwrap().number), ("// fourth", 44));

    // After a restart, the stored version counts.
    let newest = mirror.newest().unwrap().clone();
    let mut restarted = server.mirror().not_before(newest);
    assert!(soon(restarted.refresh()).await.unwrap(), "the same bundle is as good as before");
    server.publish_version(43, "// third");
    assert!(matches!(soon(restarted.refresh()).await.unwrap_err(), BundleError::Version(_)));
}

#[tokio::test]
async fn a_bundle_without_rules_that_count_is_refused_by_the_names_of_its_files() {
    let server = Server::start().await;
    server.publish("// first");
    let mut mirror = server.mirror();
    assert!(soon(mirror.refresh()).await.unwrap());
    let wrong: [(&[(&str, &str)], &str); 3] = [
        (&[("b.Cedar", "forbid (principal, action, resource);")], "b.Cedar"),
        (&[("a.cedar", ""), ("rules/deny.txt", "")], "rules/deny.txt"),
        (&[("README.md", "")], "no `.cedar` file"),
    ];
    for (files, reason) in wrong {
        server.publish_files(files);
        let refused = soon(mirror.refresh()).await.unwrap_err();
        assert!(
            matches!(refused, BundleError::Contents(_)) && refused.to_string().contains(reason),
            "{refused}"
        );
    }
    assert_eq!(text(&mirror), "// first");
}

#[tokio::test]
async fn a_version_whose_rules_are_refused_need_not_be_followed_by_a_newer_one() {
    let server = Server::start().await;
    server.publish_version(1, "// first");
    let mut mirror = server.mirror();
    assert!(soon(mirror.refresh()).await.unwrap());
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("config.yaml");
    std::fs::write(&config, "general_settings: {master_key: sk-1}\nmodel_list: []\n").unwrap();
    let sources = Sources::new(&config, Some(&mirror.policies()));
    let reloader = Reloader::start(sources, Box::new(|_| None), None).unwrap();
    tokio::spawn(Arc::clone(&reloader).follow(mirror, Duration::from_millis(5)));
    server.publish_version(3, "forbid (principal");
    soon(async {
        while reloader.status().failures == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    server.publish_version(2, "forbid (principal, action, resource);");
    soon(async {
        while reloader.gateway().active().origin().map(|origin| origin.policy_count) != Some(1) {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[test]
fn what_a_killed_process_left_behind_is_in_nobodys_way() {
    let server: url::Url = "https://127.0.0.1/bundle.tar.gz".parse().unwrap();
    let (first, second) = (Mirror::new(server.clone(), None).unwrap(), Mirror::new(server, None).unwrap());
    assert_ne!(first.policies(), second.policies());
    // Simulates a kill: the files of the first process remain, and this process has the same id.
    std::mem::forget(first);
    assert!(Mirror::new("https://127.0.0.1/x".parse().unwrap(), None).is_ok());
}
