//! Nodes and witnesses that show one log, an old one, or another.

use std::path::Path;

use client::log::archive::Archive;
use client::log::folder::Folder;
use client::log::monitor::{Event, Interest, Monitor, Watched};
use merkle::{TreeSize, sha256};
use note::{SignedCheckpoint, UnixSeconds};
use receipt::LeafKind;
use testkit::Fixture;

use crate::made::{Writer, election, fixture, leaves, publish};
use crate::serve::{Served, serve};

fn watch(path: &Path, fixture: &Fixture, nodes: &[&Served], witnesses: &[&Served]) -> Monitor {
    watch_for(path, fixture, nodes, witnesses, Interest::default())
}

fn watch_for(
    path: &Path,
    fixture: &Fixture,
    nodes: &[&Served],
    witnesses: &[&Served],
    interest: Interest,
) -> Monitor {
    let watched = Watched {
        sources: nodes.iter().map(|served| served.source()).collect(),
        witnesses: witnesses.iter().map(|served| served.web()).collect(),
        interest,
    };
    let archive = Archive::open(Folder::at(path)).unwrap();
    Monitor::open(archive, fixture.bundle(), election(fixture), watched).unwrap()
}

/// Long after the night: then nothing is stale.
const AFTERWARDS: UnixSeconds = UnixSeconds::new(u64::MAX);

async fn poll(monitor: &mut Monitor) -> Vec<Event> {
    monitor.poll(AFTERWARDS).await.unwrap()
}

fn agreeing(events: &[Event]) -> Vec<u64> {
    let size = |event: &Event| match event {
        Event::Agrees { size, .. } => Some(size.get()),
        _ => None,
    };
    events.iter().filter_map(size).collect()
}

fn fork(events: &[Event]) -> (u64, u64, Vec<u8>) {
    let found = events.iter().find_map(|event| match event {
        Event::Forked {
            sizes: (ours, theirs),
            evidence,
            ..
        } => Some((ours.get(), theirs.get(), std::fs::read(evidence).unwrap())),
        _ => None,
    });
    found.unwrap_or_else(|| panic!("no fork in {events:?}"))
}

/// The log of a cluster that left one early leaf out.
fn publish_without(fixture: &Fixture, left_out: u64, count: u64, path: &Path) -> SignedCheckpoint {
    let mut writer = Writer::into(path);
    let mut index = 0;
    leaves(fixture, count + 1, |entry| {
        if index != left_out {
            writer.push(entry);
        }
        index += 1;
    });
    writer.finish(fixture)
}

#[tokio::test]
async fn nodes_that_are_at_different_places_of_one_log_agree() {
    let fixture = fixture(20);
    let (behind, ahead, kept) = three();
    publish(&fixture, 40, behind.path());
    publish(&fixture, 300, ahead.path());
    let (first, second) = (serve(behind.path()).await, serve(ahead.path()).await);
    let mut monitor = watch(kept.path(), &fixture, &[&first, &second], &[]);
    assert_eq!(agreeing(&poll(&mut monitor).await), [40, 300]);
    assert_eq!(agreeing(&poll(&mut monitor).await), [40, 300]);
}

/// Two logs of 60 leaves, both cosigned: the evidence holds both checkpoints as they were signed.
#[tokio::test]
async fn two_roots_at_one_size_are_evidence() {
    let fixture = fixture(20);
    let (honest, forked, kept) = three();
    let ours = publish(&fixture, 60, honest.path());
    let theirs = publish_without(&fixture, 30, 60, forked.path());
    let (first, second) = (serve(honest.path()).await, serve(forked.path()).await);
    let mut monitor = watch(kept.path(), &fixture, &[&first, &second], &[]);
    let (own, other, evidence) = fork(&poll(&mut monitor).await);
    assert_eq!((own, other), (60, 60));
    let text = String::from_utf8(evidence).unwrap();
    for signed in [ours, theirs] {
        let signed = String::from_utf8(signed.to_bytes()).unwrap();
        assert!(text.contains(&signed), "{text}");
    }
}

/// The longer log does not begin with the shorter one, in either order of asking.
#[tokio::test]
async fn logs_of_different_sizes_that_are_not_one_are_found() {
    let fixture = fixture(20);
    let (short, long, _) = three();
    publish(&fixture, 60, short.path());
    publish_without(&fixture, 30, 300, long.path());
    let (short, long) = (serve(short.path()).await, serve(long.path()).await);
    for (nodes, sizes) in [([&short, &long], (60, 300)), ([&long, &short], (300, 60))] {
        let kept = tempfile::tempdir().unwrap();
        let mut monitor = watch(kept.path(), &fixture, &nodes, &[]);
        let (own, other, _) = fork(&poll(&mut monitor).await);
        assert_eq!((own, other), sizes);
    }
}

