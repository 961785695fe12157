//! A snapshot there and back, and every way a frame can be wrong.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use futures::stream::{self, StreamExt};

use ledger::{Changes, Row, Table};
use proto::raft::snapshot_frame::Frame;
use proto::raft::{FileEnd, SnapshotEnd, SnapshotFrame};

use super::{CHUNK_BYTES, Failure, Received, check_fetched, check_sent, frames, header, receive};
use crate::config::Workplace;
use crate::error::Refused;
use crate::membership::PeerNode;
use crate::seams::State;
use crate::suite::sim::disk::{SimDisk, SimImage, SimState};
use crate::types::{LeaderId, LogId, Membership, SnapshotMeta, StoredMembership, Vote};
use crate::wire;

const LEADER: u64 = 2;

fn at(term: u64, index: u64) -> LogId {
    let node_id = LEADER;
    LogId::new(LeaderId { term, node_id }, index)
}

fn meta() -> SnapshotMeta {
    let node = PeerNode {
        name: "n2".to_owned(),
        peer_address: "n2:7000".to_owned(),
        api_address: "n2:443".to_owned(),
        incarnation: String::new(),
    };
    let nodes = BTreeMap::from([(LEADER, node)]);
    let membership = Membership::new(vec![[LEADER].into()], nodes);
    SnapshotMeta {
        last_log_id: Some(at(3, 40)),
        last_membership: StoredMembership::new(Some(at(1, 0)), membership.unwrap()),
    }
}

/// A state with a table that takes several chunks, one that takes part of one, and empty ones.
fn state() -> SimState {
    let state = SimDisk::new(1, 0..1).state();
    let row = |table, number: u32, length: usize| Row {
        table,
        key: number.to_be_bytes().to_vec(),
        value: Some(vec![number.to_le_bytes()[0]; length]),
    };
    let mut rows: Vec<Row> = (0..5)
        .map(|number| row(Table::File, number, 70_000))
        .collect();
    rows.push(row(Table::Leaf, 0, 900));
    let applied = wire::applied_to_bytes(&meta());
    state.commit(Changes { rows }, applied).unwrap();
    state
}

async fn sent(state: &SimState) -> Vec<SnapshotFrame> {
    let image = state.freeze().unwrap();
    let header = header(Some(&Vote::new_committed(3, LEADER)), &meta());
    let failure = Failure::default();
    let frames = frames(header, image, Workplace::InPlace, Arc::clone(&failure));
    let frames = frames.collect().await;
    assert!(failure.lock().unwrap().is_none());
    frames
}

async fn received(
    frames: Vec<SnapshotFrame>,
    committed: Option<LogId>,
) -> Result<Received<Vote, SimImage>, Refused> {
    let state = Arc::new(SimDisk::new(2, 0..1).state());
    let frames = stream::iter(frames.into_iter().map(Ok::<_, Refused>));
    let check = |header| check_sent(header, LEADER, committed);
    receive(state, Workplace::InPlace, frames, check).await
}

#[tokio::test]
async fn a_snapshot_arrives_as_it_was_sent() {
    let leader = state();
    let frames = sent(&leader).await;
    let chunks = frames.iter().filter_map(|frame| match &frame.frame {
        Some(Frame::Chunk(chunk)) => Some(chunk.len()),
        _ => None,
    });
    assert_eq!(chunks.max(), Some(CHUNK_BYTES));
    let received = received(frames, None).await.unwrap();
    assert_eq!(received.meta, meta());
    let follower = SimDisk::new(3, 0..1).state();
    follower.install(received.image).unwrap();
    assert_eq!(follower.rows(), leader.rows());
    assert_eq!(follower.applied().unwrap(), leader.applied().unwrap());
}

