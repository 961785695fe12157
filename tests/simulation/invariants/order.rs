//! What the nodes did, line by line, keeps the rules of Raft and of cosigning (`tests::trace`).

use tests::trace::{self, Line};

use super::{Invariant, Rest};

#[derive(Default)]
pub struct Order {
    evaluations: u64,
}

impl Invariant for Order {
    fn name(&self) -> &'static str {
        "I8 the trace keeps the rules"
    }

    fn rest(&mut self, rest: &Rest<'_>) -> Result<(), String> {
        let lines = rest.lines.iter().map(|(at, node, incarnation, event)| {
            // By its text, as a line of a real node comes.
            Line::parse(&event.line(*at, *node, *incarnation)).unwrap()
        });
        let mut checker = trace::Checker::new(rest.stage.nodes as usize);
        for line in lines {
            checker.take(&line).map_err(|broken| broken.to_string())?;
        }
        self.evaluations += checker.checked().evaluations;
        Ok(())
    }

    fn evaluations(&self) -> u64 {
        self.evaluations
    }
}
