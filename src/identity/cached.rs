//! Values that are derived from a caller once.

use std::fmt;
use std::sync::OnceLock;

/// A value derived from a caller, computed on first use.
///
/// It carries no information of its own, so callers are equal with or without it. A clone starts empty, because the
/// clone may be changed.
pub(crate) struct Cached<T>(OnceLock<T>);

impl<T> Cached<T> {
    pub(crate) fn get_or_init(&self, compute: impl FnOnce() -> T) -> &T {
        self.0.get_or_init(compute)
    }
}

impl<T> Default for Cached<T> {
    fn default() -> Self {
        Self(OnceLock::new())
    }
}

impl<T> Clone for Cached<T> {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl<T> PartialEq for Cached<T> {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl<T> Eq for Cached<T> {}

/// The value may contain claims, which must not be printed.
impl<T> fmt::Debug for Cached<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cached(..)")
    }
}
