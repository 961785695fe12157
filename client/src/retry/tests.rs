//! Carrying notes over a simulated network: nodes that answer, refuse, lie, hang and come back.

use std::sync::Mutex;

use merkle::{LeafIndex, leaf_hash};
use proptest::prelude::*;

use super::*;
use crate::clock::SystemClock;

const NOTE: &[u8] = b"a note";

/// What a simulated node does with one call.
#[derive(Debug, Clone, PartialEq)]
enum Turn {
    Receipt,
    ForgedReceipt,
    Record,
    Refuse,
    Down,
    Leaderless,
    Busy(u64),
    Hang,
    Slow(u64),
}

/// Nodes with a script each; the last turn of a script repeats.
struct Network {
    scripts: Vec<Vec<Turn>>,
    calls: Mutex<Vec<(usize, Vec<u8>)>>,
}

impl Network {
    fn new(scripts: Vec<Vec<Turn>>) -> Network {
        Network {
            scripts,
            calls: Mutex::new(Vec::new()),
        }
    }

    fn calls(&self) -> Vec<(usize, Vec<u8>)> {
        self.calls.lock().unwrap().clone()
    }
}

fn leaf() -> LeafRef {
    LeafRef {
        index: LeafIndex::new(4),
        hash: leaf_hash(NOTE),
    }
}

fn answer(result: AnswerResult) -> Answer {
    Answer { result, head: None }
}

fn refusal() -> Refused {
    Refused {
        code: "unknown_unit".to_owned(),
        message: "no such unit".to_owned(),
        advice: "check it".to_owned(),
        leaf_index: None,
    }
}

impl Courier for Network {
    fn nodes(&self) -> usize {
        self.scripts.len()
    }

    async fn carry(
        &self,
        node: usize,
        note: &[u8],
        _patience: Duration,
    ) -> Result<Answer, Trouble> {
        let turn = {
            let mut calls = self.calls.lock().unwrap();
            let before = calls.iter().filter(|(other, _)| *other == node).count();
            calls.push((node, note.to_vec()));
            let script = &self.scripts[node];
            script
                .get(before)
                .or_else(|| script.last())
                .unwrap()
                .clone()
        };
        let receipted = |receipt: &[u8]| {
            answer(AnswerResult::Receipted {
                effect: Effect::Recorded,
                leaf: leaf(),
                receipt: receipt.to_vec(),
            })
        };
        match turn {
            Turn::Receipt => Ok(receipted(b"good")),
            Turn::ForgedReceipt => Ok(receipted(b"forged")),
            Turn::Record => Ok(answer(AnswerResult::Recorded {
                effect: Effect::Recorded,
                leaf: leaf(),
            })),
            Turn::Refuse => Ok(answer(AnswerResult::Refused(refusal()))),
            Turn::Down => Err(Trouble::Unreachable("refused".to_owned())),
            Turn::Leaderless => Err(Trouble::Unavailable("no leader".to_owned())),
            Turn::Busy(milliseconds) => Err(Trouble::Busy(Duration::from_millis(milliseconds))),
            Turn::Hang => future::pending().await,
            Turn::Slow(milliseconds) => {
                tokio::time::sleep(Duration::from_millis(milliseconds)).await;
                Ok(receipted(b"good"))
            }
        }
    }
}

fn verify(receipt: &[u8]) -> Result<(), String> {
    if receipt == b"good" {
        Ok(())
    } else {
        Err("cosignature by n1 is wrong".to_owned())
    }
}

/// Carries [`NOTE`] over `network` in simulated time; also says how long it took.
fn carry(network: &Network) -> (Delivery<()>, Duration) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    runtime.unwrap().block_on(async {
        let clock = SystemClock::start();
        let end = deliver(
            network,
            &clock,
            &Schedule::default(),
            &Standing::default(),
            NOTE,
            verify,
        )
        .await;
        (end, clock.monotonic())
    })
}

