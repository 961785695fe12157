//! Traces of nodes, checked afterwards: each line is an event of `replica::trace`, and the rules
//! are those of Raft and of cosigning, told from outside with none of the code that keeps them.

mod line;
mod rules;

pub use line::{Line, LineError};
pub use rules::{Broken, Checked, Checker};

/// Checks the lines of all nodes of a run, in any order, `voters` nodes voting.
pub fn check(mut lines: Vec<Line>, voters: usize) -> Result<Checked, Broken> {
    lines.sort_by_key(|line| line.at);
    let mut checker = Checker::new(voters);
    for line in &lines {
        checker.take(line)?;
    }
    Ok(checker.checked())
}

#[cfg(test)]
mod tests;
