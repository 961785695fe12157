//! The checker against one of another author, which searches, on small histories; and against
//! histories that were made wrong by hand.

use testkit::Random;
use todc_utils::{Action, History, Specification, WGLChecker};

use super::{Log, Op, Verdict, What, Written, check};

fn root(prefix: &[u64]) -> Vec<u8> {
    prefix.iter().flat_map(|id| id.to_be_bytes()).collect()
}

fn count(leaves: usize) -> u64 {
    u64::try_from(leaves).unwrap()
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

fn sent(id: u64, written: Written) -> What {
    What::Write { id, written }
}

fn read(invoked: u64, returned: u64, ids: &[u64]) -> Op {
    Op {
        client: 90,
        invoked,
        returned: Some(returned),
        what: What::Read {
            size: count(ids.len()),
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
    let mut refused = ops.clone();
    refused[3].what = sent(9, Written::Refused);
    assert!(
        violated(&refused, &right),
        "recorded, and its one sending refused"
    );
    let mut denied = ops;
    denied.push(Op {
        what: sent(8, Written::Refused),
        ..write(21, 22, 8, 0)
    });
    assert!(violated(&denied, &right), "refused after it was recorded");
}

/// Note 9 is refused to one sender, and recorded when another sends it: in either order of their
/// beginnings, as long as nobody was shown the leaf before the one who was refused had asked.
#[test]
fn a_note_that_was_refused_once_may_be_recorded_later() {
    let (ops, log) = good();
    for (invoked, returned) in [(13, 14), (16, 29), (29, 60)] {
        let mut ops = ops.clone();
        ops.push(Op {
            what: sent(9, Written::Refused),
            ..write(invoked, returned, 9, 0)
        });
        assert_eq!(check(&ops, &log), Verdict::Ok(6), "{invoked}");
        assert!(searched(&ops, &log), "{invoked}");
    }
    let mut late = ops;
    late.push(Op {
        what: sent(9, Written::Refused),
        ..write(31, 60, 9, 0)
    });
    assert!(violated(&late, &log), "asked after leaf 2 was acknowledged");
    assert!(!searched(&late, &log));
}

#[test]
fn a_log_that_ends_too_early_is_not_called_right() {
    let (ops, _) = good();
    let short = log(&[7, 8]);
    assert!(matches!(check(&ops[4..], &short), Verdict::Unknown(_)));
    assert!(matches!(check(&ops[3..4], &short), Verdict::Unknown(_)));
}

#[test]
fn a_history_that_shows_nothing_is_not_called_right() {
    let (ops, right) = good();
    let nothing = [
        read(1, 2, &[]),
        Op {
            returned: None,
            what: sent(7, Written::Unknown),
            ..write(0, 0, 7, 0)
        },
    ];
    assert!(matches!(check(&[], &log(&[])), Verdict::Unknown(_)));
    assert!(matches!(check(&nothing, &right), Verdict::Unknown(_)));
    let mut back = ops;
    back[0].invoked = 11;
    assert!(
        matches!(check(&back, &right), Verdict::Unknown(_)),
        "a clock that went back"
    );
}

/// A log as a sequential object, for the checker that searches.
struct LogSpec;

impl Specification for LogSpec {
    type State = Vec<u64>;
    type Operation = What;

    fn init() -> Vec<u64> {
        Vec::new()
    }

    fn apply(operation: &What, state: &Vec<u64>) -> (bool, Vec<u64>) {
        let mut after = state.clone();
        let fits = match operation {
            What::Read { size, root: shown } => {
                *size == count(state.len()) && *shown == root(state)
            }
            What::Write { id, written } => {
                let known = state.iter().position(|known| known == id);
                if *written == Written::Refused {
                    known.is_none()
                } else {
                    if known.is_none() {
                        after.push(*id);
                    }
                    let place = count(known.unwrap_or(state.len()));
                    *written == Written::Unknown || *written == Written::At(place)
                }
            }
        };
        (fits, after)
    }
}

/// The other checker's word. How the log ended is told to it as a last read, which begins after
/// every answer. Sendings without an answer end behind that read: they may take effect before it,
/// or behind it, which is never.
fn searched(ops: &[Op], log: &Log) -> bool {
    const END: u64 = 1_000_000;
    let leaves: Vec<u64> = log.leaves.iter().copied().flatten().collect();
    let last = read(END, END + 1, &leaves);
    let mut actions = Vec::new();
    for (process, op) in ops.iter().chain([&last]).enumerate() {
        let returned = op.returned.unwrap_or(END + 2);
        // At one instant beginnings come first.
        actions.push((op.invoked, 0, process, Action::Call(op.what.clone())));
        actions.push((returned, 1, process, Action::Response(op.what.clone())));
    }
    actions.sort_by_key(|(at, kind, process, _)| (*at, *kind, *process));
    let actions = actions
        .into_iter()
        .map(|(_, _, process, action)| (process, action));
    WGLChecker::<LogSpec>::is_linearizable(History::from_actions(actions.collect()))
}

/// A history that happened: each operation takes effect at an instant between its beginning and
/// its end, and what is answered is what was so at that instant.
fn happened(random: &mut Random) -> (Vec<Op>, Log) {
    let mut plans: Vec<(u64, u64, u64, u64)> = (0..2 + random.below(5))
        .map(|client| {
            let begin = random.below(30);
            let effect = begin + random.below(12);
            (effect, begin, effect + random.below(12), client)
        })
        .collect();
    plans.sort_unstable();
    let mut ids: Vec<u64> = Vec::new();
    let mut ops = Vec::new();
    for (_, invoked, end, client) in plans {
        let id = 1 + random.below(4);
        let known = ids.iter().position(|known| *known == id);
        let (returned, what) = match random.below(10) {
            0..=3 => (Some(end), read(0, 0, &ids).what),
            4 | 5 if known.is_none() => (Some(end), sent(id, Written::Refused)),
            6 => (None, sent(id, Written::Unknown)),
            other => {
                let place = count(known.unwrap_or(ids.len()));
                if known.is_none() {
                    ids.push(id);
                }
                if other == 7 {
                    (None, sent(id, Written::Unknown))
                } else {
                    (Some(end), sent(id, Written::At(place)))
                }
            }
        };
        ops.push(Op {
            client,
            invoked,
            returned,
            what,
        });
    }
    (ops, log(&ids))
}

/// One change to what was seen or to the log: most make a lie of it, some do not.
fn tamper(random: &mut Random, ops: &mut [Op], after: &mut Log) {
    let mut ids: Vec<u64> = after.leaves.iter().copied().flatten().collect();
    let leaves = ids.len();
    let one_of = |random: &mut Random, many: usize| {
        let one = random.below(count(many));
        usize::try_from(one).unwrap()
    };
    let chosen = one_of(random, ops.len());
    let chosen = &mut ops[chosen];
    match random.below(7) {
        0 => chosen.invoked = random.below(30).min(chosen.returned.unwrap_or(u64::MAX)),
        1 => {
            let later = chosen.invoked + random.below(30);
            chosen.returned = chosen.returned.map(|_| later);
        }
        2 => {
            let size = one_of(random, leaves + 1);
            if let What::Read { .. } = chosen.what {
                chosen.what = read(0, 0, &ids[..size]).what;
            }
        }
        kind @ (3 | 4) => {
            let place = random.below(count(leaves) + 1);
            if let What::Write { written, .. } = &mut chosen.what {
                chosen.returned = chosen.returned.or(Some(chosen.invoked + 5));
                *written = if kind == 3 {
                    Written::At(place)
                } else {
                    Written::Refused
                };
            }
        }
        5 if leaves > 1 => {
            let first = one_of(random, leaves - 1);
            ids.swap(first, first + 1);
            *after = log(&ids);
        }
        _ if leaves > 0 => {
            ids.remove(one_of(random, leaves));
            *after = log(&ids);
        }
        _ => {}
    }
}

/// On histories that happened and on histories that were tampered with, whatever is called right
/// or wrong is so by the other checker too. Each answer is given often enough to mean something.
#[test]
fn a_checker_that_searches_says_the_same_of_every_small_history() {
    let mut random = Random::fork(1, "small histories");
    let (mut right, mut wrong, mut refused_once) = (0, 0, 0);
    for number in 0..15_000 {
        let (mut ops, mut after) = happened(&mut random);
        let untouched = number % 3 == 0;
        if !untouched {
            tamper(&mut random, &mut ops, &mut after);
        }
        let verdict = check(&ops, &after);
        match &verdict {
            Verdict::Ok(_) => right += 1,
            Verdict::Violated(_) => wrong += 1,
            Verdict::Unknown(_) => continue,
        }
        let explained = matches!(verdict, Verdict::Ok(_));
        assert!(explained || !untouched, "{verdict:?}\n{ops:#?}\n{after:?}");
        assert_eq!(
            explained,
            searched(&ops, &after),
            "history {number}: {verdict:?}\n{ops:#?}\n{after:?}"
        );
        let twofold = ops.iter().any(|op| match op.what {
            What::Write {
                id,
                written: Written::Refused,
            } => after.leaves.contains(&Some(id)),
            What::Write { .. } | What::Read { .. } => false,
        });
        refused_once += u64::from(twofold && explained);
    }
    assert!(
        right > 3_000 && wrong > 1_000 && refused_once > 200,
        "{right} right, {wrong} wrong, {refused_once} of a note refused once and recorded"
    );
}
