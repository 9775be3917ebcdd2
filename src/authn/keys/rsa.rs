//! Checks the soundness of RSA public keys.

use super::refusal::KeyRefusal;

const MIN_BITS: usize = 2048;
// The limit of aws-lc. Larger keys make verification too expensive.
const MAX_BITS: usize = 8192;
const MAX_EXPONENT_BITS: usize = 33;

/// Checks a modulus and an exponent. Both are big-endian without leading zeros.
pub(super) fn check(n: &[u8], e: &[u8]) -> Result<(), KeyRefusal> {
    let size = bits(n);
    if !(MIN_BITS..=MAX_BITS).contains(&size) {
        return Err(KeyRefusal::RsaSize { bits: size });
    }
    if !is_odd(n) {
        return Err(KeyRefusal::Material);
    }
    // An exponent of 1 would make every message its own signature.
    if bits(e) > MAX_EXPONENT_BITS || !is_odd(e) || e == [1] {
        return Err(KeyRefusal::RsaExponent);
    }
    if is_roca(n) {
        return Err(KeyRefusal::RsaRoca);
    }
    Ok(())
}

/// Removes the leading zeros that some libraries write before a modulus, against RFC 7518 section 6.3.1.1.
pub(super) fn without_leading_zeros(number: &[u8]) -> &[u8] {
    number.iter().position(|byte| *byte != 0).and_then(|start| number.get(start..)).unwrap_or_default()
}

fn bits(number: &[u8]) -> usize {
    number.first().map_or(0, |first| number.len() * 8 - first.leading_zeros() as usize)
}

fn is_odd(number: &[u8]) -> bool {
    number.last().is_some_and(|byte| byte & 1 == 1)
}

/// The first odd primes. The flawed generator uses them for every key size.
const PRIMES: [u32; 38] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103,
    107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];

/// Whether the generator of CVE-2017-15361 made the modulus. Its keys can be factored.
///
/// The generator's primes are `k·M + 65537^a mod M`, where M is the product of the first primes. So its moduli are
/// powers of 65537 modulo each of these primes. For a sound modulus the probability of this is below 2^-27 (Nemec et
/// al., CCS 2017).
fn is_roca(n: &[u8]) -> bool {
    PRIMES.iter().all(|&p| {
        let remainder = n.iter().fold(0, |rest, &byte| (rest * 256 + u32::from(byte)) % p);
        let powers = std::iter::successors(Some(1), |power| Some(power * (65537 % p) % p));
        powers.take(p as usize).any(|power| power == remainder)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn modulus(bytes: usize, first: u8, last: u8) -> Vec<u8> {
        let mut n = vec![0x5a; bytes];
        n[0] = first;
        n[bytes - 1] = last;
        n
    }

    #[test]
    fn the_size_is_that_of_the_number_not_of_its_encoding() {
        assert_eq!(check(&modulus(256, 0x80, 1), &[1, 0, 1]), Ok(()));
        assert_eq!(check(&modulus(256, 0x7f, 1), &[1, 0, 1]), Err(KeyRefusal::RsaSize { bits: 2047 }));
        assert_eq!(check(&modulus(1024, 0xff, 1), &[1, 0, 1]), Ok(()));
        assert_eq!(check(&modulus(1025, 1, 1), &[1, 0, 1]), Err(KeyRefusal::RsaSize { bits: 8193 }));
        assert_eq!(check(&[], &[1, 0, 1]), Err(KeyRefusal::RsaSize { bits: 0 }));
    }

    #[test]
    fn the_exponent_is_odd_and_neither_one_nor_huge() {
        let n = modulus(256, 0x80, 1);
        for e in [&[3][..], &[17], &[1, 0, 1], &[1, 0xff, 0xff, 0xff, 0xff]] {
            assert_eq!(check(&n, e), Ok(()), "{e:?}");
        }
        for e in [&[][..], &[1], &[2], &[1, 0, 0], &[2, 0, 0, 0, 1], &[1; 256]] {
            assert_eq!(check(&n, e), Err(KeyRefusal::RsaExponent), "{e:?}");
        }
    }

    #[test]
    fn an_even_modulus_is_refused() {
        assert_eq!(check(&modulus(256, 0x80, 2), &[1, 0, 1]), Err(KeyRefusal::Material));
    }

    #[test]
    fn leading_zeros_do_not_count() {
        assert_eq!(without_leading_zeros(&[0, 0, 1, 0]), [1, 0]);
        assert_eq!(without_leading_zeros(&[0, 0]), [0; 0]);
    }
}
