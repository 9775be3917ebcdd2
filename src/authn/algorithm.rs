//! The accepted signature algorithms, by their names in RFC 7518 and RFC 8037.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519 as EDDSA, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters, VerificationAlgorithm,
};

/// The maximum length of a key id.
pub(super) const MAX_KEY_ID_BYTES: usize = 1024;

/// A signature algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
    Es256,
    Es384,
    EdDsa,
}

impl Algorithm {
    /// The parameters of an RSA algorithm.
    pub(super) fn rsa(self) -> Option<&'static RsaParameters> {
        match self {
            Self::Rs256 => Some(&RSA_PKCS1_2048_8192_SHA256),
            Self::Rs384 => Some(&RSA_PKCS1_2048_8192_SHA384),
            Self::Rs512 => Some(&RSA_PKCS1_2048_8192_SHA512),
            Self::Ps256 => Some(&RSA_PSS_2048_8192_SHA256),
            Self::Ps384 => Some(&RSA_PSS_2048_8192_SHA384),
            Self::Ps512 => Some(&RSA_PSS_2048_8192_SHA512),
            Self::Es256 | Self::Es384 | Self::EdDsa => None,
        }
    }

    /// The algorithm of an elliptic curve.
    pub(super) fn of_curve(self) -> Option<&'static dyn VerificationAlgorithm> {
        match self {
            Self::Es256 => Some(&ECDSA_P256_SHA256_FIXED),
            Self::Es384 => Some(&ECDSA_P384_SHA384_FIXED),
            Self::EdDsa => Some(&EDDSA),
            _ => None,
        }
    }
}

/// An algorithm with its name.
pub(super) type Named = (&'static str, Algorithm);

// Only asymmetric algorithms are accepted. With `HS256`, a published key would become the secret (RFC 8725 section
// 2.1).

/// The algorithms for RSA keys.
pub(super) static RSA: [Named; 6] = [
    ("RS256", Algorithm::Rs256),
    ("RS384", Algorithm::Rs384),
    ("RS512", Algorithm::Rs512),
    ("PS256", Algorithm::Ps256),
    ("PS384", Algorithm::Ps384),
    ("PS512", Algorithm::Ps512),
];
/// The algorithms for P-256 keys.
pub(super) static P256: [Named; 1] = [("ES256", Algorithm::Es256)];
/// The algorithms for P-384 keys.
pub(super) static P384: [Named; 1] = [("ES384", Algorithm::Es384)];
/// The algorithms for Ed25519 keys: one algorithm with two names. RFC 9864 adds the newer name, which names the curve.
pub(super) static ED25519: [Named; 2] = [("EdDSA", Algorithm::EdDsa), ("Ed25519", Algorithm::EdDsa)];

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
