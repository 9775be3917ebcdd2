//! A hash chain of lines: each line proves the line before it.

use aws_lc_rs::digest::{SHA256, digest};

/// The keys of the previous line's hash and of the line's own hash.
const PREV: &[u8] = br#","prev":""#;
const HASH: &[u8] = br#","hash":""#;
const END: &[u8] = br#""}"#;
const HEX: usize = 64;

/// The hash of the last line of a chain, as lower-case hex.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain(String);

impl Default for Chain {
    /// A chain without lines.
    fn default() -> Self {
        Self("0".repeat(HEX))
    }
}

/// A line's position in the chain, after its own hash was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The hash of the previous line.
    pub prev: String,
    /// The hash of this line.
    pub hash: String,
}

/// The reason why a line is not a link of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// It does not end with `prev` and `hash`.
    #[error("the line has no `prev` and `hash` at its end")]
    Unchained,
    /// Its bytes do not match its hash.
    #[error("the line was changed: its hash does not match")]
    Changed,
    /// Its `prev` is not the hash of the previous line.
    #[error("the line does not follow the one before: lines were removed, added or moved")]
    OutOfOrder,
}

impl Chain {
    /// The hash of the last line.
    #[must_use]
    pub fn head(&self) -> &str {
        &self.0
    }

    /// Whether the chain has lines.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        *self != Self::default()
    }

    /// The chain that ends with this link.
    #[must_use]
    pub fn ending_with(link: Link) -> Self {
        Self(link.hash)
    }

    /// Adds a JSON object, which has no line break, as the next link.
    pub fn seal(&mut self, line: &mut Vec<u8>) {
        line.pop_if(|last| *last == b'}');
        line.extend([PREV, self.0.as_bytes(), b"\""].concat());
        self.0 = sha256(line);
        line.extend([HASH, self.0.as_bytes(), END].concat());
    }

    /// Accepts a line, without its line break, as the next link. A chain without lines accepts any line.
    ///
    /// # Errors
    ///
    /// [`LinkError`]. The chain is then unchanged.
    pub fn follow(&mut self, line: &[u8]) -> Result<Link, LinkError> {
        let link = Link::read(line)?;
        if self.has_begun() && link.prev != self.0 {
            return Err(LinkError::OutOfOrder);
        }
        self.0.clone_from(&link.hash);
        Ok(link)
    }
}

impl Link {
    /// Reads the position of a line, given without its line break.
    ///
    /// # Errors
    ///
    /// [`LinkError::Unchained`] or [`LinkError::Changed`].
    pub fn read(line: &[u8]) -> Result<Self, LinkError> {
        let (hashed, hash) = line
            .strip_suffix(END)
            .and_then(|line| line.split_last_chunk::<HEX>())
            .and_then(|(line, hash)| Some((line.strip_suffix(HASH)?, hash)))
            .ok_or(LinkError::Unchained)?;
        let prev = hashed
            .strip_suffix(b"\"")
            .and_then(|line| line.split_last_chunk::<HEX>())
            .and_then(|(line, prev)| line.ends_with(PREV).then_some(prev))
            .ok_or(LinkError::Unchained)?;
        if sha256(hashed).as_bytes() != hash {
            return Err(LinkError::Changed);
        }
        let text = |hex: &[u8]| String::from_utf8_lossy(hex).into_owned();
        Ok(Self { prev: text(prev), hash: text(hash) })
    }
}

fn sha256(bytes: &[u8]) -> String {
    digest(&SHA256, bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(count: usize) -> Vec<Vec<u8>> {
        let mut chain = Chain::default();
        let seal = |n| {
            let mut line = format!(r#"{{"n":{n}}}"#).into_bytes();
            chain.seal(&mut line);
            line
        };
        (0..count).map(seal).collect()
    }

    fn follow(lines: &[Vec<u8>]) -> Result<(), (usize, LinkError)> {
        let mut chain = Chain::default();
        for (i, line) in lines.iter().enumerate() {
            chain.follow(line).map_err(|error| (i, error))?;
        }
        Ok(())
    }

    #[test]
    fn a_line_is_json_and_begins_with_what_it_was() {
        let line = String::from_utf8(sealed(1).remove(0)).unwrap();
        let zeros = "0".repeat(64);
        assert!(line.starts_with(&format!(r#"{{"n":0,"prev":"{zeros}","hash":""#)), "{line}");
        assert!(serde_json::from_str::<serde_json::Value>(&line).is_ok());
    }

    #[test]
    fn every_change_of_a_byte_is_found() {
        let lines = sealed(3);
        assert_eq!(follow(&lines), Ok(()));
        for at in 0..lines[1].len() {
            let mut changed = lines.clone();
            changed[1][at] ^= 1;
            assert!(matches!(follow(&changed), Err((1, _))), "byte {at}");
        }
    }

    #[test]
    fn lines_that_are_missing_moved_or_put_in_are_found() {
        let lines = sealed(4);
        let [a, b, c, d] = [0, 1, 2, 3].map(|i: usize| lines[i].clone());
        let out_of_order = |at| Err((at, LinkError::OutOfOrder));
        assert_eq!(follow(&[a.clone(), c.clone(), d.clone()]), out_of_order(1));
        assert_eq!(follow(&[a.clone(), c.clone(), b.clone()]), out_of_order(1));
        assert_eq!(follow(&[a.clone(), b.clone(), b.clone()]), out_of_order(2));
        assert_eq!(follow(&[a.clone(), b, sealed(1).remove(0)]), out_of_order(2));
        assert_eq!(follow(&[c, d]), Ok(()), "older files may be gone");
        assert_eq!(follow(&[a, b"{}".to_vec()]), Err((1, LinkError::Unchained)));
    }
}
