//! Reasons to refuse a key.

/// The reason why a key of a set is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyRefusal {
    /// The key is not a JSON object.
    #[error("not a JSON object")]
    NotAnObject,
    /// A member is missing, has another type, or is not strict base64url.
    #[error("member `{name}` is missing or malformed")]
    Member {
        /// The member.
        name: &'static str,
    },
    /// The set publishes a private or symmetric key, so anybody can sign with it.
    #[error("the key is private or symmetric, not public")]
    Private,
    /// `use` or `key_ops` exclude verifying signatures.
    #[error("the key is not for verifying signatures")]
    Purpose,
    /// `kty` is not RSA, EC or OKP.
    #[error("key type `{name}` is not supported")]
    Type {
        /// The value of `kty`.
        name: String,
    },
    /// `crv` is not P-256, P-384 or Ed25519.
    #[error("curve `{name}` is not supported")]
    Curve {
        /// The value of `crv`.
        name: String,
    },
    /// `alg` is not accepted, or does not match the key type.
    #[error("algorithm `{name}` is not accepted for this key")]
    Algorithm {
        /// The value of `alg`.
        name: String,
    },
    /// The RSA modulus does not have 2048 to 8192 bits.
    #[error("the RSA modulus has {bits} bits, expected 2048 to 8192")]
    RsaSize {
        /// The size of the modulus.
        bits: usize,
    },
    /// The RSA exponent is even, 1, or longer than 33 bits.
    #[error("the RSA exponent is unsafe")]
    RsaExponent,
    /// The RSA modulus can be factored (CVE-2017-15361).
    #[error("the RSA key comes from a flawed generator (ROCA)")]
    RsaRoca,
    /// The numbers do not form a key. For example, the point is off the curve, or a coordinate has the wrong length.
    #[error("the key material is invalid")]
    Material,
    /// Another key of the set has the same id and a common algorithm.
    #[error("another key of the set has the same id")]
    DuplicateId,
}
