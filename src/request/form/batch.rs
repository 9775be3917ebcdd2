//! Reads the models of a batch file, line by line as it arrives.

use http::Method;

#[cfg(feature = "gateway")]
use crate::names::ModelName;
use crate::request::head::model_path::path_model;
use crate::request::head::path::RoutePath;
use crate::request::models::body;
use crate::request::models::names::Names;

/// The longest line that is judged, in bytes. A request with a few images fits.
const MAX_LINE: usize = 8 * 1024 * 1024;

/// A file that may be a batch: one JSON object per line.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// The line that is not complete yet.
    begun: Vec<u8>,
    /// The current line cannot be part of a batch, so the rest of it is skipped.
    is_passed: bool,
    found: Models,
}

/// The models in a file.
#[derive(Debug, Default)]
pub(super) struct Models {
    pub(super) names: Names,
    /// The reason why the file is not a batch, if it is not. The names in its other lines still count, because an
    /// upstream may treat the file as a batch regardless of the form.
    pub(super) fault: Option<String>,
    /// The reason why the file cannot be judged, even if it is not a batch.
    pub(super) excess: Option<String>,
}

impl Models {
    /// Adds the models of another file.
    pub(super) fn add(&mut self, other: Self) {
        let extended = self.names.extend(&other.names);
        self.fault = self.fault.take().or(other.fault);
        self.excess = self.excess.take().or(other.excess).or(extended.err());
    }
}

impl Batch {
    /// Reads the next bytes of the file. Lines that lie within them are not copied.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        let mut pieces = bytes.split(|byte| *byte == b'\n');
        // The text after the last line feed starts a new line.
        let Some(rest) = pieces.next_back() else { return };
        for piece in pieces {
            if self.begun.is_empty() && !self.is_passed {
                self.line(piece);
            } else {
                self.extend(piece);
                self.end_line();
            }
        }
        self.extend(rest);
    }

    /// Returns the models of the file.
    pub(super) fn finish(mut self) -> Models {
        self.end_line();
        self.found
    }

    /// Returns the models that the lines of the file name, and whether these are all that a batch of the file may run.
    #[cfg(feature = "gateway")]
    pub(crate) fn models(self) -> (Vec<ModelName>, bool) {
        let Models { names, fault, excess } = self.finish();
        let (names, references) = names.into_parts();
        (names, references.is_empty() && fault.is_none() && excess.is_none())
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.begun);
        if !std::mem::take(&mut self.is_passed) {
            self.line(&line);
        }
    }

    fn extend(&mut self, bytes: &[u8]) {
        // Blanks before a line are dropped immediately, so each byte is examined once.
        let bytes = if self.begun.is_empty() { bytes.trim_ascii_start() } else { bytes };
        if bytes.is_empty() || self.is_passed {
            return;
        }
        // A line is not buffered beyond the limit. The first bytes identify other files, such as recordings.
        let room = (MAX_LINE + 1).saturating_sub(self.begun.len());
        self.begun.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        if let Err(why) = check(&self.begun) {
            self.begun = Vec::new();
            self.is_passed = true;
            self.fail(why);
        }
    }

    fn fail(&mut self, why: String) {
        self.found.fault.get_or_insert(why);
    }

    fn line(&mut self, line: &[u8]) {
        let line = line.trim_ascii_start();
        if line.is_empty() {
            return;
        }
        match check(line).and_then(|()| read_line(line)) {
            Ok(names) => {
                if let Err(why) = self.found.names.extend(&names) {
                    self.found.excess.get_or_insert(why);
                }
            }
            Err(why) => self.fail(why),
        }
    }
}

/// The state of a line that may be incomplete. Blanks before it were dropped.
fn check(line: &[u8]) -> Result<(), String> {
    if line.len() > MAX_LINE {
        return Err("a line is too long".to_owned());
    }
    match line.first() {
        None | Some(b'{') => Ok(()),
        Some(_) => Err("a line is not a JSON object".to_owned()),
    }
}

fn read_line(line: &[u8]) -> Result<Names, String> {
    let line = body::read_line(line)?;
    let mut names = Names::default();
    if let Some(url) = &line.url {
        let path = RoutePath::parse(url).map_err(|error| error.to_string())?;
        let named = path_model(&Method::POST, path.as_str()).map_err(|error| error.to_string())?;
        named.map_or(Ok(()), |model| names.add(model.name))?;
    }
    let body = line.body.ok_or("a line has no `body`")?;
    body.model.map_or(Ok(()), |model| names.add(&model))?;
    if names.as_slice().is_empty() {
        return Err("a line names no model".to_owned());
    }
    names.extend(&body.names)?;
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(file: &str, step: usize) -> (Vec<String>, Option<String>) {
        let mut batch = Batch::default();
        file.as_bytes().chunks(step).for_each(|bytes| batch.feed(bytes));
        let models = batch.finish();
        (models.names.as_slice().iter().map(ToString::to_string).collect(), models.excess.or(models.fault))
    }

    fn models(file: &str, step: usize) -> Result<Vec<String>, String> {
        let (names, fault) = read(file, step);
        fault.map_or(Ok(names), Err)
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
    fn the_good_lines_of_a_file_count_even_if_it_is_no_batch() {
        let file = "nothing\n{\"body\": {\"model\": \"a\"}}\n{\"body\": 1}\n  {\"body\": {\"model\": \"b\"}}";
        for step in [1, 7, 4096] {
            let (names, fault) = read(file, step);
            assert_eq!(names, ["a", "b"], "{step}");
            assert!(fault.is_some(), "{step}");
        }
    }

    #[test]
    fn an_empty_file_names_no_model() {
        assert_eq!(models("\n\r\n", 1), Ok(Vec::new()));
    }
}
