//! Parses `table.txt`. Invalid lines are left out, and a test checks that there are none.

use super::route::{ErrorShape, Floor, Methods, ModelUse, Place, Route, Shape};

/// The header of a section.
struct Section {
    floor: Floor,
    shape: Shape,
    mounts: Vec<&'static str>,
}

/// All routes of the table, at each of their mounts.
pub(super) fn routes(text: &'static str) -> Vec<Route> {
    let mut section = None;
    let mut routes = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if line.starts_with('[') {
            section = head(line);
        } else if let Some(section) = &section {
            routes.extend(row(section, line).unwrap_or_default());
        }
    }
    routes
}

fn head(line: &'static str) -> Option<Section> {
    let mut words = line.split_ascii_whitespace().skip(1);
    let floor = match words.next()? {
        "sdk" => Floor::Sdk,
        "group" => Floor::Group,
        "pass" => Floor::Pass,
        "closed" => Floor::Closed,
        _ => return None,
    };
    let shape = match words.next()? {
        "openai" => Shape::One(ErrorShape::OpenAi),
        "anthropic" => Shape::One(ErrorShape::Anthropic),
        "google" => Shape::One(ErrorShape::Google),
        "mistral" => Shape::One(ErrorShape::Mistral),
        "cohere" => Shape::One(ErrorShape::Cohere),
        "bedrock" => Shape::One(ErrorShape::Bedrock),
        "ollama" => Shape::One(ErrorShape::Ollama),
        "shared" => Shape::Shared,
        _ => return None,
    };
    words.next().filter(|at| *at == "at")?;
    Some(Section { floor, shape, mounts: words.collect() })
}

fn row(section: &Section, line: &'static str) -> Option<Vec<Route>> {
    let mut words = line.split_ascii_whitespace();
    let methods = Methods::parse(words.next()?);
    let path = words.next()?;
    let model_use = match words.next()? {
        "named" => ModelUse::Named,
        "default" => ModelUse::Default,
        "reference" => ModelUse::Reference,
        "none" => ModelUse::None,
        _ => return None,
    };
    let (references, models): (Vec<_>, Vec<_>) = words.partition(|word| word.starts_with("ref:"));
    let models = models.into_iter().map(place).collect::<Option<Vec<_>>>()?;
    let references = references.into_iter().filter_map(|word| word.strip_prefix("ref:"));
    let references = references.map(place).collect::<Option<Vec<_>>>()?;
    let at = |mount: &&'static str| {
        let mut models = models.clone();
        if mount.ends_with("{model}") {
            models.push(Place::Path("model"));
        }
        let path = match (*mount, path) {
            ("/", path) => path.to_owned(),
            (mount, "/") => mount.to_owned(),
            (mount, path) => format!("{mount}{path}"),
        };
        let references = references.clone();
        Route { path, methods, model_use, models, references, shape: section.shape, floor: section.floor }
    };
    Some(section.mounts.iter().map(at).collect())
}

fn place(word: &'static str) -> Option<Place> {
    let (at, name) = word.split_once(':')?;
    Some(match at {
        "path" => Place::Path(name),
        "query" => Place::Query(name),
        "body" => Place::Body(name),
        "form" => Place::Form(name),
        "lines" => Place::Lines(name),
        "frame" => Place::Frame(name),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_read() {
        let mut section = None;
        for line in super::super::index::TABLE.lines().filter(|l| !l.is_empty() && !l.starts_with('#')) {
            if line.starts_with('[') {
                section = head(line);
                assert!(section.is_some(), "{line}");
            } else {
                assert!(row(section.as_ref().unwrap(), line).is_some(), "{line}");
                let methods = line.split_ascii_whitespace().next().unwrap();
                assert!(methods == "*" || !Methods::parse(methods).contains(Methods::OTHER), "{line}");
            }
        }
    }

    #[test]
    fn a_section_repeats_its_rows_at_each_mount() {
        let text = "[a] sdk openai at / /v1 /engines/{model}\nGET,POST /x named body:model ref:body:agent\n";
        let routes = routes(text);
        let paths: Vec<_> = routes.iter().map(Route::path).collect();
        assert_eq!(paths, ["/x", "/v1/x", "/engines/{model}/x"]);
        assert_eq!(routes[2].models(), [Place::Body("model"), Place::Path("model")]);
        assert_eq!(routes[0].references(), [Place::Body("agent")]);
        assert!(!routes[0].methods.contains(Methods::named("PUT")));
    }
}
