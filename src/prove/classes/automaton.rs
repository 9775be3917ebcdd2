//! Explores the texts that a set of patterns tells apart.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::{LazyLock, Mutex, PoisonError};

use super::Class;

/// The patterns tell too many texts apart.
#[derive(Clone, Copy, Debug)]
pub(in crate::prove) struct TooMany;

/// The number of states after which a division is given up. A thousand models and every known route need some 40,000.
const STATES: usize = 400_000;

/// The divisions of earlier patterns. Configurations rarely differ in the routes that they name, which are many.
static DIVIDED: LazyLock<Mutex<Divided>> = LazyLock::new(Mutex::default);
type Divided = HashMap<(Alphabet, Vec<Token>), Vec<Class>>;
/// The number of remembered divisions.
const MOST: usize = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Token {
    Char(char),
    /// One character that is not a slash.
    Piece,
    /// Any number of characters that are not slashes.
    Pieces,
    /// Any number of any characters.
    Any,
    /// The end of a pattern.
    End,
}

/// Which texts exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Alphabet {
    /// Every text.
    Names,
    /// Texts that begin with a slash, without empty segments and without characters that no path has.
    Paths,
}

/// Patterns, in one array of tokens.
#[derive(Debug, Default)]
pub(super) struct Patterns {
    tokens: Vec<Token>,
    starts: Vec<u32>,
    known: HashSet<(String, &'static str)>,
}

impl Patterns {
    /// Adds a text that stands for itself.
    pub(super) fn exact(&mut self, text: &str) {
        if self.known.insert((text.to_owned(), "exact")) {
            self.push(text.chars().map(Token::Char));
        }
    }

    /// Adds a pattern in which `*` stands for any characters. It is compared with `prefix` and the text.
    pub(super) fn wildcard(&mut self, prefix: &'static str, text: &str) {
        let tokens = text.chars().map(|c| if c == '*' { Token::Any } else { Token::Char(c) });
        if !self.known.insert((text.to_owned(), prefix)) {
            return;
        }
        if prefix.is_empty() {
            return self.push(tokens);
        }
        // What remains of the pattern after the prefix.
        let tokens: Vec<Token> = tokens.chain([Token::End]).collect();
        let mut rests: HashSet<usize> = close(&tokens, [0]);
        for c in prefix.chars() {
            rests = close(&tokens, rests.iter().filter_map(|at| step(*tokens.get(*at)?, *at, c)));
        }
        // Each process has the same order.
        for rest in rests.into_iter().collect::<BTreeSet<_>>() {
            self.push(tokens.iter().skip(rest).copied().filter(|token| *token != Token::End));
        }
    }

    /// Adds a pattern with one part per element, where `None` stands for any characters.
    pub(super) fn parts(&mut self, parts: &[Option<char>]) {
        let text: String = parts.iter().map(|part| part.unwrap_or('\u{1}')).collect();
        if self.known.insert((text, "parts")) {
            self.push(parts.iter().map(|part| part.map_or(Token::Any, Token::Char)));
        }
    }

    /// Adds a template of a path: `{x}` is one segment, `{x:path}` any rest.
    pub(super) fn template(&mut self, text: &str) {
        if !self.known.insert((text.to_owned(), "template")) {
            return;
        }
        let mut tokens = Vec::new();
        let mut rest = text;
        while let Some((literal, after)) = rest.split_once('{') {
            let Some((name, tail)) = after.split_once('}') else { break };
            tokens.extend(literal.chars().map(Token::Char));
            if name.ends_with(":path") {
                tokens.push(Token::Any);
            } else {
                tokens.extend([Token::Piece, Token::Pieces]);
            }
            rest = tail;
        }
        tokens.extend(rest.chars().map(Token::Char));
        self.push(tokens.into_iter());
    }

