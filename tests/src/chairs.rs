//! Chairs who report: each note is signed, kept in an outbox on disk, and sent until its receipt verifies. It
//! is the way of `tally submit`, without the keyboard.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use caucus::{SubmissionId, UnitId};
use client::Client;
use client::answer::{Effect, Head, Refused};
use client::chair;
use client::clock::{Clock, SystemClock};
use client::disk::Directory;
use client::outbox::{EntryName, Outbox};
use client::random::Random;
use client::retry::{Delivery, Schedule};
use merkle::sha256;
use note::{SignedNote, SignerKey, UnixSeconds};
use receipt::leaf::{Gate, Reason, Scope};
use receipt::{Leaf, Receipt};

/// For chairs who keep trying through a change of leader.
pub const PATIENT: Schedule = Schedule {
    budget: Duration::from_secs(30),
    patience: Duration::from_secs(2),
    hedge: Duration::from_millis(700),
    first_pause: Duration::from_millis(10),
    longest_pause: Duration::from_millis(40),
};

/// What all chairs share.
#[derive(Debug)]
pub struct Desk {
    /// Connections and the election.
    pub client: Client,
    /// The time by which sending and receiving are measured.
    pub clock: SystemClock,
    /// Where notes and receipts are kept.
    pub outbox: Outbox<Directory>,
    /// What every note claims as its time, so that signing a report again gives the same note.
    time: UnixSeconds,
}

/// A note that has its receipt.
#[derive(Debug, Clone)]
pub struct Receipted {
    /// What recording it did, as the node said.
    pub effect: Effect,
    /// What verified.
    pub receipt: Receipt,
    /// The record that stands for the unit, as the node said.
    pub head: Option<Head>,
    /// When it was sent first, by the shared clock.
    pub sent: Duration,
    /// When the receipt had verified.
    pub receipted: Duration,
}

/// How a note ended.
#[derive(Debug)]
pub enum Sent {
    /// With a receipt that verified.
    Receipted(Box<Receipted>),
    /// With a reason.
    Refused {
        /// The reason.
        refusal: Refused,
        /// The record that stands instead.
        head: Option<Head>,
    },
}

impl Sent {
    /// The receipt; an error where there is none.
    pub fn receipted(self) -> anyhow::Result<Receipted> {
        match self {
            Self::Receipted(receipted) => Ok(*receipted),
            Self::Refused { refusal, .. } => {
                bail!("refused ({}): {}", refusal.code, refusal.message)
            }
        }
    }

    /// The code of the refusal; an error where there is a receipt.
    pub fn refused(self) -> anyhow::Result<Refused> {
        match self {
            Self::Receipted(receipted) => {
                bail!("recorded as leaf {}", receipted.receipt.index().get())
            }
            Self::Refused { refusal, .. } => Ok(refusal),
        }
    }
}

impl Desk {
    /// A desk whose outbox is in `folder`.
    pub fn open(client: Client, folder: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let outbox = Outbox::new(Directory::open(folder)?);
        let clock = SystemClock::start();
        Ok(Self {
            client: client.with_schedule(PATIENT),
            time: clock.unix(),
            clock,
            outbox,
        })
    }

    /// Signs a chair's report. The id follows from `seed`, the unit and the number, so that a night can be
    /// repeated.
    pub fn sign(
        &self,
        report: chair::Report,
        key: &SignerKey,
        seed: u64,
    ) -> anyhow::Result<SignedNote> {
        let mut ids = Ids {
            seed,
            unit: report.unit.clone(),
            seq: report.seq,
        };
        let header = chair::header(self.client.election(), &mut ids, self.time);
        Ok(chair::report(header, report, key)?)
    }

    /// Lets everything that is reported be shown, from the first report on: two publishers sign.
    pub async fn publish_all(&self, publishers: &[SignerKey]) -> anyhow::Result<Receipted> {
        let mut ids = Ids {
            seed: 0,
            unit: UnitId::parse("publish").context("a token")?,
            seq: 1,
        };
        let leaf = Leaf::Publish(Gate {
            header: chair::header(self.client.election(), &mut ids, self.time),
            scope: Scope::All,
            reason: Reason::parse("results are shown as they come in").context("a reason")?,
        });
        let keys: Vec<&SignerKey> = publishers.iter().collect();
        self.send(&chair::sign(&leaf, &keys)?).await?.receipted()
    }

    /// Keeps a signed note, sends it, verifies its receipt and keeps that.
    pub async fn send(&self, note: &SignedNote) -> anyhow::Result<Sent> {
        let name = name_of(note)?;
        self.outbox.keep(&name, note.bytes())?;
        let sent = self.clock.monotonic();
        match self.client.submit_signed(note).await {
            Delivery::Receipted(delivered) => {
                self.outbox.keep_receipt(&name, &delivered.bytes)?;
                Ok(Sent::Receipted(Box::new(Receipted {
                    effect: delivered.effect,
                    receipt: delivered.receipt,
                    head: delivered.head,
                    sent,
                    receipted: self.clock.monotonic(),
                })))
            }
            Delivery::Refused { refusal, head, .. } => {
                self.outbox.mark_refused(&name, &refusal)?;
                Ok(Sent::Refused { refusal, head })
            }
            Delivery::NotYet(known) => {
                let troubles: Vec<String> =
                    known.troubles.values().map(ToString::to_string).collect();
                bail!(
                    "`{name}` has no receipt yet; it is safe in the outbox ({})",
                    troubles.join("; ")
                )
            }
        }
    }
}

fn name_of(note: &SignedNote) -> anyhow::Result<EntryName> {
    let leaf = Leaf::parse(note).map_err(|error| anyhow::anyhow!("the note: {error}"))?;
    let subject = leaf
        .unit()
        .map_or_else(|| "act".to_owned(), ToString::to_string);
    let header = leaf
        .header()
        .context("nobody sends this leaf: it is derived")?;
    Ok(EntryName::new(&subject, &header.id))
}

/// Draws one id: the first half of a hash over what the report is.
struct Ids {
    seed: u64,
    unit: UnitId,
    seq: u64,
}

impl Random for Ids {
    fn fill(&mut self, bytes: &mut [u8]) {
        let hash = sha256(format!("{} {} {}", self.seed, self.unit, self.seq).as_bytes());
        for (byte, drawn) in bytes.iter_mut().zip(hash.as_bytes().iter().cycle()) {
            *byte = *drawn;
        }
    }
}

/// An id made of one byte, for notes written by hand.
pub fn id(byte: u8) -> SubmissionId {
    SubmissionId::from_bytes([byte; 16])
}
