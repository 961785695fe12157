//! The expressions of the Grafana dashboards: what they ask, and which metrics they name.
//!
//! Grafana is not needed: promtool parses each expression as a recording rule, and a test compares the names
//! with the metrics that the nodes have.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use serde_json::{Value, json};

/// Writes one rule file per dashboard into `folder`, each expression as a recording rule.
pub fn write_rules(root: &Path, folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("create `{}`", folder.display()))?;
    for path in boards(root)? {
        let rules: Vec<Value> = expressions(&path)?
            .iter()
            .enumerate()
            .map(|(n, expression)| {
                json!({
                    "record": format!("dashboard:expression_{n}"),
                    // Grafana's own variable stands for a duration.
                    "expr": expression.replace("$__rate_interval", "1m"),
                })
            })
            .collect();
        ensure!(!rules.is_empty(), "`{}` asks nothing", path.display());
        let name = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        // JSON is YAML, so promtool reads it.
        let text = json!({ "groups": [{ "name": name, "rules": rules }] }).to_string();
        let file = folder.join(format!("{name}.yml"));
        fs::write(&file, text).with_context(|| format!("write `{}`", file.display()))?;
    }
    Ok(())
}

/// Every metric that a dashboard or an alert rule names, without the suffixes that a histogram adds.
pub fn metrics_named(root: &Path) -> anyhow::Result<BTreeSet<String>> {
    let mut texts = Vec::new();
    for path in boards(root)? {
        texts.extend(expressions(&path)?);
    }
    for path in files(&root.join("ops/prometheus/rules"), "yml")? {
        let rules = fs::read_to_string(&path)?;
        texts.extend(
            rules
                .lines()
                .filter_map(|line| line.trim().strip_prefix("expr:"))
                .map(str::to_owned),
        );
    }
    Ok(texts.iter().flat_map(|text| names(text)).collect())
}

fn names(expression: &str) -> Vec<String> {
    expression
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .filter(|word| word.starts_with("tally_") || word.starts_with("process_"))
        .map(|word| word.strip_suffix("_bucket").unwrap_or(word).to_owned())
        .collect()
}

fn expressions(path: &Path) -> anyhow::Result<Vec<String>> {
    let text = fs::read_to_string(path).with_context(|| format!("read `{}`", path.display()))?;
    let board: Value =
        serde_json::from_str(&text).with_context(|| format!("parse `{}`", path.display()))?;
    Ok(list(&board, "panels")
        .iter()
        .flat_map(|panel| list(panel, "targets"))
        .filter_map(|target| Some(target.get("expr")?.as_str()?.to_owned()))
        .collect())
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value
        .get(name)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

fn boards(root: &Path) -> anyhow::Result<Vec<PathBuf>> {
    files(&root.join("ops/grafana/dashboards"), "json")
}

fn files(folder: &Path, extension: &str) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in
        fs::read_dir(folder).with_context(|| format!("read folder `{}`", folder.display()))?
    {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == extension) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
