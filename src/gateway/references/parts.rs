//! Parts of uploads: what their lines name, and the fragments of lines at their ends. They are joined when the upload is complete.

use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::owner::Owner;
use crate::gateway::http::segmented_body::SegmentedBody;
use crate::names::ModelName;
use crate::request::Batch;

/// The longest fragment that is kept. A part with a longer one is not known.
const MAX_FRAGMENT: usize = 256 * 1024;
/// The most that all parts take together, in bytes. A caller may fill an eighth of it.
const CAPACITY: usize = 16 * 1024 * 1024;
const SHARE: usize = CAPACITY / 8;
/// The approximate size of a part without its fragments.
const OVERHEAD: usize = 512;
/// The most that the fragments of one file are joined to. The same part may be named many times.
const MAX_JOINED: usize = 2 * SHARE;
/// Providers forget an upload that is not completed within an hour.
const TTL: Duration = Duration::from_secs(3600);

/// A part of a file.
#[derive(Debug)]
pub(super) struct Part {
    /// The bytes up to the first line feed.
    head: Vec<u8>,
    /// The bytes after the last line feed. `None` if there is no line feed: all bytes are the head.
    tail: Option<Vec<u8>>,
    /// The models that the lines between name.
    models: Vec<ModelName>,
    /// Whether all those lines could be read.
    is_known: bool,
}

impl Part {
    /// Reads the part that stands in a range of a body. `None` if its fragments are too long.
    pub(super) fn read(body: &SegmentedBody, range: Range<usize>) -> Option<Self> {
        let (mut head, mut tail) = (Vec::new(), None::<Vec<u8>>);
        let mut lines = Batch::default();
        let mut start = 0;
        for piece in body.iter() {
            let within = |at: usize| at.saturating_sub(start).min(piece.len());
            let mut bytes = piece.get(within(range.start)..within(range.end)).unwrap_or_default();
            start += piece.len();
            if tail.is_none() {
                let end = bytes.iter().position(|byte| *byte == b'\n');
                let (before, behind) = bytes.split_at(end.unwrap_or(bytes.len()));
                extend(&mut head, before)?;
                let Some((_, behind)) = behind.split_first() else { continue };
                (tail, bytes) = (Some(Vec::new()), behind);
            }
            let Some(tail) = &mut tail else { continue };
            if let Some(end) = bytes.iter().rposition(|byte| *byte == b'\n') {
                let (complete, rest) = bytes.split_at(end + 1);
                lines.feed(&std::mem::take(tail));
                lines.feed(complete);
                bytes = rest;
            }
            extend(tail, bytes)?;
        }
        let (models, is_known) = lines.models();
        Some(Self { head, tail, models, is_known })
    }

    fn size(&self) -> usize {
        let names: usize = self.models.iter().map(|model| model.as_str().len()).sum();
        OVERHEAD + self.head.len() + self.tail.as_ref().map_or(0, Vec::len) + names
    }
}

fn extend(fragment: &mut Vec<u8>, bytes: &[u8]) -> Option<()> {
    if fragment.len() + bytes.len() > MAX_FRAGMENT {
        return None;
    }
    fragment.extend_from_slice(bytes);
    Some(())
}

/// A file that is joined from parts.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Joined {
    /// The lines that stood in more than one part, and the others' fragments.
    pub(super) fragments: Vec<u8>,
    /// The models that its lines name.
    pub(super) models: Vec<ModelName>,
    /// Whether these are all that a batch of the file may run.
    pub(super) is_known: bool,
}

/// The parts that were uploaded.
#[derive(Debug, Default)]
pub(in crate::gateway) struct PartStore {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    parts: HashMap<Box<str>, Kept>,
    /// The oldest first.
    order: VecDeque<Box<str>>,
    bytes: usize,
}

#[derive(Debug)]
struct Kept {
    owner: Owner,
    part: Arc<Part>,
    until: Instant,
}

impl PartStore {
    /// Keeps a part under its id. The id of an earlier part keeps that one.
    pub(super) fn keep(&self, id: &str, owner: Owner, part: &Arc<Part>) {
        let now = Instant::now();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.make_room(owner, part.size(), now);
        if state.parts.contains_key(id) {
            return;
        }
        state.bytes += part.size();
        state.order.push_back(id.into());
        state.parts.insert(id.into(), Kept { owner, part: Arc::clone(part), until: now + TTL });
    }

    /// Joins the parts that the body of a request lists. `None` if one of them is not known to the caller.
    pub(super) fn join(&self, owner: Owner, body: &[u8]) -> Option<Joined> {
        /// Other members might say something about the file that is not known here.
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Complete {
            part_ids: Vec<String>,
            #[serde(default, rename = "md5")]
            _md5: Option<IgnoredAny>,
        }
        let Complete { part_ids, .. } = serde_json::from_slice(body).ok()?;
        let now = Instant::now();
        let parts: Vec<Arc<Part>> = {
            let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            let part = |id: &String| {
                let kept = state.parts.get(id.as_str())?;
                (kept.owner == owner && now < kept.until).then(|| Arc::clone(&kept.part))
            };
            part_ids.iter().map(part).collect::<Option<_>>()?
        };
        join(&parts)
    }
}

