//! One function for each parser that reads bytes of strangers, each with what must hold beside "it
//! answers": what was accepted is written again byte for byte, or reads back as the same.
//!
//! A target is added by a function and a line in [`TARGETS`].

use std::path::Path;

use bytes::Bytes;
use caucus::{Roll, Roster, Rules};
use ledger::Outcome;
use merkle::{EntryBundle, Hash, TILE_WIDTH, Tile};
use note::{Checkpoint, SignedCheckpoint, SignedNote, VerifierKey, b64};
use prost::Message;
use proto::{log, raft, v1};
use receipt::{
    Bundle, CompactReceipt, Election, Fingerprint, Leaf, Policy, ShortCode, UnverifiedReceipt,
};
use witness::{AddCheckpoint, LastSigned};

/// A parser under test: it panics where its property does not hold.
pub(crate) type Target = fn(&[u8]);

/// All of them, by the name of their folder in `corpus/`.
pub(crate) const TARGETS: &[(&str, Target)] = &[
    ("note", note),
    ("entry", entry),
    ("receipt", receipt),
    ("compact", compact),
    ("bundle", bundle),
    ("policy", policy),
    ("checkpoint", checkpoint),
    ("tile", tile),
    ("entry-bundle", entry_bundle),
    ("tile-path", tile_path),
    ("vkey", vkey),
    ("add-checkpoint", add_checkpoint),
    ("last-signed", last_signed),
    ("command", command),
    ("outcome", outcome),
    ("peers", peers),
    ("clients", clients),
    ("config", config),
    ("code", code),
    ("base45", base45),
    ("roster", roster),
    ("rules", rules),
    ("roll", roll),
];

fn note(bytes: &[u8]) {
    if let Ok(note) = SignedNote::parse(bytes) {
        assert_eq!(note.bytes(), bytes);
        let signatures = note.signatures().iter().map(|line| format!("{line}\n"));
        let again = format!("{}\n{}", note.text(), signatures.collect::<String>());
        assert_eq!(again.as_bytes(), bytes);
    }
}

fn entry(bytes: &[u8]) {
    if let Ok((leaf, note)) = Leaf::parse_entry(bytes) {
        let text = note.as_ref().map_or(bytes, |note| note.text().as_bytes());
        assert_eq!(leaf.text().as_bytes(), text);
        assert_eq!(Leaf::parse_text(&leaf.text()).as_ref(), Ok(&leaf));
    }
}

fn receipt(bytes: &[u8]) {
    if let Ok(receipt) = UnverifiedReceipt::parse(bytes) {
        assert_eq!(receipt.to_bytes(), bytes);
    }
}

/// The form that fits a QR code. Scanners add line ends, which say nothing and are not written again.
fn compact(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    if let Ok(receipt) = CompactReceipt::parse(text) {
        assert_eq!(receipt.to_text(), text.trim_matches(['\n', '\r', '\t']));
        assert!(receipt.code().names(receipt.leaf_hash().as_hash()));
    }
}

/// Files parted by a NUL, as one heap: whatever a bundle is made of, opening it ends, and what is opened
/// has the genesis that was pinned.
fn bundle(bytes: &[u8]) {
    let bundle = Bundle::from_files(bytes.split(|byte| *byte == 0).map(<[u8]>::to_vec));
    for manifest in &bundle.manifests {
        let pinned = manifest.note.text_hash();
        if let Ok(election) = Election::open(&bundle, Fingerprint::of(pinned)) {
            assert_eq!(election.genesis(), &pinned);
        }
    }
}

fn policy(bytes: &[u8]) {
    if let Some(policy) = text(bytes).and_then(|text| Policy::parse(text).ok()) {
        assert_eq!(Policy::parse(&policy.to_string()).as_ref(), Ok(&policy));
    }
}

fn checkpoint(bytes: &[u8]) {
    if let Ok(signed) = SignedCheckpoint::parse(bytes) {
        assert_eq!(signed.to_bytes(), bytes);
        let checkpoint = signed.checkpoint();
        assert_eq!(
            Checkpoint::parse_text(&checkpoint.text()).as_ref(),
            Ok(checkpoint)
        );
    }
}

/// The first byte says how many hashes the tile should have.
fn tile(bytes: &[u8]) {
    let Some((width, bytes)) = bytes.split_first() else {
        return;
    };
    let (level, index, width) = (0, 0, u16::from(*width) + 1);
    let tile = Tile {
        level,
        index,
        width,
    };
    match tile.decode(bytes) {
        Some(hashes) => {
            assert_eq!(hashes.len(), usize::from(width));
            assert_eq!(Tile::encode(&hashes), bytes);
        }
        None => assert_ne!(bytes.len(), usize::from(width) * 32),
    }
}

/// The first byte says how many entries the bundle should have.
fn entry_bundle(bytes: &[u8]) {
    let Some((width, bytes)) = bytes.split_first() else {
        return;
    };
    let (index, width) = (0, u16::from(*width) + 1);
    if let Some(entries) = (EntryBundle { index, width }).decode(bytes) {
        assert_eq!(entries.len(), usize::from(width));
        assert_eq!(EntryBundle::encode(entries).as_deref(), Some(bytes));
    }
}