    fn push(&mut self, tokens: impl Iterator<Item = Token>) {
        self.starts.push(u32::try_from(self.tokens.len()).unwrap_or(u32::MAX));
        self.tokens.extend(tokens.chain([Token::End]));
    }

    /// Every class, each with its shortest member.
    pub(super) fn classes(&self, alphabet: Alphabet) -> Result<Vec<Class>, TooMany> {
        let key = (alphabet, self.tokens.clone());
        if let Some(known) = DIVIDED.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(known.clone());
        }
        let classes = self.explored(alphabet)?;
        let mut divided = DIVIDED.lock().unwrap_or_else(PoisonError::into_inner);
        if divided.len() >= MOST {
            divided.clear();
        }
        divided.insert(key, classes.clone());
        Ok(classes)
    }

    fn explored(&self, alphabet: Alphabet) -> Result<Vec<Class>, TooMany> {
        let start = self.closed(self.starts.iter().copied());
        let mut seen: HashMap<State, usize> = HashMap::new();
        let mut found: Vec<(State, Option<(usize, char)>)> = Vec::new();
        let start = State { places: start, last: None };
        seen.insert(start.clone(), 0);
        found.push((start, None));
        let mut queue = VecDeque::from([0]);
        let mut classes: HashMap<Vec<u32>, Class> = HashMap::new();
        let mut order = Vec::new();
        while let Some(at) = queue.pop_front() {
            let Some((state, _)) = found.get(at).cloned() else { break };
            if state.is_text(alphabet) {
                let accepted: Vec<u32> = state
                    .places
                    .iter()
                    .copied()
                    .filter(|place| self.tokens.get(*place as usize) == Some(&Token::End))
                    .collect();
                if let Entry::Vacant(place) = classes.entry(accepted) {
                    let (accepted, witness) = (place.key(), witness(&found, at));
                    // A text that a pattern without wildcards matches has no other member in its class.
                    let is_single = accepted.iter().any(|place| self.is_exact(*place));
                    order.push(accepted.clone());
                    place.insert(Class { witness, is_single, by_spelling: [false; 2] });
                }
            }
            for (c, next) in self.steps(&state, alphabet) {
                if !seen.contains_key(&next) {
                    if found.len() >= STATES {
                        return Err(TooMany);
                    }
                    seen.insert(next.clone(), found.len());
                    queue.push_back(found.len());
                    found.push((next, Some((at, c))));
                }
            }
        }
        Ok(order.iter().filter_map(|accepted| classes.remove(accepted)).collect())
    }

    fn is_exact(&self, end: u32) -> bool {
        let before = self.tokens.iter().take(end as usize).rev();
        before.take_while(|token| **token != Token::End).all(|token| matches!(token, Token::Char(_)))
    }

    fn steps(&self, state: &State, alphabet: Alphabet) -> Vec<(char, State)> {
        let mut chars: Vec<char> = state
            .places
            .iter()
            .filter_map(|place| match self.tokens.get(*place as usize) {
                Some(Token::Char(c)) => Some(*c),
                _ => None,
            })
            .chain(['/'])
            .collect();
        chars.sort_unstable();
        chars.dedup();
        let other = ('a'..='z').rev().chain('0'..='9').chain('\u{e0}'..='\u{2ff}');
        chars.extend(other.filter(|c| !chars.contains(c)).take(1).collect::<Vec<_>>());
        let allowed = chars.into_iter().filter(|c| match alphabet {
            Alphabet::Names => !c.is_control(),
            Alphabet::Paths => {
                let follows = match state.last {
                    None => *c == '/',
                    Some('/') => *c != '/',
                    Some(_) => true,
                };
                follows && !c.is_control() && !matches!(c, '\\' | '%' | ';' | '?' | '#')
            }
        });
        allowed
            .map(|c| {
                let moved = state.places.iter().filter_map(|place| {
                    let token = *self.tokens.get(*place as usize)?;
                    step(token, *place as usize, c).and_then(|at| u32::try_from(at).ok())
                });
                let last = (alphabet == Alphabet::Paths).then_some(if c == '/' { '/' } else { 'x' });
                (c, State { places: self.closed(moved), last })
            })
            .collect()
    }

