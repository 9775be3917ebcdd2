//! Why a key is not used.

/// Why a key of a set is not used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyRefusal {
    /// Not a JSON object.
    #[error("not a JSON object")]
    NotAnObject,
    /// A member is missing, of another type, or not strict base64url.
    #[error("member `{name}` is missing or malformed")]
    Member {
        /// The member.
        name: &'static str,
    },
    /// The set publishes a private or symmetric key, which anybody can now sign with.
    #[error("the key is private or symmetric, not public")]
    Private,
    /// `use` or `key_ops` say that the key is not for verifying signatures.
    #[error("the key is not for verifying signatures")]
    Purpose,
    /// `kty` is not RSA, EC or OKP.
    #[error("key type `{name}` is not supported")]
    Type {
        /// What `kty` says.
        name: String,
    },
    /// `crv` is not P-256, P-384 or Ed25519.
    #[error("curve `{name}` is not supported")]
    Curve {
        /// What `crv` says.
        name: String,
    },
    /// `alg` is not accepted, or does not fit the key.
    #[error("algorithm `{name}` is not accepted for this key")]
    Algorithm {
        /// What `alg` says.
        name: String,
    },
    /// An RSA modulus outside 2048 to 8192 bits.
    #[error("the RSA modulus has {bits} bits, expected 2048 to 8192")]
    RsaSize {
        /// Its size.
        bits: usize,
    },
    /// An RSA exponent that is even, 1, or over 33 bits.
    #[error("the RSA exponent is unsound")]
    RsaExponent,
    /// An RSA modulus that can be factored (CVE-2017-15361).
    #[error("the RSA key comes from a flawed generator (ROCA)")]
    RsaRoca,
    /// Numbers that are no key: a point off the curve, a coordinate of the wrong length.
    #[error("the key material is invalid")]
    Material,
    /// Another key of the set has the same id and could be used with the same algorithm.
    #[error("another key of the set has the same id")]
    DuplicateId,
}