fn every(turns: Vec<Turn>) -> Network {
    Network::new(vec![turns; 3])
}

#[test]
fn a_receipt_that_verifies_ends_it_at_the_first_node() {
    let network = every(vec![Turn::Receipt]);
    let (end, elapsed) = carry(&network);
    assert!(
        matches!(end, Delivery::Receipted(Receipted { attempts: 1, .. })),
        "{end:?}"
    );
    assert_eq!(elapsed, Duration::ZERO);
}

#[test]
fn the_same_bytes_go_to_every_node() {
    let network = every(vec![Turn::Down, Turn::Receipt]);
    let (end, _) = carry(&network);
    assert!(matches!(end, Delivery::Receipted(_)), "{end:?}");
    let calls = network.calls();
    assert_eq!(
        calls.len(),
        4,
        "three nodes down once each, then one that answers"
    );
    assert!(calls.iter().all(|(_, bytes)| bytes == NOTE));
    let mut nodes: Vec<usize> = calls.iter().take(3).map(|(node, _)| *node).collect();
    nodes.sort_unstable();
    assert_eq!(nodes, [0, 1, 2]);
}

#[test]
fn a_forged_receipt_is_not_believed_and_the_next_node_is_asked() {
    let network = Network::new(vec![
        vec![Turn::ForgedReceipt],
        vec![Turn::ForgedReceipt],
        vec![Turn::ForgedReceipt, Turn::ForgedReceipt, Turn::Receipt],
    ]);
    let (end, _) = carry(&network);
    let Delivery::Receipted(receipted) = end else {
        panic!("{end:?}")
    };
    assert_eq!(
        (receipted.node, receipted.bytes.as_slice()),
        (2, b"good".as_slice())
    );
}

#[test]
fn a_hanging_node_costs_one_hedge_and_no_more() {
    for hanging in 0..3 {
        let mut scripts = vec![vec![Turn::Receipt]; 3];
        scripts[hanging] = vec![Turn::Hang];
        let (end, elapsed) = carry(&Network::new(scripts));
        assert!(matches!(end, Delivery::Receipted(_)), "{end:?}");
        assert!(elapsed <= Schedule::default().hedge, "{elapsed:?}");
    }
}

/// Whoever enters many reports waits once for a node that hangs, not for every third report.
#[test]
fn a_hanging_node_is_asked_last_by_later_notes() {
    let scripts = vec![vec![Turn::Hang], vec![Turn::Receipt], vec![Turn::Receipt]];
    let network = Network::new(scripts);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    let elapsed = runtime.unwrap().block_on(async {
        let (clock, standing) = (SystemClock::start(), Standing::default());
        for number in 0..30_u8 {
            let schedule = Schedule::default();
            let end = deliver(&network, &clock, &schedule, &standing, &[number], verify).await;
            assert!(matches!(end, Delivery::Receipted(_)), "{end:?}");
        }
        clock.monotonic()
    });
    assert_eq!(elapsed, Schedule::default().hedge);
}

#[test]
fn a_slow_answer_is_still_taken_while_the_next_node_is_asked() {
    let (end, elapsed) = carry(&every(vec![Turn::Slow(1_000)]));
    assert!(
        matches!(end, Delivery::Receipted(Receipted { attempts: 2, .. })),
        "{end:?}"
    );
    assert_eq!(elapsed, Duration::from_secs(1));
}

#[test]
fn a_second_without_a_leader_is_over_soon_after_it_ends() {
    let network = every(vec![
        Turn::Leaderless,
        Turn::Leaderless,
        Turn::Leaderless,
        Turn::Receipt,
    ]);
    let (end, elapsed) = carry(&network);
    assert!(matches!(end, Delivery::Receipted(_)), "{end:?}");
    assert!(elapsed < Duration::from_millis(200), "{elapsed:?}");
}

