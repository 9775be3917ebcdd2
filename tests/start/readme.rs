//! The README's shell blocks work as they are pasted, and the output that it shows is the output of the commands.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::{Running, VARIABLES, root};

const SERVE: &str = "modelgate serve ";

/// The blocks of a language in a page.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let opening = format!("```{language}\n");
    let text = std::fs::read_to_string(root().join(page)).unwrap();
    text.split(&opening).skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

/// The blocks that call the installed command. Blocks with `cargo` build it, which the tests have already done.
fn command_blocks(page: &str) -> Vec<String> {
    blocks(page, "sh").into_iter().filter(|block| !block.contains("cargo ")).collect()
}

/// A shell that finds the command of this build.
fn shell(directory: &Path, script: &str) -> Command {
    let programs = Path::new(env!("CARGO_BIN_EXE_modelgate")).parent().unwrap();
    let mut path = programs.as_os_str().to_owned();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    let mut command = Command::new("sh");
    command.args(["-e", "-c", script]).current_dir(directory).env("PATH", path);
    for name in VARIABLES {
        command.env_remove(name);
    }
    command
}

/// Runs a block that ends with `modelgate serve`, on free ports, until it listens.
fn run_until_listening(page: &str, block: &str) {
    let directory = tempfile::tempdir().unwrap();
    let (before, serve) = block.trim_end().rsplit_once('\n').unwrap();
    assert!(serve.starts_with(SERVE), "{page}: the last line does not serve:\n{block}");
    let script = format!("{before}\nexec {serve} --listen 127.0.0.1:0 --admin 127.0.0.1:0\n");
    let child = shell(directory.path(), &script).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let mut process = Running(child.unwrap());
    let lines = BufReader::new(process.0.stderr.take().unwrap()).lines().map(Result::unwrap);
    let mut said = Vec::new();
    for line in lines {
        if line.contains("listening on http://") {
            return;
        }
        said.push(line);
    }
    panic!("{page}: the block does not serve:\n{script}\n{}", said.join("\n"));
}

#[test]
fn the_ways_in_serve_as_they_are_pasted() {
    let ways = command_blocks("README.md");
    assert_eq!(ways.len(), 2, "{ways:?}");
    for way in ways {
        assert!(way.lines().count() <= 10, "{way}");
        run_until_listening("README.md", &way);
    }
}

#[test]
fn every_shell_block_is_shell() {
    for page in ["README.md", "examples/before-litellm/README.md"] {
        let blocks = blocks(page, "sh");
        assert!(!blocks.is_empty(), "{page}");
        for block in blocks {
            let status = Command::new("sh").args(["-n", "-c", &block]).status().unwrap();
            assert!(status.success(), "{page}:\n{block}");
        }
    }
}

#[test]
fn what_the_readme_shows_of_commands_is_what_they_print() {
    let page = root().join("README.md");
    let mut text = std::fs::read_to_string(&page).unwrap();
    let shown = blocks("README.md", "console");
    assert!(!shown.is_empty());
    for block in shown {
        let (line, printed) = block.split_once('\n').unwrap();
        let output = shell(&root(), line.strip_prefix("$ ").unwrap()).output().unwrap();
        let prints = String::from_utf8(output.stdout).unwrap();
        if std::env::var_os("MODELGATE_BLESS").is_some() {
            text = text.replace(&block, &format!("{line}\n{prints}"));
        } else {
            assert_eq!(printed, prints, "{line}: with MODELGATE_BLESS=1 this test writes the README anew");
        }
    }
    if std::env::var_os("MODELGATE_BLESS").is_some() {
        std::fs::write(&page, text).unwrap();
    }
}

#[test]
fn every_link_of_the_readme_leads_somewhere() {
    let text = std::fs::read_to_string(root().join("README.md")).unwrap();
    let links = text.split("](").skip(1).map(|rest| rest.split([')', '#']).next().unwrap());
    let local: Vec<&str> = links.filter(|link| !link.contains("://") && !link.is_empty()).collect();
    assert!(local.len() > 10, "{local:?}");
    let missing: Vec<&&str> = local.iter().filter(|link| !root().join(link).exists()).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