/// All nodes change to another log while nobody watches: what was kept tells.
#[tokio::test]
async fn a_log_rewritten_between_two_runs_is_found() {
    let fixture = fixture(20);
    let (before, after, kept) = three();
    publish(&fixture, 60, before.path());
    publish_without(&fixture, 30, 300, after.path());
    let served = serve(before.path()).await;
    poll(&mut watch(kept.path(), &fixture, &[&served], &[])).await;
    let served = serve(after.path()).await;
    let events = poll(&mut watch(kept.path(), &fixture, &[&served], &[])).await;
    assert_eq!(fork(&events).0, 60);
}

/// A witness holds the log by the hash of its origin. It agrees, has seen more than any node shows,
/// has seen another log, or shows what no node signed.
#[tokio::test]
async fn what_a_witness_saw_is_compared() {
    let fixture = fixture(20);
    let (node, longer, other) = three();
    let seen = publish(&fixture, 60, node.path());
    let more = publish(&fixture, 80, longer.path());
    let fork_seen = publish_without(&fixture, 30, 50, other.path());
    let foreign = Fixture::small().checkpoint(
        seen.checkpoint().size,
        seen.checkpoint().root,
        &crate::made::COSIGNERS,
    );
    let node = serve(node.path()).await;
    let origin = seen.checkpoint().origin.as_str().as_bytes();
    let place = sha256(origin).to_hex();
    for (shown, tells) in [
        (seen, "agrees"),
        (more, "withheld"),
        (fork_seen, "forked"),
        (foreign, "trouble"),
    ] {
        let (kept, witness) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::create_dir_all(witness.path().join(&place)).unwrap();
        let file = witness.path().join(&place).join("checkpoint");
        std::fs::write(file, shown.to_bytes()).unwrap();
        let witness = serve(witness.path()).await;
        let mut monitor = watch(kept.path(), &fixture, &[&node], &[&witness]);
        let events = poll(&mut monitor).await;
        let told = match events.last().unwrap() {
            Event::Agrees { .. } => "agrees",
            Event::Withheld { .. } => "withheld",
            Event::Forked { .. } => "forked",
            Event::Trouble { .. } => "trouble",
            Event::Entry { .. } | Event::Stale { .. } => "something else",
        };
        assert_eq!(told, tells, "{events:?}");
    }
}

/// 61 leaves of 20 units: three of each, and a manifest that is about no unit.
#[tokio::test]
async fn only_leaves_of_those_who_are_cared_about_are_told_and_each_once() {
    let fixture = fixture(20);
    let (node, kept, _) = three();
    publish(&fixture, 61, node.path());
    let served = serve(node.path()).await;
    let unit = fixture.night.reports[3].unit.clone();
    let interest = Interest {
        units: [unit.clone()].into(),
        ..Interest::default()
    };
    let mut monitor = watch_for(kept.path(), &fixture, &[&served], &[], interest);
    let told = |events: &[Event]| {
        let entry = |event: &Event| match event {
            Event::Entry {
                index, kind, unit, ..
            } => Some((*index, *kind, unit.clone())),
            _ => None,
        };
        events.iter().filter_map(entry).collect::<Vec<_>>()
    };
    let first = told(&poll(&mut monitor).await);
    let expected: Vec<_> = [4, 24, 44]
        .map(|index| (index, LeafKind::Submission, Some(unit.clone())))
        .into();
    assert_eq!(first, expected);
    assert_eq!(told(&poll(&mut monitor).await), []);
}

/// The same checkpoint is fresh when it was cosigned, stale 61 s later, and nobody minds when the
/// caucuses are over.
#[tokio::test]
async fn a_checkpoint_is_stale_only_while_the_caucuses_are_open() {
    let fixture = fixture(20);
    let (node, kept, _) = three();
    let signed = publish(&fixture, 40, node.path());
    let served = serve(node.path()).await;
    let election = election(&fixture);
    let policy = election.latest().receipt_policy();
    let cosigned = policy
        .evaluate(&signed)
        .witnesses
        .into_values()
        .max()
        .unwrap()
        .get();
    let manifest = election.latest().manifest();
    let open = manifest.opens.get()..manifest.closes.get();
    assert!(open.contains(&(cosigned + 61)), "{open:?} {cosigned}");
    let mut monitor = watch(kept.path(), &fixture, &[&served], &[]);
    for (now, stale) in [
        (cosigned + 60, false),
        (cosigned + 61, true),
        (open.end, false),
    ] {
        let events = monitor.poll(UnixSeconds::new(now)).await.unwrap();
        let found = events
            .iter()
            .any(|event| matches!(event, Event::Stale { .. }));
        assert_eq!(found, stale, "{now}: {events:?}");
    }
    assert_eq!(monitor.archive().tree().size(), TreeSize::new(40));
}

fn three() -> (tempfile::TempDir, tempfile::TempDir, tempfile::TempDir) {
    let new = || tempfile::tempdir().unwrap();
    (new(), new(), new())
}