/// The paths that a node is asked for. No text is both a tile's and a bundle's, and a path that is read
/// has a place in some tree.
fn tile_path(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    let tile = Tile::parse(text);
    let bundle = EntryBundle::parse(text);
    assert!(tile.is_none() || bundle.is_none());
    if let Some(tile) = tile {
        assert_eq!(tile.path(), text);
        assert!((1..=TILE_WIDTH).contains(&tile.width));
        assert_eq!(tile.nodes().count(), usize::from(tile.width));
    }
    if let Some(bundle) = bundle {
        assert_eq!(bundle.path(), text);
        assert!((1..=TILE_WIDTH).contains(&bundle.width));
    }
}

fn vkey(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    if let Ok(key) = VerifierKey::parse(text) {
        assert_eq!(key.to_string(), text);
    }
    if let Some(read) = b64::decode(text) {
        assert_eq!(b64::encode(read), text);
    }
}

fn add_checkpoint(bytes: &[u8]) {
    if let Ok(request) = AddCheckpoint::parse(bytes) {
        assert_eq!(request.to_bytes(), bytes);
    }
}

fn last_signed(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    if let Ok(state) = LastSigned::parse(text) {
        assert_eq!(state.to_text(), text);
    }
}

/// A command is read from the log as it was proposed; protobuf has several encodings of one message, so
/// what must hold is that it reads back as the same.
fn command(bytes: &[u8]) {
    if let Ok(command) = replica::codec::decode(Bytes::copy_from_slice(bytes)) {
        let again =
            replica::codec::encode(command.clone()).expect("it was small enough to be read");
        assert_eq!(replica::codec::decode(again).as_ref(), Ok(&command));
    }
}

fn outcome(bytes: &[u8]) {
    if let Ok(outcome) = Outcome::decode(bytes) {
        let again = outcome.encode();
        assert_eq!(Outcome::decode(&again).as_ref(), Ok(&outcome));
    }
}

/// The first byte says which message of the nodes' own it is.
fn peers(bytes: &[u8]) {
    let Some((which, bytes)) = bytes.split_first() else {
        return;
    };
    match which % 11 {
        0 => reads_back::<raft::AppendRequest>(bytes),
        1 => reads_back::<raft::AppendResponse>(bytes),
        2 => reads_back::<raft::VoteRequest>(bytes),
        3 => reads_back::<raft::VoteResponse>(bytes),
        4 => reads_back::<raft::SnapshotFrame>(bytes),
        5 => reads_back::<raft::TransferLeaderRequest>(bytes),
        6 => reads_back::<raft::ForwardRequest>(bytes),
        7 => reads_back::<raft::CosignRequest>(bytes),
        8 => reads_back::<raft::PublishRequest>(bytes),
        9 => reads_back::<raft::GossipRequest>(bytes),
        _ => reads_back::<log::Command>(bytes),
    }
}

/// What a node sends to a client is not believed either.
fn clients(bytes: &[u8]) {
    let Some((which, bytes)) = bytes.split_first() else {
        return;
    };
    match which % 3 {
        0 => {
            reads_back::<v1::Bundle>(bytes);
            if let Some(bundle) = v1::Bundle::decode(bytes)
                .ok()
                .and_then(client::bundle::from_wire)
            {
                let hashed = |(hash, file): (&Hash, &Vec<u8>)| *hash == merkle::sha256(file);
                assert!(bundle.files.iter().all(hashed));
            }
        }
        1 => reads_back::<v1::NodeStatus>(bytes),
        _ => reads_back::<v1::Refusal>(bytes),
    }
}

fn reads_back<M: Message + Default + PartialEq + std::fmt::Debug>(bytes: &[u8]) {
    if let Ok(message) = M::decode(bytes) {
        let again = M::decode(message.encode_to_vec().as_slice());
        assert_eq!(again.as_ref(), Ok(&message));
    }
}

fn config(bytes: &[u8]) {
    if let Some(text) = text(bytes) {
        let _ = node::config::Config::parse(text, Path::new("/fuzz/node.toml"));
    }
}

fn code(bytes: &[u8]) {
    if let Some(code) = text(bytes).and_then(|text| ShortCode::parse(text).ok()) {
        assert_eq!(ShortCode::parse(&code.to_string()), Ok(code));
    }
}

/// The text of a QR code: every text that is read is the one text of its bytes.
fn base45(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    if let Ok(read) = ::base45::decode(text) {
        assert_eq!(
            ::base45::decode(::base45::encode(&read)).as_ref(),
            Ok(&read)
        );
    }
}

fn roster(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    if let Ok(roster) = Roster::parse(text) {
        assert_eq!(roster.to_string(), text);
    }
}

fn rules(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    if let Ok(rules) = Rules::parse(text) {
        assert_eq!(rules.to_string(), text);
    }
}

fn roll(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    if let Ok(roll) = Roll::parse(text) {
        assert_eq!(roll.to_string(), text);
    }
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}
