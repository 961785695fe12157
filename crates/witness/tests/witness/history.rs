//! A cosigner that obeys its gate never signs two histories, whatever its node goes through: trees
//! exchanged under it, sizes lost and found again, clocks that jump, leaders that lie.

use merkle::{Frontier, Hash, TreeSize, leaf_hash};
use note::UnixSeconds;
use proptest::prelude::*;
use witness::LastSigned;
use witness::gate::{Asked, Clocks, Decision, MAX_LEAD_SECONDS, OwnRoots, consider};

/// Leaves in the largest tree.
const LEAVES: usize = 24;

/// Where the second history leaves the first.
const FORK: usize = 9;

/// The roots of a history at every size.
fn roots(name: &str) -> Vec<Hash> {
    let mut frontier = Frontier::new();
    let mut roots = vec![frontier.root()];
    for leaf in 0..LEAVES {
        let history = if leaf < FORK { "both" } else { name };
        frontier.push(leaf_hash(format!("{history} {leaf}").as_bytes()));
        roots.push(frontier.root());
    }
    roots
}

/// One question to the gate, and what its node holds at that moment.
#[derive(Clone, Debug)]
struct Moment {
    /// The history that the node has and the one that the question is about, 0 or 1.
    own: usize,
    asked: usize,
    /// How many leaves the node holds, and how many are asked about.
    holds: usize,
    size: usize,
    clock: u64,
    median: u64,
}

fn moment() -> impl Strategy<Value = Moment> {
    (
        0..2_usize,
        0..2_usize,
        0..=LEAVES,
        0..=LEAVES,
        900..1_100_u64,
        900..1_100_u64,
    )
        .prop_map(|(own, asked, holds, size, clock, median)| Moment {
            own,
            asked,
            holds,
            size,
            clock,
            median,
        })
}

fn ask(moment: &Moment, last: Option<&LastSigned>, histories: &[Vec<Hash>; 2]) -> Decision {
    let held = |size: usize| (size <= moment.holds).then(|| histories[moment.own][size]);
    let last_size = last.map(|last| usize::try_from(last.size.get()).unwrap());
    consider(
        last,
        &Asked {
            size: size(moment.size),
            root: histories[moment.asked][moment.size],
        },
        &OwnRoots {
            at_asked: held(moment.size),
            at_last: last_size.and_then(held),
        },
        &Clocks {
            own: UnixSeconds::new(moment.clock),
            median: UnixSeconds::new(moment.median),
        },
    )
}

fn size(leaves: usize) -> TreeSize {
    TreeSize::new(u64::try_from(leaves).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_two_histories_are_signed_and_neither_size_nor_time_goes_back(
        moments in prop::collection::vec(moment(), 1..60),
    ) {
        let histories = [roots("first"), roots("second")];
        let mut last: Option<LastSigned> = None;
        let mut possible = [true, true];
        for moment in moments {
            match ask(&moment, last.as_ref(), &histories) {
                Decision::Sign { state, .. } | Decision::SignAgain { state, .. } => {
                    prop_assert!(moment.clock <= moment.median + MAX_LEAD_SECONDS);
                    prop_assert!(state.time.get() >= moment.clock);
                    if let Some(last) = last {
                        prop_assert!(state.size >= last.size);
                        prop_assert!(state.time >= last.time);
                    }
                    for (possible, history) in possible.iter_mut().zip(&histories) {
                        *possible &= history[moment.size] == state.root;
                    }
                    prop_assert_ne!(possible, [false, false], "two histories were signed");
                    // What is written is what is known after a restart.
                    last = Some(LastSigned::parse(&state.to_text()).unwrap());
                }
                Decision::NotYet
                | Decision::Behind { .. }
                | Decision::Mismatch { .. }
                | Decision::Rewrite { .. }
                | Decision::Clock { .. } => {}
            }
        }
    }

    /// The gate is not safe by refusing everything.
    #[test]
    fn an_honest_node_signs_every_growth(sizes in prop::collection::vec(0..=LEAVES, 1..20)) {
        let histories = [roots("first"), roots("second")];
        let mut last: Option<LastSigned> = None;
        let mut largest = 0;
        for (clock, size) in (1_000..).zip(sizes) {
            let moment =
                Moment { own: 0, asked: 0, holds: LEAVES, size, clock, median: clock };
            let decision = ask(&moment, last.as_ref(), &histories);
            match decision {
                Decision::Sign { state, .. } | Decision::SignAgain { state, .. } => {
                    prop_assert!(size >= largest);
                    largest = size;
                    last = Some(state);
                }
                Decision::Behind { .. } => prop_assert!(size < largest),
                Decision::NotYet
                | Decision::Mismatch { .. }
                | Decision::Rewrite { .. }
                | Decision::Clock { .. } => prop_assert!(false, "{decision:?}"),
            }
        }
    }
}
