//! Unique secrets, and the search for pieces of them.

use std::collections::{BTreeMap, HashMap};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// A piece of this many characters is recognizable.
const PIECE: usize = 12;

/// Random letters and digits.
fn random() -> String {
    const ALPHABET: &[u8] = b"abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
    let mut bytes = [0; 40];
    aws_lc_rs::rand::fill(&mut bytes).unwrap();
    bytes.iter().map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()])).collect()
}

/// The secrets, by name.
pub(crate) struct Secrets {
    by_name: BTreeMap<&'static str, String>,
    pieces: HashMap<Vec<u8>, &'static str>,
}

impl Secrets {
    pub(crate) fn new<const N: usize>(names: [&'static str; N]) -> Self {
        let mut secrets = Self { by_name: BTreeMap::new(), pieces: HashMap::new() };
        for name in names {
            let secret = random();
            secrets.add(name, &secret);
            secrets.by_name.insert(name, secret);
        }
        secrets
    }

    pub(crate) fn get(&self, name: &str) -> &str {
        &self.by_name[name]
    }

    /// Adds one secret: as it is, reversed, in hex, and in base64 at any offset.
    pub(crate) fn add(&mut self, name: &'static str, secret: &str) {
        let bytes = secret.as_bytes();
        let mut forms = vec![bytes.to_vec(), bytes.iter().rev().copied().collect()];
        forms.push(bytes.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()).collect());
        for skipped in 0..3_usize.min(bytes.len()) {
            forms.push(STANDARD_NO_PAD.encode(&bytes[skipped..]).into_bytes());
            forms.push(URL_SAFE_NO_PAD.encode(&bytes[skipped..]).into_bytes());
        }
        for form in forms {
            self.pieces.extend(form.windows(PIECE).map(|piece| (piece.to_vec(), name)));
        }
    }

    pub(crate) fn are_not_in(&self, place: &str, text: &str) {
        let pieces = text.as_bytes().windows(PIECE).enumerate();
        let mut found = pieces.filter_map(|(at, piece)| Some((at, self.pieces.get(piece)?)));
        let found = found.next().map(|(at, name)| {
            let around = &text.as_bytes()[at.saturating_sub(300)..text.len().min(at + 100)];
            format!("the {name}: {}", String::from_utf8_lossy(around))
        });
        assert_eq!(found, None, "a secret is in {place}");
    }
}

#[test]
fn a_piece_of_a_secret_is_found_in_every_form() {
    let secrets = Secrets::new(["mark"]);
    let secret = secrets.get("mark");
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let coded = URL_SAFE_NO_PAD.encode(format!("{{\"a\":\"{secret}\"}}"));
    for text in [secret, &secret[3..20], &hex, &coded] {
        let found = std::panic::catch_unwind(|| secrets.are_not_in("a test", &format!("x={text};")));
        assert!(found.is_err(), "{text}");
    }
    secrets.are_not_in("a test", &secret[..11]);
}