#[test]
fn a_refusal_ends_it_with_its_reason() {
    let (end, _) = carry(&every(vec![Turn::Refuse]));
    let Delivery::Refused { refusal, .. } = end else {
        panic!("{end:?}")
    };
    assert_eq!(refusal.code, "unknown_unit");
}

/// A node that says "refused" after another said "recorded" is wrong: going on is what finds out.
#[test]
fn a_refusal_after_a_recording_does_not_end_it() {
    let network = every(vec![Turn::Record, Turn::Refuse, Turn::Receipt]);
    let (end, _) = carry(&network);
    assert!(matches!(end, Delivery::Receipted(_)), "{end:?}");
}

#[test]
fn when_nobody_answers_the_budget_is_kept_and_every_node_is_named() {
    let (end, elapsed) = carry(&every(vec![Turn::Down]));
    let Delivery::NotYet(known) = end else {
        panic!("{end:?}")
    };
    assert_eq!(known.troubles.len(), 3);
    assert_eq!(known.recorded, None);
    assert_eq!(elapsed, Schedule::default().budget);
    assert!(
        known.attempts > 30 && known.attempts < 400,
        "{}",
        known.attempts
    );
}

#[test]
fn recorded_without_a_receipt_says_which_leaf() {
    let (end, _) = carry(&every(vec![Turn::Record]));
    let Delivery::NotYet(known) = end else {
        panic!("{end:?}")
    };
    assert_eq!(known.recorded, Some((Effect::Recorded, leaf())));
}

#[test]
fn a_busy_cluster_is_left_alone_as_long_as_it_asks() {
    let (end, elapsed) = carry(&every(vec![Turn::Busy(5_000), Turn::Receipt]));
    assert!(matches!(end, Delivery::Receipted(_)), "{end:?}");
    assert!(elapsed >= Duration::from_secs(5), "{elapsed:?}");
}

#[test]
fn no_nodes_at_all_ends_at_once() {
    let (end, elapsed) = carry(&Network::new(Vec::new()));
    assert!(matches!(end, Delivery::NotYet(_)), "{end:?}");
    assert_eq!(elapsed, Duration::ZERO);
}

fn turn() -> impl Strategy<Value = Turn> {
    prop_oneof![
        Just(Turn::ForgedReceipt),
        Just(Turn::Record),
        Just(Turn::Down),
        Just(Turn::Leaderless),
        (1..300_u64).prop_map(Turn::Busy),
        Just(Turn::Hang),
        (1..3_000_u64).prop_map(Turn::Slow),
    ]
}

proptest! {
    /// Whatever the nodes do, nothing is called a receipt that does not verify, only the note's
    /// own bytes are sent, and one node that answers is enough.
    #[test]
    fn one_honest_node_is_enough(
        mut scripts in proptest::collection::vec(proptest::collection::vec(turn(), 1..6), 1..5),
        honest in any::<prop::sample::Index>(),
    ) {
        let honest = honest.index(scripts.len());
        scripts[honest] = vec![Turn::Receipt];
        let network = Network::new(scripts);
        let (end, _) = carry(&network);
        prop_assert!(network.calls().iter().all(|(_, bytes)| bytes == NOTE));
        let Delivery::Receipted(receipted) = end else {
            return Err(TestCaseError::fail(format!("{end:?}")));
        };
        prop_assert_eq!(receipted.bytes, b"good");
    }

    /// Without a node that gives a receipt the budget ends it, and nothing looks like a receipt.
    #[test]
    fn without_a_receipt_it_ends_with_the_budget(
        scripts in proptest::collection::vec(
            proptest::collection::vec(
                prop_oneof![
                    Just(Turn::ForgedReceipt), Just(Turn::Record), Just(Turn::Down), Just(Turn::Hang)
                ],
                1..6,
            ),
            1..5,
        ),
    ) {
        let (end, elapsed) = carry(&Network::new(scripts));
        prop_assert!(matches!(end, Delivery::NotYet(_)));
        prop_assert_eq!(elapsed, Schedule::default().budget);
    }
}
