//! Generates request ids.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use http::HeaderValue;

/// Unique ids that look random. They identify requests and are not secrets.
pub(in crate::gateway) struct RequestIds {
    counter: AtomicU64,
    /// Random, so that other processes and later starts generate different ids.
    keys: [u64; 2],
}

impl RequestIds {
    pub(in crate::gateway) fn new() -> Self {
        Self { counter: AtomicU64::new(0), keys: [(); 2].map(|()| RandomState::new().hash_one(())) }
    }

    /// 32 hexadecimal digits.
    pub(in crate::gateway) fn next(&self) -> HeaderValue {
        let count = self.counter.fetch_add(1, Ordering::Relaxed);
        let halves = self.keys.map(|key| mixed(key.wrapping_add(count)).to_be_bytes());
        let mut text = [0; 32];
        for (digits, byte) in text.as_chunks_mut().0.iter_mut().zip(halves.as_flattened()) {
            *digits = [digit(byte >> 4), digit(byte & 15)];
        }
        HeaderValue::from_bytes(&text).unwrap_or_else(|_| HeaderValue::from_static("none"))
    }
}

/// SplitMix64, a bijection.
fn mixed(number: u64) -> u64 {
    let number = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

fn digit(value: u8) -> u8 {
    if value < 10 { b'0' + value } else { b'a' + (value - 10) }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_are_32_digits_and_differ_here_and_in_another_process() {
        let (ids, others) = (RequestIds::new(), RequestIds::new());
        let given: HashSet<_> = (0..1000).flat_map(|_| [ids.next(), others.next()]).collect();
        assert_eq!(given.len(), 2000);
        let is_digit = |b: &u8| b.is_ascii_digit() || (b'a'..=b'f').contains(b);
        assert!(given.iter().all(|id| id.len() == 32 && id.as_bytes().iter().all(is_digit)));
    }
}
