//! What a chair holds and anyone can check; the leaves of the log.
#![cfg_attr(not(test), no_std)]

extern crate alloc;

mod code;
mod election;
mod fingerprint;
pub mod leaf;
mod lines;
mod manifest;
mod policy;
mod proof;
mod verify;
mod words;

pub use code::{BadCode, ShortCode, VoucherCode};
pub use election::{Bundle, BundleError, BundledManifest, Election, Version};
pub use fingerprint::Fingerprint;
pub use leaf::{Header, Leaf, LeafKind};
pub use lines::Malformed;
pub use manifest::{
    Authority, CountedFile, Effect, ElectionKind, MAX_ORDINAL, Manifest, NodeId, NodeLine,
    NotEndorsed, PersonKey, Recovered, WitnessLine,
};
pub use policy::{Evaluation, Policy, PolicyLog, PolicyWitness};
pub use proof::{ReceiptError, UnverifiedReceipt};
pub use verify::{
    Author, Check, CheckName, CheckResult, Cosigner, CosignerPlace, Reason, Receipt, ReceiptLevel,
    Signatory, Verdict, Verification,
};
