//! Figures at the ends of what may be written: recorded as they are, added up, and the log stays
//! one that can be read again.

#[cfg(test)]
mod common;

#[cfg(test)]
mod tests {
    use caucus::MAX_WRITTEN;
    use ledger::View;
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
}
