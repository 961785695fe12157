//! The hand that cosigns: the key, what it signed last, and whether it may sign at all. The
//! decision itself is `witness::gate`; here it is made durable before a signature exists. It is
//! public for simulations, which give it files of their own.

use std::sync::{Mutex, PoisonError};

use ledger::Fault;
use merkle::{Hash, TreeSize};
use note::{Checkpoint, CosignerKey, Origin, SignatureLine, UnixSeconds, VerifierKey};
use replica::trace::Event;
use store::DurableFile;
use witness::LastSigned;
use witness::gate::{self, Asked, ClockMark, Clocks, Decision, OwnRoots};

use crate::start_error::StartError;

#[cfg(test)]
mod power_loss;

/// A text file that is replaced as a whole, under the cosigner's memory.
pub trait Sealed {
    /// The text, or `None` if there is no such file. When this returns, it survives a power cut.
    fn read_sealed(&self) -> Result<Option<String>, store::Error>;

    /// Replaces the text. When this returns, it survives a power cut.
    fn replace_sealed(&self, text: &str) -> Result<(), store::Error>;
}

impl Sealed for DurableFile {
    fn read_sealed(&self) -> Result<Option<String>, store::Error> {
        Self::read_sealed(self)
    }

    fn replace_sealed(&self, text: &str) -> Result<(), store::Error> {
        Self::replace_sealed(self, text)
    }
}

/// A node's cosigner key with its memory.
#[derive(Debug)]
pub struct Cosigner<F = DurableFile> {
    key: CosignerKey,
    origin: Origin,
    memory: Mutex<Memory<F>>,
}

#[derive(Debug)]
struct Memory<F> {
    state: F,
    last: Option<LastSigned>,
    stop: F,
    /// Why this node signs nothing more, until a person removes the file.
    stopped: Option<String>,
}

/// What became of a question.
#[derive(Debug)]
pub enum Answer {
    /// A cosignature; what it states is on disk.
    Signed(SignatureLine),
    /// Everything else the gate decides.
    Declined(Decision),
    /// This node has stopped cosigning.
    Stopped,
}

