//! No receipt without k flushed copies: at the moment a receipt is believed, every one of its
//! signers would keep the entry through a power cut (`promises.rs` looks at that moment).

use super::{Invariant, Rest};

#[derive(Default)]
pub struct Flushed {
    evaluations: u64,
}

impl Invariant for Flushed {
    fn name(&self) -> &'static str {
        "no receipt without k flushed copies"
    }

    fn rest(&mut self, rest: &Rest<'_>) -> Result<(), String> {
        self.evaluations += rest.promises.looked;
        match rest.promises.unkept.first() {
            None => Ok(()),
            Some(first) => Err(first.clone()),
        }
    }

    fn evaluations(&self) -> u64 {
        self.evaluations
    }
}
