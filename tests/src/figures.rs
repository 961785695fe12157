//! What a test measured, as a sentence for people and one JSON line for programs.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::load::Times;

/// The figures of one scenario.
#[derive(Debug)]
pub struct Figures {
    scenario: &'static str,
    values: Map<String, Value>,
}

impl Figures {
    /// No figures yet.
    pub fn of(scenario: &'static str) -> Self {
        Self {
            scenario,
            values: Map::new(),
        }
    }

    /// A number of things.
    #[must_use]
    pub fn count(mut self, what: &str, count: usize) -> Self {
        self.values.insert(what.to_owned(), json!(count));
        self
    }

    /// A time, in milliseconds.
    #[must_use]
    pub fn time(mut self, what: &str, time: Duration) -> Self {
        let ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.values.insert(format!("{what}_ms"), json!(ms));
        self
    }

    /// How times are distributed, in milliseconds.
    #[must_use]
    pub fn times(self, what: &str, times: &Times) -> Self {
        [("p50", 50), ("p90", 90), ("p99", 99), ("max", 100)]
            .into_iter()
            .fold(
                self.count(&format!("{what}_n"), times.count()),
                |figures, (name, percent)| {
                    figures.time(&format!("{what}_{name}"), times.percentile(percent))
                },
            )
    }

    /// Prints them: `./ops/test --only cluster` shows what tests print.
    pub fn print(self) {
        let mut line = Map::new();
        line.insert("scenario".to_owned(), json!(self.scenario));
        line.extend(self.values);
        anstream::println!("figures {}", Value::Object(line));
    }
}

/// How often something is done: `few` in the gate, `many` where `TALLY_NIGHTLY` is set.
pub fn times(few: usize, many: usize) -> usize {
    if std::env::var_os("TALLY_NIGHTLY").is_some() {
        many
    } else {
        few
    }
}
