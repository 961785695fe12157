//! The log beside a plain list of entries: after any steps, closed or killed in between, they hold the same.

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Step {
    Append(u64),
    Truncate(u64),
    Purge(u64),
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..6_u64).prop_map(Step::Append),
        2 => (0..20_u64).prop_map(Step::Truncate),
        1 => (0..24_u64).prop_map(Step::Purge),
        1 => Just(Step::Reopen),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// The log holds what a list of entries would hold after the same steps, closed or killed in between.
    #[test]
    fn the_log_holds_what_a_list_would(steps in prop::collection::vec(step(), 1..14)) {
        let mut desk = Desk::new();
        let mut log = Some(desk.open().unwrap());
        let (mut first, mut list): (u64, Vec<Entry>) = (0, Vec::new());
        let mut term = 1;
        for step in steps {
            let open = log.as_ref().unwrap();
            let end = first + u64::try_from(list.len()).unwrap();
            term += 1;
            match step {
                Step::Append(count) => {
                    let new = entries(end..end + count, term);
                    list.extend(new.clone());
                    open.append(new, Box::new(|result| result.unwrap()));
                }
                Step::Truncate(after) => {
                    list.retain(|entry| entry.index <= after);
                    open.truncate_after(Some(after), Box::new(|result| result.unwrap()));
                }
                Step::Purge(index) => {
                    let known = list.iter().find(|entry| entry.index == index);
                    let upto = Position { index, term: known.map_or(term, |entry| entry.term) };
                    open.purge_to(upto, Bytes::new(), Box::new(|result| result.unwrap()));
                    list.retain(|entry| entry.index > index);
                    first = first.max(index + 1);
                }
                Step::Reopen => {
                    wait(|done| open.save_meta("vote", Bytes::new(), done)).unwrap();
                    let copy = desk.after_a_kill();
                    drop(log.take());
                    desk = copy;
                    log = Some(desk.open().unwrap());
                }
            }
            let open = log.as_ref().unwrap();
            prop_assert_eq!(open.read(0..u64::MAX, usize::MAX).unwrap(), list.clone());
            let last = list.last().map(Entry::position);
            if !list.is_empty() {
                prop_assert_eq!(open.bounds().unwrap().last, last);
            }
        }
        drop(log.take());
        let log = desk.open().unwrap();
        prop_assert_eq!(log.read(0..u64::MAX, usize::MAX).unwrap(), list);
    }
}
