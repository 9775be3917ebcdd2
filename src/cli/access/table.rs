//! The rows as a table.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::IsTerminal as _;

use comfy_table::{ContentArrangement, Table, presets};

use super::rows::{Access, Row};
use crate::cli::diff::conditions::Condition;
use crate::cli::diff::side::Grant;
use crate::cli::diff::universe::{RouteClass, Universe};
use crate::display::escape;

/// The width of a table that is not printed to a terminal.
const WIDTH: u16 = 120;

pub(super) fn render(access: &Access<'_>) -> String {
    let conditions: Vec<&Condition> = conditions(access).into_iter().collect();
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(width())
        .set_header(["CALLER", "ACCESS", "MODELS", "ROUTES"]);
    for caller in &access.callers {
        // Repeated names make a table hard to read.
        let mut name = caller.name(access.universe);
        for row in &caller.rows {
            for [access, models, routes] in lines(access, row, &conditions) {
                table.add_row([std::mem::take(&mut name), access, models, routes]);
            }
        }
    }
    let mut out: String = table.lines().map(|line| line.trim_end().to_owned() + "\n").collect();
    for (at, condition) in conditions.iter().enumerate() {
        let line = format!("[{}] {condition}", at + 1);
        let separator = if at == 0 { "\n" } else { "" };
        let _ = writeln!(out, "{separator}{}", escape(&line));
    }
    out
}

fn width() -> u16 {
    let terminal = std::io::stdout().is_terminal().then(terminal_size::terminal_size).flatten();
    terminal.map_or(WIDTH, |(terminal_size::Width(width), _)| width)
}

/// Every condition of the table, which numbers them.
fn conditions<'a>(access: &'a Access<'_>) -> BTreeSet<&'a Condition> {
    let rows = access.callers.iter().flat_map(|caller| &caller.rows);
    let grants = rows.flat_map(|row| &row.grants).map(|(_, grant)| grant);
    grants
        .filter_map(|grant| if let Grant::If(conditions) = grant { Some(conditions) } else { None })
        .flatten()
        .collect()
}

/// A line for each answer, and one if no route is allowed.
fn lines(access: &Access<'_>, row: &Row, numbered: &[&Condition]) -> Vec<[String; 3]> {
    let models = match row.models.as_slice() {
        [] => "without a model".to_owned(),
        models if is_every_model(access.universe, models) => "every model".to_owned(),
        models => escape(&models.join(", ")).into_owned(),
    };
    let asked: Vec<usize> = row.grants.iter().map(|(at, _)| *at).collect();
    let allowed = row.allowed();
    if allowed.is_empty() {
        return vec![["denied".to_owned(), models, String::new()]];
    }
    let line = |(grant, routes): (&Grant, Vec<usize>)| {
        let numbers: Vec<String> = match grant {
            Grant::If(asked) => {
                let places = asked.iter().filter_map(|one| numbered.iter().position(|other| *other == one));
                places.map(|at| format!("[{}]", at + 1)).collect()
            }
            Grant::No | Grant::Yes => Vec::new(),
        };
        let words =
            if numbers.is_empty() { "allowed".to_owned() } else { format!("if {}", numbers.join(" ")) };
        [words, models.clone(), escape(&routes_in_words(access.universe, &routes, &asked)).into_owned()]
    };
    allowed.into_iter().map(line).collect()
}

fn is_every_model(universe: &Universe, models: &[String]) -> bool {
    universe.models.len() > 1
        && models.len() == universe.models.iter().map(|class| class.shown.len()).sum::<usize>()
}

/// Some of the classes of routes that were asked for, by the lists that contain them: the largest lists first.
fn routes_in_words(universe: &Universe, routes: &[usize], asked: &[usize]) -> String {
    if routes == asked {
        return "every route".to_owned();
    }
    let class = |at: &usize| universe.routes.get(*at);
    let members = |list: &str| {
        let in_list = |class: Option<&RouteClass>| class.is_some_and(|class| class.lists.contains(list));
        asked.iter().copied().filter(|at| in_list(class(at))).collect::<BTreeSet<_>>()
    };
    let lists: BTreeSet<&String> = routes.iter().filter_map(class).flat_map(|class| &class.lists).collect();
    let mut whole: Vec<(&str, BTreeSet<usize>)> =
        lists.into_iter().map(|list| (list.as_str(), members(list))).collect();
    whole.retain(|(_, members)| members.iter().all(|at| routes.contains(at)));
    whole.sort_by_key(|(_, members)| std::cmp::Reverse(members.len()));
    let (mut words, mut covered): (Vec<String>, _) = (Vec::new(), BTreeSet::new());
    for (list, members) in whole {
        if !members.is_subset(&covered) {
            words.push(list.to_owned());
            covered.extend(members);
        }
    }
    words.extend(routes.iter().filter(|at| !covered.contains(at)).filter_map(class).map(|class| {
        let path = class.with_model.as_ref().unwrap_or(&class.bare.1);
        if class.lists.is_empty() { class.shown.clone() } else { format!("routes like {path}") }
    }));
    words.join(", ")
}