fn join(parts: &[Arc<Part>]) -> Option<Joined> {
    let mut joined = Joined { is_known: true, ..Joined::default() };
    for part in parts {
        joined.fragments.extend_from_slice(&part.head);
        if let Some(tail) = &part.tail {
            joined.fragments.push(b'\n');
            joined.fragments.extend_from_slice(tail);
        }
        if joined.fragments.len() > MAX_JOINED {
            return None;
        }
        joined.is_known &= part.is_known;
        joined.add(&part.models);
    }
    let mut lines = Batch::default();
    lines.feed(&joined.fragments);
    let (models, is_known) = lines.models();
    joined.is_known &= is_known;
    joined.add(&models);
    Some(joined)
}

impl Joined {
    fn add(&mut self, models: &[ModelName]) {
        for model in models {
            if !self.models.contains(model) {
                self.models.push(model.clone());
            }
        }
    }
}

impl State {
    /// Forgets what has ended, then the caller's own oldest parts, then the oldest of all.
    fn make_room(&mut self, owner: Owner, size: usize, now: Instant) {
        self.forget(|kept| kept.until <= now, usize::MAX);
        let own = |kept: &Kept| kept.owner == owner;
        let taken: usize = self.parts.values().filter(|kept| own(kept)).map(|kept| kept.part.size()).sum();
        self.forget(own, (taken + size).saturating_sub(SHARE));
        self.forget(|_| true, (self.bytes + size).saturating_sub(CAPACITY));
    }

    /// Forgets the oldest of some parts, until at least so many bytes are free.
    fn forget(&mut self, of: impl Fn(&Kept) -> bool, bytes: usize) {
        let mut freed = 0;
        let Self { parts, order, .. } = self;
        order.retain(|id| match parts.get(id) {
            Some(kept) if freed < bytes && of(kept) => {
                freed += kept.part.size();
                parts.remove(id);
                false
            }
            kept => kept.is_some(),
        });
        self.bytes -= freed;
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    const ADA: Owner = Owner(1);
    const EVE: Owner = Owner(2);
    const FILE: &str = "{\"url\":\"/v1/embeddings\",\"body\":{\"model\":\"a\"}}\n\
        {\"url\":\"/v1/embeddings\",\"body\":{\"model\":\"b\"}}\n{\"url\":\"/v1/embeddings\",\"body\":{\"model\":\"c\"}}";

    fn part(text: &str) -> Arc<Part> {
        let around = format!("--head--{text}--behind--");
        let pieces = around.as_bytes().chunks(7).map(Bytes::copy_from_slice);
        Arc::new(Part::read(&SegmentedBody::of(pieces), 8..8 + text.len()).unwrap())
    }

    #[test]
    fn a_file_names_the_same_models_wherever_it_is_cut() {
        for first in 0..FILE.len() {
            for second in (first..FILE.len()).step_by(5) {
                let (one, rest) = FILE.split_at(first);
                let (two, three) = rest.split_at(second - first);
                let joined = join(&[part(one), part(two), part(three)]).unwrap();
                let mut names: Vec<&str> = joined.models.iter().map(ModelName::as_str).collect();
                names.sort_unstable();
                assert_eq!((names, joined.is_known), (vec!["a", "b", "c"], true), "{first} {second}");
            }
        }
    }

    #[test]
    fn the_order_of_the_parts_is_that_of_the_file() {
        let (one, two) = FILE.split_at(60);
        let joined = join(&[part(two), part(one)]).unwrap();
        assert!(!joined.is_known);
    }

    #[test]
    fn only_a_known_list_of_own_parts_is_joined() {
        let store = PartStore::default();
        store.keep("part_1", ADA, &part(FILE));
        let join = |owner: Owner, body: &str| store.join(owner, body.as_bytes());
        assert!(join(ADA, r#"{"part_ids":["part_1"],"md5":"x"}"#).unwrap().is_known);
        for body in [
            r#"{"part_ids":["part_1","part_2"]}"#,
            r#"{"part_ids":["part_1"],"part_ids":["part_1"]}"#,
            r#"{"part_ids":["part_1"],"Part_ids":["part_2"]}"#,
            r#"{"part_ids":"part_1"}"#,
            r#"{}"#,
            "",
        ] {
            assert_eq!(join(ADA, body), None, "{body}");
        }
        assert_eq!(join(EVE, r#"{"part_ids":["part_1"]}"#), None);
    }

    #[test]
    fn the_memory_of_parts_is_bounded_and_a_flood_pushes_out_its_own() {
        let store = PartStore::default();
        store.keep("first", ADA, &part("{"));
        let large = part(&"x".repeat(MAX_FRAGMENT));
        for n in 0..200 {
            store.keep(&format!("part_{n}"), EVE, &large);
        }
        let state = store.state.lock().unwrap();
        assert!(state.bytes <= SHARE + CAPACITY / 8, "{}", state.bytes);
        assert!(state.parts.contains_key("first") && state.order.len() == state.parts.len());
    }

    #[test]
    fn a_long_fragment_is_not_kept_and_a_long_list_is_not_joined() {
        let long = Bytes::from("x".repeat(MAX_FRAGMENT + 1));
        assert!(Part::read(&SegmentedBody::of([long]), 0..MAX_FRAGMENT + 1).is_none());
        let large = part(&"x".repeat(MAX_FRAGMENT));
        assert_eq!(join(&vec![large; 100_000]), None);
    }
}
