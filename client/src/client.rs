//! A client of one election: sends notes, and believes only what verifies.

use std::sync::Arc;

use note::SignedNote;
use receipt::{Election, Receipt, UnverifiedReceipt};

use crate::clock::SystemClock;
use crate::connection::Connections;
use crate::retry::{Delivery, Schedule, Standing, deliver};

/// Connections, and the election whose receipts are believed. Cloning shares both, and what is known
/// of slow nodes; any number of
/// notes may be under way at once.
#[derive(Debug, Clone)]
pub struct Client {
    connections: Connections,
    election: Arc<Election>,
    schedule: Schedule,
    clock: SystemClock,
    standing: Arc<Standing>,
}

impl Client {
    /// A client with the schedule of a person at a keyboard.
    pub fn new(connections: Connections, election: Arc<Election>) -> Client {
        Client {
            connections,
            election,
            schedule: Schedule::default(),
            clock: SystemClock::start(),
            standing: Arc::default(),
        }
    }

    /// The same client with other patience.
    #[must_use]
    pub fn with_schedule(mut self, schedule: Schedule) -> Client {
        self.schedule = schedule;
        self
    }

    /// The channels.
    pub fn connections(&self) -> &Connections {
        &self.connections
    }

    /// The election.
    pub fn election(&self) -> &Election {
        &self.election
    }

    /// Carries a signed note until there is a verified receipt for it, a refusal, or the time is
    /// over. The note must be in a safe place before.
    pub async fn submit_signed(&self, note: &SignedNote) -> Delivery<Receipt> {
        deliver(
            &self.connections,
            &self.clock,
            &self.schedule,
            &self.standing,
            note.bytes(),
            |receipt| check_receipt(&self.election, note, receipt),
        )
        .await
    }
}

/// Verifies a receipt and that it is for this note. Texts are compared, not bytes: the same text
/// signed twice is one leaf.
pub fn check_receipt(
    election: &Election,
    note: &SignedNote,
    bytes: &[u8],
) -> Result<Receipt, String> {
    let unverified = UnverifiedReceipt::parse(bytes).map_err(|error| error.to_string())?;
    let verification = unverified.verify(election);
    let Some(receipt) = verification.receipt() else {
        return Err(verification.summary());
    };
    match SignedNote::parse(receipt.entry()) {
        Ok(recorded) if recorded.text_hash() == note.text_hash() => Ok(receipt.clone()),
        Ok(_) | Err(_) => Err("it is a receipt for another note".to_owned()),
    }
}
