//! Holds the tree to the document: the arrows between the crates, as `crates/README.md` draws them, against
//! what `cargo metadata` says, and the house rules that no compiler checks.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail, ensure};
use serde_json::Value;

/// The crates that open with `no_std`: no clock, socket, file, thread or random order gets in.
const BELOW_THE_LINE: [&str; 6] = ["caucus", "merkle", "note", "receipt", "witness", "ledger"];

/// The longest source file; past it a file is usually two things.
const LONGEST_FILE_LINES: usize = 700;

/// One sentence per difference; empty when the tree is tidy.
pub fn problems(root: &Path) -> anyhow::Result<Vec<String>> {
    let document =
        fs::read_to_string(root.join("crates/README.md")).context("read the architecture")?;
    let drawn = arrows_drawn(&document)?;
    let built = arrows_built(root)?;
    let mut problems = compare(&drawn, &built);
    for name in BELOW_THE_LINE {
        let head = fs::read_to_string(root.join(format!("crates/{name}/src/lib.rs")))?;
        if !head.contains("#![cfg_attr(not(test), no_std)]") {
            problems.push(format!(
                "crates/{name} lies below the line and does not say `no_std`"
            ));
        }
    }
    for path in sources(root)? {
        let text = fs::read_to_string(root.join(&path))?;
        problems.extend(source_problems(&path, &text));
    }
    Ok(problems)
}

/// The arrows in the fenced block headed `arrows`: `crate → other other` a line.
fn arrows_drawn(document: &str) -> anyhow::Result<BTreeMap<String, BTreeSet<String>>> {
    let block = document
        .split("```arrows\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next())
        .context("crates/README.md has no block headed `arrows`")?;
    let mut arrows = BTreeMap::new();
    for line in block.lines().filter(|line| line.contains('→')) {
        let Some((from, to)) = line.split_once('→') else {
            bail!("no arrow in `{line}`")
        };
        let to = to.split_whitespace().map(str::to_owned).collect();
        let before = arrows.insert(from.trim().to_owned(), to);
        ensure!(before.is_none(), "`{}` is drawn twice", from.trim());
    }
    Ok(arrows)
}

/// What each member's manifest depends on among the members, tests' own dependencies left out.
fn arrows_built(root: &Path) -> anyhow::Result<BTreeMap<String, BTreeSet<String>>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args([
            "metadata",
            "--no-deps",
            "--format-version",
            "1",
            "--offline",
            "--locked",
        ])
        .current_dir(root)
        .output()
        .context("run cargo metadata")?;
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let packages = metadata
        .get("packages")
        .and_then(Value::as_array)
        .context("no packages")?;
    let members: BTreeSet<String> = packages.iter().map(name).collect();
    Ok(packages
        .iter()
        .map(|package| (name(package), needs(package, &members)))
        .collect())
}

fn name(value: &Value) -> String {
    value
        .get("name")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

/// The members that a package depends on; what only its tests need is left out.
fn needs(package: &Value, members: &BTreeSet<String>) -> BTreeSet<String> {
    let all = package
        .get("dependencies")
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    let shipped = |one: &&Value| one.get("kind").is_none_or(Value::is_null);
    all.iter()
        .filter(shipped)
        .map(name)
        .filter(|name| members.contains(name))
        .collect()
}

fn compare(
    drawn: &BTreeMap<String, BTreeSet<String>>,
    built: &BTreeMap<String, BTreeSet<String>>,
) -> Vec<String> {
    let mut problems = Vec::new();
    for name in drawn.keys().chain(built.keys()).collect::<BTreeSet<_>>() {
        let (Some(drawn), Some(built)) = (drawn.get(name), built.get(name)) else {
            let missing = if built.contains_key(name) {
                "drawn"
            } else {
                "a member"
            };
            problems.push(format!("`{name}` is not {missing}"));
            continue;
        };
        for extra in built.difference(drawn) {
            problems.push(format!(
                "`{name}` depends on `{extra}`, and no arrow says so"
            ));
        }
        for unused in drawn.difference(built) {
            problems.push(format!(
                "an arrow leads from `{name}` to `{unused}`, and nothing goes along it"
            ));
        }
    }
    problems
}

fn source_problems(path: &str, text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    let lines = text.lines().count();
    if lines > LONGEST_FILE_LINES {
        problems.push(format!("{path} has {lines} lines: is it still one thing?"));
    }
    if !text.starts_with("//!") && !text.starts_with("#![") {
        problems.push(format!("{path} does not open with what it is"));
    }
    problems
}

/// The hand-written sources that git tracks.
fn sources(root: &Path) -> anyhow::Result<Vec<String>> {
    let output = Command::new("git")
        .args(["ls-files", "*.rs"])
        .current_dir(root)
        .output()
        .context("run git ls-files")?;
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8(output.stdout)?
        .lines()
        .filter(|path| !path.contains("/gen/"))
        .map(str::to_owned)
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tree as it stands is what its document says.
    #[test]
    fn the_tree_is_tidy() {
        assert_eq!(problems(&crate::root()).unwrap(), Vec::<String>::new());
    }

    /// An arrow too many and an arrow too few are both found.
    #[test]
    fn arrows_are_compared_both_ways() {
        let drawn = arrows_drawn("```arrows\n node → store note\n store →\n```\n").unwrap();
        let built = BTreeMap::from([
            (
                "node".to_owned(),
                BTreeSet::from(["store".to_owned(), "merkle".to_owned()]),
            ),
            ("store".to_owned(), BTreeSet::new()),
            ("merkle".to_owned(), BTreeSet::new()),
        ]);
        assert_eq!(
            compare(&drawn, &built),
            [
                "`merkle` is not drawn",
                "`node` depends on `merkle`, and no arrow says so",
                "an arrow leads from `node` to `note`, and nothing goes along it",
            ]
        );
    }
}