/// Each change to the frames, by name; all of them leave a stream that is well-formed protobuf.
type Damage = (&'static str, fn(&mut Vec<SnapshotFrame>));

fn frame(frame: Frame) -> SnapshotFrame {
    SnapshotFrame { frame: Some(frame) }
}

fn find(frames: &[SnapshotFrame], is: fn(&Frame) -> bool) -> usize {
    let is = |frame: &SnapshotFrame| frame.frame.as_ref().is_some_and(is);
    frames.iter().position(is).unwrap()
}

fn first_chunk(frames: &[SnapshotFrame]) -> usize {
    find(frames, |frame| matches!(frame, Frame::Chunk(_)))
}

fn rename(frames: &mut [SnapshotFrame], name: &str) {
    let place = find(frames, |frame| matches!(frame, Frame::File(_)));
    if let Some(Frame::File(file)) = &mut frames[place].frame {
        file.name = name.to_owned();
    }
}

const DAMAGES: [Damage; 16] = [
    ("one bit", |frames| {
        let place = first_chunk(frames);
        if let Some(Frame::Chunk(chunk)) = &mut frames[place].frame {
            let mut bytes = chunk.to_vec();
            bytes[0] ^= 1;
            *chunk = bytes.into();
        }
    }),
    ("a chunk lost", |frames| {
        frames.remove(first_chunk(frames));
    }),
    ("a chunk twice", |frames| {
        let place = first_chunk(frames);
        frames.insert(place, frames[place].clone());
    }),
    ("two frames exchanged", |frames| {
        let place = first_chunk(frames);
        frames.swap(place, place - 1);
    }),
    ("a chunk of nothing", |frames| {
        let place = first_chunk(frames);
        frames.insert(place, frame(Frame::Chunk(Bytes::new())));
    }),
    ("another hash", |frames| {
        let place = find(frames, |frame| matches!(frame, Frame::FileEnd(_)));
        let sha256 = Bytes::from_static(&[0; 32]);
        frames[place] = frame(Frame::FileEnd(FileEnd { sha256 }));
    }),
    ("no header", |frames| {
        frames.remove(0);
    }),
    ("two headers", |frames| frames.insert(1, frames[0].clone())),
    ("no end", |frames| {
        frames.pop();
    }),
    ("a file too few", |frames| {
        *frames.last_mut().unwrap() = frame(Frame::End(SnapshotEnd { files: 3 }));
    }),
    ("an empty frame", |frames| frames[3].frame = None),
    ("a path upwards", |frames| rename(frames, "../CURRENT")),
    ("an absolute path", |frames| rename(frames, "/etc/passwd")),
    ("a hidden file", |frames| rename(frames, ".profile")),
    ("a file name twice", |frames| {
        let second = frames
            .iter()
            .filter_map(|frame| match &frame.frame {
                Some(Frame::File(file)) => Some(file.name.clone()),
                _ => None,
            })
            .nth(1)
            .unwrap();
        rename(frames, &second);
    }),
    ("another position than its own", |frames| {
        if let Some(Frame::Header(header)) = &mut frames[0].frame {
            header.last_log_id = Some(wire::log_id_out(at(3, 39)));
        }
    }),
];

#[tokio::test]
async fn a_damaged_snapshot_is_refused() {
    let frames = sent(&state()).await;
    for (what, damage) in DAMAGES {
        let mut frames = frames.clone();
        damage(&mut frames);
        assert!(received(frames, None).await.is_err(), "{what}");
    }
}

#[tokio::test]
async fn a_snapshot_that_no_leader_would_send_is_refused() {
    let frames = sent(&state()).await;
    let votes = [
        ("a candidate's", Vote::new(3, LEADER)),
        ("another node's", Vote::new_committed(3, 1)),
        ("an earlier leader's", Vote::new_committed(2, LEADER)),
    ];
    for (what, vote) in votes {
        let mut frames = frames.clone();
        frames[0] = frame(Frame::Header(header(Some(&vote), &meta())));
        assert!(received(frames, None).await.is_err(), "{what}");
    }
    // Committed here: entry 41 of an earlier term, which the snapshot's entry 40 cannot precede.
    assert!(received(frames, Some(at(2, 41))).await.is_err());
}

#[test]
fn a_snapshot_that_was_fetched_has_to_go_on_from_what_was_purged() {
    let fetched = |reach| check_fetched(header(None, &meta()), reach);
    for reach in [at(3, 40), at(3, 39), at(2, 39)] {
        let (last, found) = fetched(reach).unwrap();
        assert_eq!((last, found), (at(3, 40), meta()), "{reach}");
    }
    // It ends too early; another entry 40 is committed here; one of a later term before it.
    for reach in [at(3, 41), at(2, 40), at(4, 40), at(4, 39)] {
        assert!(fetched(reach).is_err(), "{reach}");
    }
}