/// The answer could not be found out.
#[derive(Debug, thiserror::Error)]
pub enum CosignError {
    /// The tree cannot be read.
    #[error(transparent)]
    Tree(#[from] Fault),
    /// What is to be signed could not be made durable, so nothing was signed.
    #[error(transparent)]
    Disk(#[from] store::Error),
}

impl<F: Sealed> Cosigner<F> {
    /// Opens the key's memory. `fresh` says whether the data directory has no owner yet: only then
    /// may there be none, because a key without its memory could sign against itself.
    pub fn open(
        key: CosignerKey,
        origin: Origin,
        files: (F, F),
        fresh: bool,
    ) -> Result<Self, StartError> {
        let (state, stop) = files;
        let text = state.read_sealed()?;
        let last = match text.as_deref() {
            None if fresh => {
                state.replace_sealed(NOTHING)?;
                None
            }
            None => {
                return Err(StartError::Identity {
                    what: "`cosigner.state` is missing, so this node cannot know what its cosigner key has signed".to_owned(),
                    advice: "put the file back if it was moved; otherwise replace this node, its cosigner key is burnt",
                });
            }
            Some(NOTHING) => None,
            // It is signed again without another write, so reading it has made it durable.
            Some(text) => {
                let last = LastSigned::parse(text).map_err(|error| StartError::Identity {
                    what: format!("`cosigner.state` cannot be read: {error}"),
                    advice: "replace this node; its cosigner key must not sign again",
                })?;
                Some(last)
            }
        };
        let stopped = stop.read_sealed()?;
        Ok(Self {
            key,
            origin,
            memory: Mutex::new(Memory {
                state,
                last,
                stop,
                stopped,
            }),
        })
    }

    /// The public half of the key.
    pub fn verifier(&self) -> &VerifierKey {
        self.key.verifier()
    }

    /// Answers whether this node cosigns `asked`. `durable` is the tree size that this node's own
    /// disk holds in full, `root_at` its own root at a size; `signs` is told when it is about to sign,
    /// one signature after the other. Blocks for an fsync.
    pub fn consider(
        &self,
        asked: Asked,
        durable: TreeSize,
        root_at: impl Fn(TreeSize) -> Result<Option<Hash>, Fault>,
        clocks: Clocks,
        signs: impl FnOnce(&Event),
    ) -> Result<Answer, CosignError> {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        if memory.stopped.is_some() {
            return Ok(Answer::Stopped);
        }
        let own_root = |size: TreeSize| {
            if size <= durable {
                root_at(size)
            } else {
                Ok(None)
            }
        };
        let at_last = memory.last.map_or(Ok(None), |last| own_root(last.size))?;
        let own = OwnRoots {
            at_asked: if replica::mutant::is("head-unapplied") {
                Some(asked.root)
            } else {
                own_root(asked.size)?
            },
            at_last,
        };
        match gate::consider(memory.last.as_ref(), &asked, &own, &clocks) {
            Decision::Sign { state, clock } | Decision::SignAgain { state, clock } => {
                warn_of_clock(clock);
                if memory.last != Some(state) {
                    memory.state.replace_sealed(&state.to_text())?;
                    memory.last = Some(state);
                }
                // From here on the disk says what was signed: a crash before the signature leaves
                // this process costs one round, never a second root for the size.
                signs(&Event::cosigned(asked.size, &asked.root, durable));
                Ok(Answer::Signed(self.sign(&state)))
            }
            decision @ (Decision::NotYet
            | Decision::Behind { .. }
            | Decision::Mismatch { .. }
            | Decision::Rewrite { .. }
            | Decision::Clock { .. }) => Ok(Answer::Declined(decision)),
        }
    }

    /// Signs nothing more until a person has removed `cosigning.stopped` and started the node anew.
    pub fn stop(&self, reason: &str) -> Result<(), store::Error> {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        if memory.stopped.is_none() {
            memory.stopped = Some(reason.to_owned());
            memory.stop.replace_sealed(&format!("{reason}\n"))?;
        }
        Ok(())
    }

    /// Why this node has stopped cosigning, if it has.
    pub fn stopped(&self) -> Option<String> {
        let memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        memory.stopped.clone()
    }

    /// The tree head signed last, with this node's line, to be compared by others.
    pub fn last_signed(&self) -> Option<(Checkpoint, SignatureLine)> {
        let last = self
            .memory
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .last?;
        Some((self.checkpoint(&last), self.sign(&last)))
    }

    fn sign(&self, state: &LastSigned) -> SignatureLine {
        self.key.cosign(&self.checkpoint(state), state.time)
    }

    fn checkpoint(&self, state: &LastSigned) -> Checkpoint {
        Checkpoint {
            origin: self.origin.clone(),
            size: state.size,
            root: state.root,
        }
    }
}

/// What the memory of a key that has signed nothing says.
const NOTHING: &str = "tally-cosigner/v1 nothing\n";

fn warn_of_clock(clock: ClockMark) {
    match clock {
        ClockMark::Steady => {}
        ClockMark::WentBack { seconds } => {
            tracing::warn!(
                seconds,
                "this node's clock went back; it states its last time again"
            );
        }
    }
}

/// The clocks for the gate: this node's, and the upper median of those that were heard.
pub fn clocks(own: UnixSeconds, mut heard: Vec<UnixSeconds>) -> Clocks {
    heard.push(own);
    Clocks {
        own,
        median: gate::upper_median(&mut heard).unwrap_or(own),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const NOW: UnixSeconds = UnixSeconds::new(1_000);

    fn root(size: TreeSize) -> Hash {
        merkle::sha256(&size.get().to_be_bytes())
    }

    fn open(folder: &Path, fresh: bool) -> Result<Cosigner, StartError> {
        let origin = Origin::parse("tally.example/desk").unwrap();
        let key = CosignerKey::from_seed(origin.cosigner("n1").unwrap(), [3; 32]);
        let files =
            ["cosigner.state", "cosigning.stopped"].map(|name| DurableFile::new(folder.join(name)));
        let [state, stop] = files;
        Cosigner::open(key, origin, (state, stop), fresh)
    }

    fn ask(cosigner: &Cosigner, size: u64, asked_root: Hash) -> Answer {
        let asked = Asked {
            size: TreeSize::new(size),
            root: asked_root,
        };
        let own = |size| Ok(Some(root(size)));
        cosigner
            .consider(
                asked,
                TreeSize::new(50),
                own,
                clocks(NOW, vec![NOW]),
                |_| {},
            )
            .unwrap()
    }

    #[test]
    fn what_is_signed_stands_on_the_disk_before_and_survives_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let cosigner = open(folder.path(), true).unwrap();
        let size = TreeSize::new(7);
        let Answer::Signed(line) = ask(&cosigner, 7, root(size)) else {
            panic!("not signed")
        };
        let (checkpoint, last) = cosigner.last_signed().unwrap();
        assert_eq!((checkpoint.size, last == line), (size, true));
        assert_eq!(
            cosigner.verifier().verify_cosignature(&checkpoint, &line),
            Some(NOW)
        );

        drop(cosigner);
        let reopened = open(folder.path(), false).unwrap();
        let smaller = ask(&reopened, 6, root(TreeSize::new(6)));
        assert!(matches!(smaller, Answer::Declined(Decision::Behind { signed }) if signed == size));
    }

    #[test]
    fn nothing_beyond_this_nodes_own_disk_is_signed() {
        let folder = tempfile::tempdir().unwrap();
        let cosigner = open(folder.path(), true).unwrap();
        let beyond = ask(&cosigner, 51, root(TreeSize::new(51)));
        assert!(matches!(beyond, Answer::Declined(Decision::NotYet)));
        assert!(matches!(
            ask(&cosigner, 50, root(TreeSize::new(50))),
            Answer::Signed(_)
        ));
    }

    #[test]
    fn a_node_that_stopped_stays_stopped_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let cosigner = open(folder.path(), true).unwrap();
        let other = ask(&cosigner, 7, root(TreeSize::new(8)));
        assert!(matches!(other, Answer::Declined(decision) if decision.stops()));
        cosigner.stop("another root at size 7").unwrap();
        drop(cosigner);
        let reopened = open(folder.path(), false).unwrap();
        assert!(matches!(
            ask(&reopened, 7, root(TreeSize::new(7))),
            Answer::Stopped
        ));
    }

    #[test]
    fn a_key_that_lost_its_memory_does_not_sign() {
        let folder = tempfile::tempdir().unwrap();
        drop(open(folder.path(), true).unwrap());
        std::fs::remove_file(folder.path().join("cosigner.state")).unwrap();
        let error = open(folder.path(), false).unwrap_err();
        assert_eq!(error.exit_code(), 78);
    }
}
