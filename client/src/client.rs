//! A client of one election: sends notes, and believes only what verifies.
//!
//! Who may sign receipts changes when a node is replaced. A receipt that does not verify is
//! therefore a reason to fetch the bundle anew, checked against the same first manifest, while the
//! note is carried on.

use std::convert::Infallible;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use note::SignedNote;
use receipt::{Election, Fingerprint, Receipt, UnverifiedReceipt};
use tokio::sync::Notify;

use crate::bundle;
use crate::clock::{Clock as _, SystemClock};
use crate::connection::Connections;
use crate::retry::{Delivery, Schedule, Standing, deliver};

/// Connections, and the election whose receipts are believed. Cloning shares both, and what is known
/// of slow nodes; any number of
/// notes may be under way at once.
#[derive(Debug, Clone)]
pub struct Client {
    connections: Connections,
    election: Arc<Election>,
    /// The same with the newest versions that were fetched.
    newest: Arc<RwLock<Arc<Election>>>,
    schedule: Schedule,
    clock: SystemClock,
    standing: Arc<Standing>,
}

/// Between two bundles fetched.
const FETCH_AGAIN: Duration = Duration::from_millis(500);

impl Client {
    /// A client with the schedule of a person at a keyboard.
    pub fn new(connections: Connections, election: Arc<Election>) -> Client {
        Client {
            connections,
            newest: Arc::new(RwLock::new(Arc::clone(&election))),
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
        let unverified = Notify::new();
        let delivering = deliver(
            &self.connections,
            &self.clock,
            &self.schedule,
            &self.standing,
            note.bytes(),
            |receipt| {
                check_receipt(&self.newest(), note, receipt)
                    .inspect_err(|_| unverified.notify_one())
            },
        );
        tokio::select! {
            delivery = delivering => delivery,
            never = self.renew(&unverified) => match never {},
        }
    }

    /// The election with the newest versions known here.
    fn newest(&self) -> Arc<Election> {
        let newest = self.newest.read();
        Arc::clone(&newest.unwrap_or_else(PoisonError::into_inner))
    }

    /// Fetches the bundle whenever a receipt has not verified. One that is older, or of another
    /// election, changes nothing.
    async fn renew(&self, unverified: &Notify) -> Infallible {
        let pin = Fingerprint::of(*self.election.genesis());
        loop {
            unverified.notified().await;
            if let Ok((_, fetched)) = bundle::fetch(&self.connections, pin).await {
                let mut newest = self.newest.write().unwrap_or_else(PoisonError::into_inner);
                if fetched.versions().len() > newest.versions().len() {
                    *newest = Arc::new(fetched);
                }
            }
            self.clock.sleep(FETCH_AGAIN).await;
        }
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
