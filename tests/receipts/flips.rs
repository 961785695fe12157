//! No single flipped bit changes what is verified: exhaustive over the bits of one file of each kind, and sampled
//! over the receipts of a night.

use merkle::{EntryBundle, Frontier, Tile, leaf_hash};
use note::SignedNote;
use receipt::{Bundle, BundledManifest, CompactReceipt, Election, UnverifiedReceipt};

use crate::log::Log;

/// Receipts looked at and flips of each.
const RECEIPTS: u64 = 300;
const FLIPS: u64 = 200;

fn flipped(bytes: &[u8], position: usize) -> Vec<u8> {
    let mut flipped = bytes.to_vec();
    flipped[position / 8] ^= 1 << (position % 8);
    flipped
}

#[test]
fn every_bit_of_one_receipt() {
    let log = Log::of_night(12, 3);
    let bytes = log.receipt(3, &[1, 2]).to_bytes();
    let (mut unreadable, mut refused) = (0, 0);
    for position in 0..bytes.len() * 8 {
        match UnverifiedReceipt::parse(&flipped(&bytes, position)) {
            Err(_) => unreadable += 1,
            Ok(receipt) => {
                let verification = receipt.verify(&log.election);
                let sentence = verification.summary();
                assert!(
                    verification.receipt().is_none(),
                    "bit {position}: {sentence}"
                );
                refused += 1;
            }
        }
    }
    println!(
        "receipt: {} bits flipped, {unreadable} no receipt any more, {refused} refused, 0 accepted",
        bytes.len() * 8
    );
}

#[test]
fn every_bit_of_one_entry() {
    let log = Log::of_night(12, 3);
    let entry = log.entry(3);
    let whole = log.receipt(3, &[1, 2]);
    for position in 0..entry.len() * 8 {
        let (proof, signed) = (whole.proof().clone(), whole.checkpoint().clone());
        let changed = flipped(entry, position);
        let receipt = UnverifiedReceipt::build(changed, whole.index(), proof, signed);
        let verification = receipt.verify(&log.election);
        assert!(verification.receipt().is_none(), "bit {position}");
    }
    println!("entry: {} bits flipped, 0 accepted", entry.len() * 8);
}

#[test]
fn every_bit_of_one_qr_code() {
    let log = Log::of_night(12, 3);
    let text = CompactReceipt::of(&log.receipt(3, &[1, 2]), &log.election)
        .unwrap()
        .to_text();
    for position in 0..text.len() * 8 {
        let held = String::from_utf8(flipped(text.as_bytes(), position))
            .ok()
            .and_then(|text| CompactReceipt::parse(&text).ok())
            .and_then(|receipt| receipt.verify(&log.election, Some(log.entry(3))).ok())
            .is_some_and(|verification| verification.receipt().is_some());
        assert!(!held, "bit {position}");
    }
    println!("QR text: {} bits flipped, 0 accepted", text.len() * 8);
}

#[test]
fn every_bit_of_one_manifest() {
    let log = Log::of_night(12, 3);
    let (bundle, pin) = (log.fixture.bundle(), log.fixture.fingerprint());
    let bytes = log.fixture.manifest.bytes();
    for position in 0..bytes.len() * 8 {
        let Ok(note) = SignedNote::parse(&flipped(bytes, position)) else {
            continue;
        };
        let changed = Bundle {
            manifests: vec![BundledManifest {
                note,
                leaf: None,
                receipt: None,
            }],
            files: bundle.files.clone(),
        };
        assert!(Election::open(&changed, pin).is_err(), "bit {position}");
    }
    println!("manifest: {} bits flipped, 0 accepted", bytes.len() * 8);
}

#[test]
fn every_bit_of_one_tile_and_one_entry_bundle() {
    let log = Log::of_night(12, 3);
    let [tile] = Tile::all_of(log.size())[..] else {
        panic!("13 leaves are one tile")
    };
    let leaves: Vec<_> = (0..log.size().get())
        .map(|index| log.entry(index))
        .collect();
    let hashes: Vec<_> = leaves
        .iter()
        .map(|leaf| *leaf_hash(leaf).as_hash())
        .collect();
    let bytes = Tile::encode(&hashes);
    let root_of = |hashes: &[merkle::Hash]| {
        let mut frontier = Frontier::new();
        for hash in hashes {
            frontier.push(merkle::LeafHash::from_hash(*hash));
        }
        frontier.root()
    };
    assert_eq!(root_of(&hashes), log.root());
    for position in 0..bytes.len() * 8 {
        let changed = tile.decode(&flipped(&bytes, position)).unwrap();
        assert_ne!(root_of(&changed), log.root(), "bit {position}");
    }
    let [bundle] = EntryBundle::all_of(log.size())[..] else {
        panic!("13 leaves are one bundle")
    };
    let packed = EntryBundle::encode(leaves.iter().copied()).unwrap();
    for position in 0..packed.len() * 8 {
        let changed = flipped(&packed, position);
        let same = bundle.decode(&changed).is_some_and(|entries| {
            let entries = entries.iter().map(|entry| *leaf_hash(entry).as_hash());
            entries.eq(hashes.iter().copied())
        });
        assert!(!same, "bit {position}");
    }
    println!(
        "tile: {} bits flipped, entry bundle: {} bits flipped, 0 accepted",
        bytes.len() * 8,
        packed.len() * 8
    );
}

/// All three nodes have signed, so a flip may make a surplus line one of an unknown key: the receipt then holds
/// with one signer less, and says so.
#[test]
fn sampled_bits_of_a_nights_receipts() {
    let log = Log::of_night(RECEIPTS, 3);
    let (mut refused, mut weakened) = (0, 0);
    for index in 1..=RECEIPTS {
        let receipt = log.receipt(index, &[1, 2, 3]);
        let bytes = receipt.to_bytes();
        for sample in 0..FLIPS {
            // A step that has no factor in common with the length walks over the whole file.
            let bits = u64::try_from(bytes.len() * 8).unwrap();
            let position = (index * 7_919 + sample * 104_729) % bits;
            let changed = flipped(&bytes, usize::try_from(position).unwrap());
            let Ok(read) = UnverifiedReceipt::parse(&changed) else {
                refused += 1;
                continue;
            };
            let verification = read.verify(&log.election);
            let Some(held) = verification.receipt() else {
                refused += 1;
                continue;
            };
            assert_eq!(
                held.entry(),
                receipt.entry(),
                "leaf {index}, bit {position}"
            );
            assert_eq!(held.index(), receipt.index());
            assert_eq!(
                held.checkpoint().checkpoint(),
                receipt.checkpoint().checkpoint()
            );
            assert_eq!((held.signers().len(), verification.ignored.len()), (2, 1));
            weakened += 1;
        }
    }
    println!(
        "a night's receipts: {} bits flipped in {RECEIPTS} receipts, {refused} refused, {weakened} held with one signer less and said so",
        RECEIPTS * FLIPS
    );
    assert!(refused > 0 && weakened > 0);
}
