//! The checker against the slow search, and against histories that were made wrong by hand.

#![allow(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    reason = "a test with small numbers"
)]

use super::{Log, Op, Verdict, What, Written, check, linearizable_by_search};

/// A generator of its own, so that a failure repeats.
struct Luck(u64);

impl Luck {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) % limit
    }
}

fn root(prefix: &[u64]) -> Vec<u8> {
    prefix.iter().flat_map(|id| id.to_be_bytes()).collect()
}

fn log(ids: &[u64]) -> Log {
    Log {
        leaves: ids.iter().copied().map(Some).collect(),
        roots: (0..=ids.len()).map(|size| root(&ids[..size])).collect(),
    }
}

fn write(invoked: u64, returned: u64, id: u64, leaf: u64) -> Op {
    Op {
        client: id,
        invoked,
        returned: Some(returned),
        what: What::Write {
            id,
            written: Written::At(leaf),
        },
    }
}

fn read(invoked: u64, returned: u64, ids: &[u64]) -> Op {
    Op {
        client: 90,
        invoked,
        returned: Some(returned),
        what: What::Read {
            size: ids.len() as u64,
            root: root(ids),
        },
    }
}

fn good() -> (Vec<Op>, Log) {
    let ops = vec![
        write(0, 10, 7, 0),
        read(11, 12, &[7]),
        write(13, 20, 8, 1),
        write(15, 30, 9, 2),
        read(31, 32, &[7, 8, 9]),
    ];
    (ops, log(&[7, 8, 9]))
}

fn violated(ops: &[Op], log: &Log) -> bool {
    matches!(check(ops, log), Verdict::Violated(_))
}

#[test]
fn a_history_in_order_is_right() {
    let (ops, log) = good();
    assert_eq!(check(&ops, &log), Verdict::Ok(5));
}

#[test]
fn histories_made_wrong_are_rejected() {
    let (ops, right) = good();
    let swapped = log(&[8, 7, 9]);
    assert!(violated(&ops, &swapped), "two swapped");
    let dropped = log(&[7, 9]);
    assert!(
        check(&ops, &dropped) != Verdict::Ok(5) && violated(&ops[2..3], &log(&[7, 9])),
        "one dropped"
    );
    let mut stale = ops.clone();
    stale[4] = read(31, 32, &[7, 8]);
    assert!(violated(&stale, &right), "a stale read");
    let mut lost = ops.clone();
    lost.push(write(33, 34, 5, 1));
    assert!(
        violated(&lost, &right),
        "an acknowledged write that is not there"
    );
    let twice = log(&[7, 8, 9, 8]);
    assert!(violated(&ops, &twice), "one note twice");
    let mut early = ops.clone();
    early[1] = read(11, 12, &[7, 8]);
    assert!(violated(&early, &right), "a read of what was not sent yet");
    let mut refused = ops;
    refused[3].what = What::Write {
        id: 9,
        written: Written::Refused,
    };
    assert!(violated(&refused, &right), "refused and yet there");
}

#[test]
fn a_log_that_ends_too_early_is_not_called_right() {
    let (ops, _) = good();
    let short = log(&[7, 8]);
    assert!(matches!(check(&ops[4..], &short), Verdict::Unknown(_)));
    assert!(matches!(check(&ops[3..4], &short), Verdict::Unknown(_)));
}

/// Small histories of every kind, right ones and wrong ones: both ways of telling agree.
#[test]
fn the_checker_and_the_search_agree() {
    let mut luck = Luck(2_020);
    let (mut right, mut wrong) = (0, 0);
    for _ in 0..6_000 {
        let (ops, log) = random(&mut luck);
        let found = linearizable_by_search(&ops, &log, &root);
        let checked = matches!(check(&ops, &log), Verdict::Ok(_));
        assert_eq!(checked, found, "{ops:?} {log:?}: {:?}", check(&ops, &log));
        if found {
            right += 1;
        } else {
            wrong += 1;
        }
    }
    assert!(right > 500 && wrong > 500, "{right} right, {wrong} wrong");
}

/// A few operations around a log, most of them where they belong.
fn random(luck: &mut Luck) -> (Vec<Op>, Log) {
    let ids: Vec<u64> = (0..=luck.below(3)).collect();
    let log = log(&ids);
    let mut ops = Vec::new();
    for id in &ids {
        let at = 10 * id;
        let invoked = (at + luck.below(8)).saturating_sub(luck.below(25));
        let returned = invoked.max(at) + luck.below(12);
        let mut op = write(invoked, returned, *id, *id);
        match luck.below(12) {
            0 => {
                op.returned = None;
                op.what = What::Write {
                    id: *id,
                    written: Written::Unknown,
                };
            }
            1 => {
                let written = Written::At(luck.below(3));
                op.what = What::Write { id: *id, written };
            }
            2 => {
                let written = Written::Refused;
                op.what = What::Write { id: *id, written };
            }
            3 => {
                op.returned = None;
                let written = Written::Unknown;
                op.what = What::Write { id: 7, written };
            }
            _ => {}
        }
        if luck.below(4) == 0 {
            let invoked = luck.below(40);
            ops.push(write(invoked, invoked + luck.below(15), *id, *id));
        }
        ops.push(op);
    }
    for _ in 0..luck.below(3) {
        let size = luck.below(ids.len() as u64 + 1) as usize;
        let invoked = (10 * size as u64 + luck.below(10)).saturating_sub(luck.below(10));
        let mut op = read(invoked, invoked + luck.below(10), &ids[..size]);
        if luck.below(10) == 0
            && let What::Read { root, .. } = &mut op.what
        {
            root.push(1);
        }
        ops.push(op);
    }
    (ops, log)
}
