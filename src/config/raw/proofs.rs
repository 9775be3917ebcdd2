//! What must be proven before new rules become active: `modelgate.invariants` and `modelgate.reload`.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// The block, or its directory alone.
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "cli", schemars(inline, untagged))]
pub(in crate::config) enum Invariants {
    Directory(String),
    Block(InvariantsBlock),
}

#[derive(Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename = "invariants", deny_unknown_fields)]
pub(in crate::config) struct InvariantsBlock {
    /// The directory of the invariants, relative to this file: `*.cedar` files of policies with `@invariant("...")`.
    pub(in crate::config) directory: String,
    /// Seconds within which all invariants must be proven. Default: 10.
    #[serde(default)]
    pub(in crate::config) budget: Option<f64>,
}

#[derive(Default, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename = "reload", deny_unknown_fields)]
pub(in crate::config) struct Reload {
    /// `any`: each valid change. `narrower`: only changes that are proven to allow no request that the active rules deny.
    /// Default: `any`.
    #[serde(default)]
    pub(in crate::config) allow: Option<String>,
    /// Seconds within which `narrower` must be proven. Default: 10.
    #[serde(default)]
    pub(in crate::config) budget: Option<f64>,
}

impl<'de> Deserialize<'de> for Invariants {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct DirectoryOrBlock;

        impl<'de> Visitor<'de> for DirectoryOrBlock {
            type Value = Invariants;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a directory, or a mapping")
            }

            fn visit_str<E>(self, directory: &str) -> Result<Self::Value, E> {
                Ok(Invariants::Directory(directory.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                InvariantsBlock::deserialize(MapAccessDeserializer::new(map)).map(Invariants::Block)
            }
        }

        deserializer.deserialize_struct("invariants", &["directory", "budget"], DirectoryOrBlock)
    }
}
