//! No receipt without k flushed copies: at the moment a receipt is believed, every one of its
//! signers would keep the entry through a power cut (`promises.rs` looks at that moment). And the
//! same at each step towards it: a flush that is told, a vote, a cosignature (`place.rs`, `desk.rs`).

use std::sync::atomic::Ordering;

use super::{Invariant, Rest};
use crate::cluster::Cluster;

#[derive(Default)]
pub struct Flushed {
    evaluations: u64,
}

impl Invariant for Flushed {
    fn name(&self) -> &'static str {
        "no receipt without k flushed copies"
    }

    fn watch(&mut self, cluster: &Cluster) -> Result<(), String> {
        let mut unkept = cluster.places.iter().filter_map(|place| {
            let unkept = place.unkept.lock().unwrap();
            unkept.first().cloned()
        });
        unkept.next().map_or(Ok(()), Err)
    }

    fn rest(&mut self, rest: &Rest<'_>) -> Result<(), String> {
        self.watch(rest.cluster)?;
        let looked = rest.cluster.places.iter();
        let looked = looked.map(|place| place.looked.load(Ordering::Relaxed));
        self.evaluations += rest.promises.looked + looked.sum::<u64>();
        match rest.promises.unkept.first() {
            None => Ok(()),
            Some(first) => Err(first.clone()),
        }
    }

    fn evaluations(&self) -> u64 {
        self.evaluations
    }
}
