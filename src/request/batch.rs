//! The models in a batch file, line by line as it arrives.

use std::borrow::Cow;

use http::Method;

use super::{RoutePath, further, json, places};
use crate::names::ModelName;

/// The longest line that is judged, in bytes: one request with a few images in it.
const MAX_LINE: usize = 8 * 1024 * 1024;

/// A file that may be a batch: one JSON object a line.
#[derive(Debug)]
pub(super) struct Batch {
    /// The line whose end has not come yet.
    begun: Vec<u8>,
    /// The models so far, or why the file is no batch; then the rest is passed over.
    found: Result<Vec<ModelName>, String>,
}

impl Batch {
    pub(super) fn new() -> Self {
        Self { begun: Vec::new(), found: Ok(Vec::new()) }
    }

    /// Takes the next bytes of the file. Lines within them are not copied.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        if self.found.is_err() {
            return;
        }
        let mut pieces = bytes.split(|byte| *byte == b'\n');
        // What stands behind the last line feed is the beginning of a line.
        let Some(rest) = pieces.next_back() else { return };
        for piece in pieces {
            if self.begun.is_empty() {
                self.line(piece);
            } else {
                self.extend(piece);
                let line = std::mem::take(&mut self.begun);
                self.line(&line);
            }
        }
        self.extend(rest);
    }

    /// The models of the file, or why it cannot be judged.
    pub(super) fn finish(mut self) -> Result<Vec<ModelName>, String> {
        let line = std::mem::take(&mut self.begun);
        self.line(&line);
        self.found
    }

    fn extend(&mut self, bytes: &[u8]) {
        // Blanks before a line are dropped at once, so that each byte is looked at once.
        let bytes = if self.begun.is_empty() { bytes.trim_ascii_start() } else { bytes };
        if bytes.is_empty() || self.found.is_err() {
            return;
        }
        // Not kept beyond what can be judged, as the first bytes tell for other files, such as recordings.
        let room = (MAX_LINE + 1).saturating_sub(self.begun.len());
        self.begun.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        if let Err(why) = check(&self.begun) {
            self.give_up(why);
        }
    }

    fn give_up(&mut self, why: String) {
        self.begun = Vec::new();
        self.found = Err(why);
    }

    fn line(&mut self, line: &[u8]) {
        let Ok(names) = &mut self.found else { return };
        let line = line.trim_ascii_start();
        if line.is_empty() {
            return;
        }
        if let Err(why) = check(line).and_then(|()| read_line(line, names)) {
            self.give_up(why);
        }
    }
}

/// What can be said of a line that may not have ended yet. Blanks before it were dropped.
fn check(line: &[u8]) -> Result<(), String> {
    if line.len() > MAX_LINE {
        return Err("a line is too long".to_owned());
    }
    match line.first() {
        None | Some(b'{') => Ok(()),
        Some(_) => Err("a line is no JSON object".to_owned()),
    }
}

fn read_line(line: &[u8], names: &mut Vec<ModelName>) -> Result<(), String> {
    let line = json::read_line(line)?;
    let mut models = Vec::new();
    if let Some(url) = &line.url {
        let path = RoutePath::parse(url).map_err(|error| error.to_string())?;
        let named = places::path_model(&Method::POST, path.as_str()).map_err(|error| error.to_string())?;
        models.extend(named.map(|name| Cow::Owned(name.to_owned())));
    }
    let body = line.body.ok_or("a line has no `body`")?;
    models.extend(body.model);
    if models.is_empty() {
        return Err("a line names no model".to_owned());
    }
    for model in models.iter().map(|name| &**name).chain(body.further.iter().map(ModelName::as_str)) {
        further::add(names, model)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn models(file: &str, step: usize) -> Result<Vec<String>, String> {
        let mut batch = Batch::new();
        file.as_bytes().chunks(step).for_each(|bytes| batch.feed(bytes));
        batch.finish().map(|names| names.iter().map(ModelName::to_string).collect())
    }

    const FILE: &str = "{\"custom_id\": \"1\", \"url\": \"/v1/chat/completions\", \"body\": {\"model\": \"a\"}}\r\n\n\
        {\"body\": {\"mod\\u0065l\": \"b\", \"fallbacks\": [\"c\"]}, \"model\": \"no\"}\n\
        {\"url\": \"/openai/deployments/d/chat/completions\", \"body\": {}}";

    #[test]
    fn every_line_counts_however_the_file_is_cut() {
        for step in [1, 7, 64, 4096] {
            assert_eq!(models(FILE, step), Ok(["a", "b", "c", "d"].map(str::to_owned).to_vec()), "{step}");
        }
    }

    #[test]
    fn a_line_that_two_readers_may_read_differently_is_no_batch() {
        let long = format!("{{\"body\": {{\"model\": \"a\", \"x\": \"{}\"}}}}", "x".repeat(MAX_LINE));
        for file in [
            "{\"body\": {\"model\": \"a\"}} {\"body\": {\"model\": \"b\"}}",
            "{\"body\": {\"model\": \"a\"}}\r{\"body\": {\"model\": \"b\"}}",
            "{\"body\": {\"model\": \"a\"}, \"body\": {\"model\": \"b\"}}",
            "{\"body\": {\"model\": \"a\"}, \"Body\": {\"model\": \"b\"}}",
            "{\"body\": {\"model\": \"a\", \"model\": \"b\"}}",
            "{\"body\": {}}",
            "{\"model\": \"a\"}",
            "{\"url\": \"/v1/../x\", \"body\": {\"model\": \"a\"}}",
            "{\"body\": {\"model\": \"\"}}",
            "{\"body\": {\"model\": 1}}",
            "{\"body\": [{\"model\": \"a\"}]}",
            "\u{feff}{\"body\": {\"model\": \"a\"}}",
            "[{\"body\": {\"model\": \"a\"}}]",
            "ID3\u{4}",
            &long,
        ] {
            assert!(models(file, 4096).is_err(), "{}", file.get(..80).unwrap_or(file));
        }
    }

    #[test]
    fn an_empty_file_names_no_model() {
        assert_eq!(models("\n\r\n", 1), Ok(Vec::new()));
    }
}
