use std::io::Write as _;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use super::*;

const TEXT: &[u8] = br#"{"model": "openai-gpt-4o"}"#;
/// `TEXT`, and a MiB of `a`, as Node's encoder writes them. The dependencies have no encoder.
const BROTLI_TEXT: &str = "8b0c807b226d6f64656c223a20226f70656e61692d6770742d346f227d03";
const BROTLI_MEBIBYTE: &str = "5bffff8f5f222c1e0b0472ef1f00";
const MEBIBYTE: usize = 1024 * 1024;

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn deflate(data: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn zstd(data: &[u8]) -> Vec<u8> {
    compress_to_vec(data, CompressionLevel::Fastest)
}

fn bytes_of(hex: &str) -> Vec<u8> {
    let digits = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    hex.as_bytes().chunks(2).map(digits).collect()
}

/// `TEXT` in each coding.
fn each() -> [(Coding, Vec<u8>); 4] {
    [
        (Coding::Gzip, gzip(TEXT)),
        (Coding::Deflate, deflate(TEXT)),
        (Coding::Brotli, bytes_of(BROTLI_TEXT)),
        (Coding::Zstd, zstd(TEXT)),
    ]
}

fn decoded(body: Vec<u8>, codings: &[Coding], limit: usize) -> Result<Vec<u8>, DecodeError> {
    decode(body.into(), codings, limit).map(|chunks| chunks.concat())
}

#[test]
fn each_coding_is_taken_off() {
    for (coding, body) in each() {
        assert_eq!(decoded(body, &[coding], TEXT.len()).unwrap(), TEXT, "{coding:?}");
    }
}

#[test]
fn several_codings_are_taken_off_from_the_last_to_the_first() {
    let body = zstd(&gzip(&deflate(TEXT)));
    let codings = [Coding::Deflate, Coding::Gzip, Coding::Zstd];
    assert_eq!(decoded(body.clone(), &codings, 1024).unwrap(), TEXT);
    assert_eq!(
        decoded(body, &[Coding::Gzip, Coding::Zstd, Coding::Deflate], 1024),
        Err(DecodeError::Invalid)
    );
}

#[test]
fn a_name_of_a_coding_is_known_in_any_case() {
    for (name, coding) in [
        ("gzip", Some(Coding::Gzip)),
        ("X-GZip", Some(Coding::Gzip)),
        ("Deflate", Some(Coding::Deflate)),
        ("BR", Some(Coding::Brotli)),
        ("zstd", Some(Coding::Zstd)),
        ("compress", None),
        ("*", None),
        ("", None),
    ] {
        assert_eq!(Coding::named(name), coding, "{name}");
    }
}

#[test]
fn a_body_that_is_larger_decoded_than_the_limit_is_too_large() {
    let large = vec![b'a'; MEBIBYTE];
    let bodies = [
        (Coding::Gzip, gzip(&large)),
        (Coding::Deflate, deflate(&large)),
        (Coding::Brotli, bytes_of(BROTLI_MEBIBYTE)),
        (Coding::Zstd, zstd(&large)),
    ];
    for (coding, body) in bodies {
        assert!(body.len() < MEBIBYTE / 100, "{coding:?}");
        assert_eq!(decoded(body.clone(), &[coding], MEBIBYTE).unwrap().len(), MEBIBYTE, "{coding:?}");
        assert_eq!(decoded(body, &[coding], MEBIBYTE - 1), Err(DecodeError::TooLarge), "{coding:?}");
    }
}

#[test]
fn a_step_on_the_way_may_not_be_too_large_either() {
    // The final size is small, but an intermediate size is large.
    let between = gzip(TEXT);
    let padded: Vec<u8> = std::iter::repeat_n(gzip(b""), 900).flatten().chain(between).collect();
    let body = gzip(&padded);
    assert_eq!(decoded(body.clone(), &[Coding::Gzip, Coding::Gzip], MEBIBYTE).unwrap(), TEXT);
    assert_eq!(decoded(body, &[Coding::Gzip, Coding::Gzip], 1024), Err(DecodeError::TooLarge));
}

#[test]
fn a_body_that_is_cut_off_is_invalid_wherever_it_ends() {
    for (coding, body) in each() {
        for length in 1..body.len() {
            let cut = body.get(..length).unwrap().to_vec();
            assert_eq!(decoded(cut, &[coding], 1024), Err(DecodeError::Invalid), "{coding:?} {length}");
        }
    }
}

#[test]
fn what_follows_the_end_of_a_body_is_invalid() {
    for (coding, mut body) in each() {
        body.extend_from_slice(b"x{\"model\": \"b\"}");
        assert_eq!(decoded(body, &[coding], 1024), Err(DecodeError::Invalid), "{coding:?}");
    }
}

#[test]
fn members_of_gzip_and_frames_of_zstd_are_one_body() {
    let (first, second) = TEXT.split_at(9);
    assert_eq!(decoded([gzip(first), gzip(second)].concat(), &[Coding::Gzip], 1024).unwrap(), TEXT);
    let skipped = [0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3];
    let frames = [&zstd(first)[..], &skipped, &zstd(second)].concat();
    assert_eq!(decoded(frames, &[Coding::Zstd], 1024).unwrap(), TEXT);
}

#[test]
fn a_body_has_a_limited_number_of_members() {
    let many: Vec<u8> = std::iter::repeat_n(gzip(b""), MOST_MEMBERS + 1).flatten().collect();
    assert_eq!(decoded(many, &[Coding::Gzip], 1024), Err(DecodeError::Invalid));
    let many: Vec<u8> = std::iter::repeat_n(zstd(b""), MOST_MEMBERS + 1).flatten().collect();
    assert_eq!(decoded(many, &[Coding::Zstd], 1024), Err(DecodeError::Invalid));
}
