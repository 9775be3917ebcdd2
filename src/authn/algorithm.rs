//! The accepted signature algorithms, by their names in RFC 7518 and RFC 8037.

use jsonwebtoken::Algorithm;

/// The maximum length of a key id.
pub(super) const MAX_KEY_ID_BYTES: usize = 1024;

/// An algorithm with its name.
pub(super) type Named = (&'static str, Algorithm);

// Only asymmetric algorithms are accepted. With `HS256`, a published key would become the secret (RFC 8725 section
// 2.1). `ES512` is missing because jsonwebtoken lacks it.

/// The algorithms for RSA keys.
pub(super) static RSA: [Named; 6] = [
    ("RS256", Algorithm::RS256),
    ("RS384", Algorithm::RS384),
    ("RS512", Algorithm::RS512),
    ("PS256", Algorithm::PS256),
    ("PS384", Algorithm::PS384),
    ("PS512", Algorithm::PS512),
];
/// The algorithms for P-256 keys.
pub(super) static P256: [Named; 1] = [("ES256", Algorithm::ES256)];
/// The algorithms for P-384 keys.
pub(super) static P384: [Named; 1] = [("ES384", Algorithm::ES384)];
/// The algorithms for Ed25519 keys: one algorithm with two names. RFC 9864 adds the newer name, which names the curve.
pub(super) static ED25519: [Named; 2] = [("EdDSA", Algorithm::EdDSA), ("Ed25519", Algorithm::EdDSA)];

fn accepted() -> impl Iterator<Item = &'static Named> {
    RSA.iter().chain(&P256).chain(&P384).chain(&ED25519)
}

/// The accepted algorithm with exactly this name.
pub(super) fn named(name: &str) -> Option<&'static Named> {
    accepted().find(|(accepted, _)| *accepted == name)
}

/// All accepted names.
pub(super) fn names() -> String {
    accepted().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_asymmetric_algorithms_are_accepted_by_their_exact_names() {
        assert_eq!(names(), "RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA, Ed25519");
        for name in [
            "none", "None", "NONE", "nOnE", "", "HS256", "HS384", "HS512", "ES512", "ES521", "ES256K",
            "rs256", "RS256 ", "RS256\0", "ed25519", "Ed448",
        ] {
            assert_eq!(named(name), None, "{name}");
        }
    }
}