    fn closed(&self, places: impl IntoIterator<Item = u32>) -> Vec<u32> {
        let mut all = Vec::new();
        let mut pending: Vec<u32> = places.into_iter().collect();
        while let Some(place) = pending.pop() {
            all.push(place);
            if matches!(self.tokens.get(place as usize), Some(Token::Any | Token::Pieces)) {
                pending.push(place + 1);
            }
        }
        all.sort_unstable();
        all.dedup();
        all
    }
}

/// What a text so far has left of each pattern.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    places: Vec<u32>,
    /// For paths: whether the last character is a slash.
    last: Option<char>,
}

impl State {
    fn is_text(&self, alphabet: Alphabet) -> bool {
        alphabet == Alphabet::Names || self.last.is_some()
    }
}

fn step(token: Token, at: usize, c: char) -> Option<usize> {
    match token {
        Token::Char(own) => (own == c).then_some(at + 1),
        Token::Piece => (c != '/').then_some(at + 1),
        Token::Pieces => (c != '/').then_some(at),
        Token::Any => Some(at),
        Token::End => None,
    }
}

fn close(tokens: &[Token], places: impl IntoIterator<Item = usize>) -> HashSet<usize> {
    let mut all = HashSet::new();
    let mut pending: Vec<usize> = places.into_iter().collect();
    while let Some(at) = pending.pop() {
        if all.insert(at) && matches!(tokens.get(at), Some(Token::Any | Token::Pieces)) {
            pending.push(at + 1);
        }
    }
    all
}

fn witness(found: &[(State, Option<(usize, char)>)], at: usize) -> String {
    let mut chars = Vec::new();
    let mut at = at;
    while let Some((_, Some((from, c)))) = found.get(at) {
        chars.push(*c);
        at = *from;
    }
    chars.iter().rev().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn witnesses(patterns: &Patterns, alphabet: Alphabet) -> Vec<String> {
        patterns.classes(alphabet).unwrap().into_iter().map(|class| class.witness).collect()
    }

    #[test]
    fn every_combination_of_patterns_has_a_witness() {
        let mut patterns = Patterns::default();
        patterns.exact("ab");
        patterns.wildcard("", "a*");
        patterns.wildcard("", "*b");
        let found = witnesses(&patterns, Alphabet::Names);
        // Neither, `a*` alone, `*b` alone, all three, and both wildcards without the exact name.
        assert_eq!(found.len(), 5, "{found:?}");
        assert!(found.contains(&"ab".to_owned()) && found.contains(&String::new()));
    }

    #[test]
    fn only_an_exact_name_is_alone_in_its_class() {
        let mut patterns = Patterns::default();
        patterns.exact("gpt");
        patterns.wildcard("", "g*");
        let classes = patterns.classes(Alphabet::Names).unwrap();
        let single: Vec<_> = classes.iter().filter(|class| class.is_single).collect();
        assert_eq!(single.iter().map(|class| class.witness.as_str()).collect::<Vec<_>>(), ["gpt"]);
    }

    #[test]
    fn a_segment_is_never_empty_and_never_crosses_a_slash() {
        let mut patterns = Patterns::default();
        patterns.template("/a/{x}");
        let found = witnesses(&patterns, Alphabet::Paths);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found.iter().any(|path| path.starts_with("/a/") && path.len() == 4), "{found:?}");
    }

    #[test]
    fn a_wildcard_may_begin_with_a_provider() {
        let mut patterns = Patterns::default();
        patterns.wildcard("openai/", "openai/gpt*");
        let found = witnesses(&patterns, Alphabet::Names);
        assert!(found.contains(&"gpt".to_owned()), "{found:?}");
    }
}
