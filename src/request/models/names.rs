//! The additional models that a body names.

use crate::names::ModelName;
use crate::request::malformed::Malformed;

/// The maximum number of additional models in a request.
const MAX_ADDITIONAL: usize = 64;

/// The maximum length of a name in bytes. Every name is compared with every wildcard of a configuration.
pub(in crate::request) const MAX_NAME: usize = 512;

/// Additional models, without duplicates.
#[derive(Debug, Default, PartialEq)]
pub(in crate::request) struct Names {
    all: Vec<ModelName>,
    /// Those of them that only refer to something which stands for a model.
    references: Vec<ModelName>,
}

impl Names {
    /// Adds a name. LiteLLM reads `a,b` as two names, so each part counts too.
    pub(in crate::request) fn add(&mut self, name: &str) -> Result<(), String> {
        self.add_one(name)?;
        if name.contains(',') { self.add_parts(name) } else { Ok(()) }
    }

    /// Adds the names between commas.
    pub(in crate::request) fn add_parts(&mut self, list: &str) -> Result<(), String> {
        list.split(',').map(str::trim).filter(|part| !part.is_empty()).try_for_each(|part| self.add_one(part))
    }

    /// Adds what stands for a model: the member that has its id, and the id. It is judged as the name `member:id`.
    pub(in crate::request) fn add_reference(&mut self, member: &str, id: &str) -> Result<(), String> {
        let known = self.all.len();
        self.add(&format!("{member}:{id}"))?;
        self.references.extend(self.all.iter().skip(known).cloned());
        Ok(())
    }

    fn add_one(&mut self, name: &str) -> Result<(), String> {
        let name = model_name("a member of the body", name).map_err(|error| error.to_string())?;
        // What is named as a model too is more than a reference.
        self.references.retain(|reference| *reference != name);
        if !self.all.contains(&name) {
            self.all.push(name);
        }
        if self.all.len() > MAX_ADDITIONAL { Err("too many additional models".to_owned()) } else { Ok(()) }
    }

    /// Adds the names from another body.
    pub(in crate::request) fn extend(&mut self, other: &Self) -> Result<(), String> {
        for name in &other.all {
            let is_new = !self.all.contains(name) || self.references.contains(name);
            self.add_one(name.as_str())?;
            if is_new && other.references.contains(name) {
                self.references.push(name.clone());
            }
        }
        Ok(())
    }

    pub(in crate::request) fn as_slice(&self) -> &[ModelName] {
        &self.all
    }

    /// All names, and those of them that are references.
    pub(in crate::request) fn into_parts(self) -> (Vec<ModelName>, Vec<ModelName>) {
        (self.all, self.references)
    }
}

/// Validates a name that all readers interpret alike. Some readers end a name at NUL, and a line break ends a field.
pub(in crate::request) fn model_name(place: &'static str, name: &str) -> Result<ModelName, Malformed> {
    if name.len() > MAX_NAME {
        return Err(Malformed::LongName { place, limit: MAX_NAME });
    }
    // There are control characters outside ASCII too.
    let is_visible = name.bytes().fold(true, |all, byte| all & (b' '..0x7f).contains(&byte));
    if !is_visible && name.chars().any(char::is_control) {
        return Err(Malformed::ControlCharacter { place });
    }
    ModelName::new(name).map_err(|_| Malformed::EmptyModel { place })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_in_a_name_is_the_name_and_its_parts() {
        let mut names = Names::default();
        names.add("a, b,,a").unwrap();
        assert_eq!(names.as_slice().iter().map(ModelName::as_str).collect::<Vec<_>>(), ["a, b,,a", "a", "b"]);
    }

    #[test]
    fn a_name_has_at_most_512_bytes() {
        assert!(model_name("x", &"é".repeat(256)).is_ok());
        assert_eq!(
            model_name("x", &"a".repeat(513)),
            Err(Malformed::LongName { place: "x", limit: MAX_NAME })
        );
    }
}
