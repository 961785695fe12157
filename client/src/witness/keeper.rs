//! One request after another: judged, remembered, answered.

use merkle::TreeSize;
use note::{SignatureLine, SignedCheckpoint, UnixSeconds};
use witness::{AddCheckpoint, Considered, Decline, RequestError};

use super::memory::Memory;
use super::pin::Pin;
use crate::disk::Disk;

/// What a request is answered with.
#[derive(Debug)]
pub enum Answer {
    /// This witness's line.
    Cosigned(SignatureLine),
    /// It is no request.
    Malformed(RequestError),
    /// It was declined.
    Declined(Decline),
    /// This witness signs nothing more until a person has looked: the text says why.
    Stopped(&'static str),
}

/// Why a witness stopped after its memory could not be written.
const UNWRITTEN: &str = "the witness could not write its memory: look at its disk, start it again";
/// Why a witness stopped after it met a signature of its own that it does not remember.
const FORGOTTEN: &str = "the witness met its own signature on a larger tree: its memory is an \
                         older copy; it needs a new folder and a new key";

/// A witness of one log. Whoever holds it lets in one request at a time.
#[derive(Debug)]
pub struct Keeper<D> {
    memory: Memory<D>,
    stopped: Option<&'static str>,
}

impl<D: Disk> Keeper<D> {
    /// A witness with this memory.
    pub const fn new(memory: Memory<D>) -> Self {
        Self {
            memory,
            stopped: None,
        }
    }

    /// What it remembers.
    pub const fn memory(&self) -> &Memory<D> {
        &self.memory
    }

    /// Why it signs nothing more, if so.
    pub const fn stopped(&self) -> Option<&'static str> {
        self.stopped
    }

    /// Answers the body of one request for a checkpoint.
    pub fn add_checkpoint(&mut self, pin: &impl Pin, body: &[u8], now: UnixSeconds) -> Answer {
        if let Some(why) = self.stopped {
            return Answer::Stopped(why);
        }
        let request = match AddCheckpoint::parse(body) {
            Ok(request) => request,
            Err(error) => return Answer::Malformed(error),
        };
        let signed = &request.checkpoint;
        let Some(pinned) = pin.judge(signed.checkpoint()) else {
            return Answer::Declined(Decline::UnknownOrigin);
        };
        if self.has_forgotten(signed) {
            self.stopped = Some(FORGOTTEN);
            return Answer::Stopped(FORGOTTEN);
        }
        if self.contradicts(signed)
            && pinned.signed_by_log(signed)
            && self.memory.keep_contradiction(signed).is_err()
        {
            self.stopped = Some(UNWRITTEN);
            return Answer::Stopped(UNWRITTEN);
        }
        let last = self.memory.last_seen();
        let now = now.max(self.memory.last_time());
        match pinned.witness.consider(last.as_ref(), &request, now) {
            Considered::Decline(decline) => Answer::Declined(decline),
            Considered::Cosign {
                checkpoint, time, ..
            } => {
                let line = self.memory.key().cosign(&checkpoint, time);
                let kept = with_own(&request.checkpoint, &line);
                if self.memory.remember(kept).is_err() {
                    self.stopped = Some(UNWRITTEN);
                    return Answer::Stopped(UNWRITTEN);
                }
                Answer::Cosigned(line)
            }
        }
    }

    /// Whether the newest checkpoint is of the same size and has another root.
    fn contradicts(&self, signed: &SignedCheckpoint) -> bool {
        let head = signed.checkpoint();
        let last = self.memory.last_seen();
        last.is_some_and(|last| last.size == head.size && last.root != head.root)
    }

    /// Whether this witness's own signature stands under a tree larger than it remembers. It is
    /// looked for in everything that is sent, as nobody else could have made it.
    fn has_forgotten(&self, signed: &SignedCheckpoint) -> bool {
        let key = self.memory.key().verifier();
        let line = signed.line_of(key);
        let head = signed.checkpoint();
        line.is_some_and(|line| key.verify_cosignature(head, line).is_some())
            && head.size
                > self
                    .memory
                    .last_seen()
                    .map_or(TreeSize::ZERO, |last| last.size)
    }
}

/// The checkpoint with this line in place of one of the same key, and of all others where there is
/// no room: what is kept must bear the own line.
fn with_own(signed: &SignedCheckpoint, own: &SignatureLine) -> SignedCheckpoint {
    let head = signed.checkpoint().clone();
    signed
        .lines()
        .iter()
        .filter(|line| !(line.name == own.name && line.id == own.id))
        .take(note::MAX_SIGNATURES.saturating_sub(1))
        .fold(SignedCheckpoint::new(head, own.clone()), |kept, line| {
            kept.with_line(line.clone())
        })
}
