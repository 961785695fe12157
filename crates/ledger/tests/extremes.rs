//! Figures at the ends of what may be written: recorded as they are, added up, and the log stays
//! one that can be read again.

#[cfg(test)]
mod common;

#[cfg(test)]
mod tests {
    use core::cell::Cell;

    use caucus::{MAX_WRITTEN, UnitId};
    use ledger::{Fault, Memory, Table, Tables, View, Visit, apply};
    use receipt::Leaf;
    use receipt::leaf::{Close, Reason};

    use crate::common::Night;
    use crate::common::election::{Election, command};

    /// Two chairs who each write the largest number there is: the statewide sums are larger than
    /// any number a sheet may state, and the totals leaf has to state them.
    #[test]
    fn totals_above_what_a_sheet_may_state_can_be_read_again() {
        let election = Election::new("night");
        let mut night = Night::of(&election);
        for (id, unit) in [("a", "P-1"), ("b", "P-2"), ("c", "S-1"), ("d", "S-3")] {
            let report = election.report(id, unit, &[MAX_WRITTEN]);
            assert_eq!(night.apply(&command(&report)).name(), "recorded");
        }
        let close = Leaf::Close(Close {
            header: election.header("close"),
            reason: Reason::parse("the night is over").unwrap(),
        });
        let close = election.sign(&close, &["publisher1", "publisher2"]);
        assert_eq!(night.apply(&command(&close)).name(), "applied");
        let view = View::new(&night.state);
        let last = view.tree_size().unwrap().last_leaf().unwrap();
        let entry = view.leaf(last).unwrap().unwrap();
        let (leaf, note) = Leaf::parse_entry(&entry).unwrap();
        let Leaf::Totals(totals) = leaf else {
            panic!("no totals: {leaf:?}");
        };
        assert!(note.is_none(), "nobody signs totals");
        let largest = totals.rows.iter().map(|row| row.first.get()).max();
        assert_eq!(largest, Some(4 * MAX_WRITTEN));
    }

    /// Memory that counts how many rows of reports beside heads a command looks at.
    struct Counting<'a>(&'a Memory, Cell<usize>);

    impl Tables for Counting<'_> {
        fn read(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
            self.0.read(table, key)
        }

        fn scan(&self, table: Table, prefix: &[u8], visit: Visit<'_>) -> Result<(), Fault> {
            self.0.scan(table, prefix, &mut |key, value| {
                if table == Table::Rival {
                    self.1.set(self.1.get() + 1);
                }
                visit(key, value)
            })
        }
    }

    /// One key that sends a long chain from its end makes no later command dearer.
    #[test]
    fn predecessors_that_arrived_late_are_not_looked_at_again() {
        let election = Election::new("night");
        let mut night = Night::of(&election);
        let mut chain = Vec::new();
        let mut before = None;
        for seq in 1..=40 {
            let mut report = election.submission(&format!("{seq}"), "P-1", &[50, 30, seq]);
            report.seq = seq;
            report.supersedes = before;
            let note = election.sign(&report.into(), &["P-1/a"]);
            before = Some(note.leaf_hash());
            chain.push(note);
        }
        let next = chain.pop().unwrap();
        for (place, note) in chain.iter().rev().enumerate() {
            let counting = Counting(&night.state, Cell::new(0));
            let (outcome, changes) = apply(&counting, &command(note)).unwrap();
            let expected = if place == 0 { "recorded" } else { "superseded" };
            assert_eq!(outcome.name(), expected);
            assert_eq!(counting.1.get(), 0, "report {place}");
            night.state.absorb(changes);
        }
        assert_eq!(night.apply(&command(&next)).name(), "corrected");
        let unit = UnitId::parse("P-1").unwrap();
        let view = View::new(&night.state).unit(&unit).unwrap().unwrap();
        assert_eq!(view.rivals.len(), 38, "they are recorded all the same");
        assert!(view.rivals.is_sorted_by_key(|rival| rival.leaf.index));
    }
}
