//! Links between pages, and the table of contents.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::{pages, root};

/// The targets of a page's links: `[text](target)`, outside code.
fn links(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in prose(text) {
        let outside_code = line.split('`').step_by(2).collect::<Vec<_>>().join("`");
        let mut rest = outside_code.as_str();
        while let Some((_, after)) = rest.split_once("](") {
            let Some((target, next)) = after.split_once(')') else { break };
            found.push(target.to_owned());
            rest = next;
        }
    }
    found
}

/// The lines outside fenced blocks.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut fenced = false;
    text.lines().filter(move |line| {
        let is_fence = line.starts_with("```");
        fenced ^= is_fence;
        !fenced && !is_fence
    })
}

/// The ids that renderers give to the headings of a page.
fn anchors(text: &str) -> HashSet<String> {
    let headings = prose(text).filter(|line| line.starts_with('#'));
    let mut seen = HashSet::new();
    for heading in headings {
        let slug: String = heading
            .trim_start_matches('#')
            .trim()
            .to_lowercase()
            .chars()
            .filter_map(|c| match c {
                ' ' => Some('-'),
                c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
                _ => None,
            })
            .collect();
        let number = (1..).find(|n| !seen.contains(&format!("{slug}-{n}"))).unwrap_or(1);
        if !seen.insert(slug.clone()) {
            seen.insert(format!("{slug}-{number}"));
        }
    }
    for (_, after) in text.match_indices("<a id=\"").map(|(at, sign)| (at, &text[at + sign.len()..])) {
        seen.extend(after.split_once('"').map(|(id, _)| id.to_owned()));
    }
    seen
}

/// The broken links of one page.
fn broken_links(page: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(page).unwrap();
    let is_local = |target: &String| !target.contains("://") && !target.starts_with("mailto:");
    links(&text)
        .into_iter()
        .filter(is_local)
        .filter(|target| {
            let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
            let file: PathBuf = if path.is_empty() { page.into() } else { page.parent().unwrap().join(path) };
            let Ok(content) =
                std::fs::read(&file).or_else(|error| if file.is_dir() { Ok(vec![]) } else { Err(error) })
            else {
                return true;
            };
            !anchor.is_empty() && !anchors(&String::from_utf8_lossy(&content)).contains(anchor)
        })
        .map(|target| format!("{}: {target}", page.display()))
        .collect()
}

#[test]
fn every_link_leads_to_a_page_and_a_heading() {
    let read_me = ["README.md", "SECURITY.md", "CHANGELOG.md"].map(|name| root().join(name));
    let broken: Vec<String> =
        pages().into_iter().chain(read_me).flat_map(|page| broken_links(&page)).collect();
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn every_page_is_in_the_table_of_contents_once() {
    let summary = root().join("docs/SUMMARY.md");
    let mut listed: Vec<PathBuf> = links(&std::fs::read_to_string(&summary).unwrap())
        .iter()
        .map(|link| root().join("docs").join(link))
        .collect();
    listed.sort();
    let mut pages: Vec<PathBuf> = pages().into_iter().filter(|page| *page != summary).collect();
    pages.sort();
    assert_eq!(listed, pages);
}

#[test]
fn a_link_to_nothing_and_a_heading_that_is_not_there_are_found() {
    let directory = tempfile::tempdir().unwrap();
    let page = directory.path().join("page.md");
    std::fs::write(&page, "# One `two`\n[a](page.md#one-two) [b](#three) [c](none.md) `[d](none.md)`\n")
        .unwrap();
    let broken: Vec<String> = broken_links(&page);
    assert_eq!(broken.len(), 2, "{broken:?}");
    assert!(broken[0].ends_with("#three") && broken[1].ends_with("none.md"));
}
