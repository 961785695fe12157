//! A line of a trace, read from its JSON.

use std::collections::BTreeMap;

use serde_json::Value;

/// One event of one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Microseconds on the clock that all nodes share.
    pub at: u64,
    /// The node.
    pub node: u64,
    /// How often it had started by then.
    pub incarnation: u64,
    /// What happened.
    pub event: String,
    /// Its other numbers, by their names.
    pub numbers: BTreeMap<String, u64>,
}

/// A line that is not one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a line of a trace: {0}")]
pub struct LineError(String);

impl Line {
    /// Reads a line.
    pub fn parse(text: &str) -> Result<Self, LineError> {
        let wrong = || LineError(text.to_owned());
        let value: Value = serde_json::from_str(text).map_err(|_| wrong())?;
        let object = value.as_object().ok_or_else(wrong)?;
        let number = |name: &str| object.get(name).and_then(Value::as_u64).ok_or_else(wrong);
        let event = object
            .get("event")
            .and_then(Value::as_str)
            .ok_or_else(wrong)?;
        let numbers = object.iter().filter_map(|(name, value)| {
            let number = value.as_u64()?;
            Some((name.clone(), number))
        });
        Ok(Self {
            at: number("at")?,
            node: number("node")?,
            incarnation: number("incarnation")?,
            event: event.to_owned(),
            numbers: numbers.collect(),
        })
    }

    /// One of its numbers.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.numbers.get(name).copied()
    }
}
