//! What the ledger's tests share: a made-up election, and a state that is checked at every step.

#![expect(dead_code, reason = "each test binary uses its part")]

pub(crate) mod cast;
pub(crate) mod election;
pub(crate) mod script;

use ledger::{Command, Memory, Origin, Outcome, Table, apply, check};

use election::Election;

/// A state in memory whose invariants are checked after every command, and which nothing refused
/// may have changed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Night {
    pub(crate) state: Memory,
}

impl Night {
    /// The state before the first command.
    pub(crate) fn empty() -> Self {
        Self {
            state: Memory::new(),
        }
    }

    /// The state after the first manifest.
    pub(crate) fn of(election: &Election) -> Self {
        let mut night = Self::empty();
        let outcome = night.apply(&election.begin());
        assert!(matches!(outcome, Outcome::Applied { .. }), "{outcome:?}");
        night
    }

    /// Applies a command and checks everything.
    pub(crate) fn apply(&mut self, command: &Command) -> Outcome {
        let outcome = self.apply_unchecked(command);
        if let Err(broken) = check(&self.state) {
            panic!("after {outcome:?}: {broken}");
        }
        outcome
    }

    /// Applies a command; what is refused, or known already, must leave every row derived from
    /// leaves as it was.
    pub(crate) fn apply_unchecked(&mut self, command: &Command) -> Outcome {
        let before = leaf_rows(&self.state);
        let (outcome, changes) = apply(&self.state, command).unwrap();
        self.state.absorb(changes);
        if matches!(
            outcome,
            Outcome::Refused { .. } | Outcome::AlreadyRecorded { .. }
        ) {
            assert_eq!(
                leaf_rows(&self.state),
                before,
                "{outcome:?} changed something"
            );
        }
        outcome
    }
}

/// Every row derived from leaves.
pub(crate) fn leaf_rows(state: &Memory) -> Vec<(Table, Vec<u8>, Vec<u8>)> {
    let tables = Table::ALL
        .iter()
        .filter(|table| table.origin() == Origin::Leaves);
    tables
        .flat_map(|table| {
            state
                .rows(*table)
                .map(|(key, value)| (*table, key.to_vec(), value.to_vec()))
        })
        .collect()
}
