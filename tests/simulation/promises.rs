//! What receipts promise, looked for on the disks at the very moment a receipt is believed.
//!
//! A receipt with the cosignatures of k nodes says: should all other nodes be destroyed now, and
//! the power of these fail, the report is still there. So at that moment each signer's disk is
//! looked at as a power cut would leave it, with everything unflushed gone. Of one receipt of each
//! run the disks are kept, and afterwards a cluster is started from them alone (`disaster.rs`).

use merkle::Hash;
use receipt::{CosignerPlace, Receipt};

use crate::place::{Place, now_micros};
use crate::sim::disk::SimDisk;

/// A receipt that a client has verified.
#[derive(Clone, Debug)]
pub struct Promise {
    /// The note's number.
    pub number: usize,
    /// The leaf it names.
    pub leaf: u64,
    /// The tree it rests on.
    pub size: u64,
    /// That tree's root.
    pub root: Hash,
    /// The nodes whose cosignatures it carries.
    pub signers: Vec<u64>,
    /// The receipt file.
    pub bytes: Vec<u8>,
}

/// What was left of the signers' disks.
pub struct Remains {
    /// The receipt that it was for.
    pub promise: Promise,
    /// The signers' disks.
    pub disks: Vec<(u64, SimDisk)>,
}

/// All promises of a run.
#[derive(Default)]
pub struct Promises {
    /// Every receipt.
    pub all: Vec<Promise>,
    /// Signers' disks that were looked at.
    pub looked: u64,
    /// Promises that were not kept, in words.
    pub unkept: Vec<String>,
    /// Which receipt's disks to keep: the first after this virtual time.
    pub keep_after: u64,
    /// The disks kept.
    pub remains: Option<Remains>,
}

impl Promises {
    /// Takes note of a verified receipt, and looks at its signers' disks.
    pub fn take(&mut self, number: usize, note: &[u8], receipt: &Receipt, places: &[Place]) {
        let nodes = receipt
            .signers()
            .iter()
            .filter_map(|signer| match signer.place {
                CosignerPlace::Node(ordinal) => Some(ordinal),
                CosignerPlace::Witness => None,
            });
        let checkpoint = receipt.checkpoint().checkpoint();
        let promise = Promise {
            number,
            leaf: receipt.index().get(),
            size: checkpoint.size.get(),
            root: checkpoint.root,
            signers: nodes.collect(),
            bytes: receipt.to_bytes(),
        };
        let signers: Vec<&Place> = places
            .iter()
            .filter(|place| promise.signers.contains(&place.ordinal))
            .collect();
        for place in &signers {
            // A disk that was taken away since it signed is one of those that may be destroyed, and
            // so is one that has lost its state.
            if !is_whole(&place.disk) {
                continue;
            }
            self.looked += 1;
            if !place.disk.would_keep(promise.leaf, note) {
                self.unkept.push(format!(
                    "at {} µs node {} has cosigned size {}, and its disk would not keep leaf {}",
                    now_micros(),
                    place.ordinal,
                    promise.size,
                    promise.leaf
                ));
            }
        }
        let whole = signers.iter().all(|place| is_whole(&place.disk));
        if self.remains.is_none() && whole && now_micros() >= self.keep_after {
            let disks = signers
                .iter()
                .map(|place| (place.ordinal, place.disk.bare()));
            self.remains = Some(Remains {
                promise: promise.clone(),
                disks: disks.collect(),
            });
        }
        self.all.push(promise);
    }

    /// A receipt that did not verify.
    pub fn broken(&mut self, number: usize, why: String) {
        self.unkept
            .push(format!("a receipt of note {number} does not verify: {why}"));
    }
}

fn is_whole(disk: &SimDisk) -> bool {
    disk.is_admitted() && !disk.lacks_state()
}
