//! The leader asks the outside witnesses: each gets the newest checkpoint that lacks only a witness
//! for the final level, or else the newest published one, with the proof that it extends the one
//! that it saw last (`c2sp.org/tlog-witness`), one request at a time. A witness that is away, slow
//! or wrong costs the final level and nothing else.
//!
//! What a witness saw last is not kept on disk: after a change of leader the first request is
//! answered with 409 and that size.

use std::sync::Arc;
use std::time::Duration;

use merkle::{ProveError, TreeSize};
use note::{SignatureLine, SignedCheckpoint, VerifierKey};
use replica::Role;
use reqwest::StatusCode;
use tokio_util::sync::CancellationToken;
use witness::AddCheckpoint;

use crate::config;
use crate::core::{Core, ReadError};
use crate::gossip;
use crate::start_error::StartError;

/// Between two requests that went well: a witness is asked about many leaves at once.
const PERIOD: Duration = Duration::from_millis(250);
/// After one that did not, and the most that this grows to.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How long a witness may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of an answer that are looked at: a few signature lines.
const MAX_ANSWER: usize = 16 * 1024;

/// One outside witness and how it is asked.
#[derive(Debug)]
pub(crate) struct Courier {
    id: String,
    url: String,
    client: reqwest::Client,
    /// The size that it says it saw last: what the next question begins at.
    seen: TreeSize,
    /// The largest size that it has signed, as verified here.
    signed: TreeSize,
}

/// Why a witness did not sign.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("cannot be asked: {0}")]
    Unreachable(#[from] reqwest::Error),
    #[error("answered {0}")]
    Declined(StatusCode),
    #[error("its answer has no line that verifies with the key in the manifest")]
    NoLine,
    #[error("the manifest in force names no witness of this id")]
    NotNamed,
    #[error("the tree cannot be read")]
    Read(#[from] ReadError),
    #[error("the answer does not say which size it saw")]
    NoSize,
    #[error("it says that it saw {seen} leaves, and only {published} are published")]
    Ahead { seen: u64, published: TreeSize },
    #[error("it says again that it saw another size")]
    BehindAgain,
    #[error(
        "it says that it saw {seen} leaves, and has signed {signed}: its memory is an older copy"
    )]
    Forgetful { seen: TreeSize, signed: TreeSize },
    #[error("its answer is longer than any should be")]
    TooLong,
}

/// What one request led to.
enum Asked {
    /// It signed, and the line is kept.
    Signed,
    /// It saw another size than was believed; ask again with that.
    Behind,
    /// There was nothing to ask.
    Nothing,
}

impl Courier {
    /// Gets ready to ask a witness; sends nothing yet.
    pub(crate) fn new(witness: &config::Witness) -> Result<Self, StartError> {
        let unusable = |reason: String| StartError::Credential {
            what: "witness authority",
            file: witness.ca.clone().unwrap_or_default(),
            reason,
        };
        let mut client = reqwest::Client::builder()
            .timeout(PATIENCE)
            .redirect(reqwest::redirect::Policy::none());
        if let Some(ca) = &witness.ca {
            let pem = std::fs::read(ca).map_err(|error| unusable(error.to_string()))?;
            let authority = reqwest::Certificate::from_pem(&pem)
                .map_err(|error| unusable(error.to_string()))?;
            client = client.tls_certs_only([authority]);
        }
        Ok(Self {
            id: witness.id.clone(),
            url: format!("{}/add-checkpoint", witness.url.as_str()),
            client: client
                .build()
                .map_err(|error| unusable(error.to_string()))?,
            seen: TreeSize::ZERO,
            signed: TreeSize::ZERO,
        })
    }

    /// Asks until told to stop.
    pub(crate) async fn run(mut self, core: Arc<Core>, stopping: CancellationToken) {
        let mut newest = core.checkpoints.watch();
        let mut pause = FIRST_PAUSE;
        let mut behind = false;
        loop {
            let checkpoint = newest.borrow_and_update().clone();
            let wait = match checkpoint {
                Some(newest) if leads(&core) => {
                    match self.ask(&core, &self.next(&core, newest)).await {
                        Ok(Asked::Signed) => {
                            (pause, behind) = (FIRST_PAUSE, false);
                            Some(PERIOD)
                        }
                        Ok(Asked::Nothing) => None,
                        // Once is how its size is learnt; again and again it is no answer.
                        Ok(Asked::Behind) if !behind => {
                            behind = true;
                            Some(PERIOD)
                        }
                        not_signed => {
                            let trouble = not_signed.err().unwrap_or(Trouble::BehindAgain);
                            tracing::warn!(witness = self.id, %trouble, "an outside witness has not signed");
                            let now = pause;
                            pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
                            Some(now)
                        }
                    }
                }
                Some(_) | None => None,
            };
            self.measure(&core);
            let news = async {
                match wait {
                    Some(wait) => tokio::time::sleep(wait).await,
                    // A change of leader changes nothing about the newest checkpoint.
                    None => {
                        let _looked_again = tokio::time::timeout(PERIOD, newest.changed()).await;
                    }
                }
            };
            tokio::select! {
                () = news => {}
                () = stopping.cancelled() => return,
            }
        }
    }

    /// How far the witness is behind what is published; 0 on a node that does not ask it.
    fn measure(&self, core: &Core) {
        let lag = core.checkpoints.newest_size().get();
        let lag = if leads(core) {
            lag.saturating_sub(self.signed.get())
        } else {
            0
        };
        core.metrics
            .witness_lag
            .set(&self.id, i64::try_from(lag).unwrap_or(i64::MAX));
    }

    /// What to ask about: under load the newest checkpoint has seldom the lines of all nodes that
    /// the final level takes.
    fn next(&self, core: &Core, newest: Arc<SignedCheckpoint>) -> Arc<SignedCheckpoint> {
        match core.checkpoints.strong_above(self.signed) {
            Ok(Some(strong)) => Arc::new(strong),
            Ok(None) => newest,
            Err(error) => {
                tracing::warn!(%error, "the published checkpoints cannot be read");
                newest
            }
        }
    }

    async fn ask(&mut self, core: &Arc<Core>, signed: &SignedCheckpoint) -> Result<Asked, Trouble> {
        let size = signed.checkpoint().size;
        let charter = core.charter(size).await?.ok_or(Trouble::NotNamed)?;
        let key = charter.witness(&self.id).ok_or(Trouble::NotNamed)?;
        if signed.line_of(key).is_some() {
            self.signed = self.signed.max(size);
            self.seen = self.seen.max(size);
            return Ok(Asked::Nothing);
        }
        let Some(request) = self.request(core, signed).await? else {
            let seen = std::mem::replace(&mut self.seen, TreeSize::ZERO).get();
            let published = size;
            return Err(Trouble::Ahead { seen, published });
        };
        let (status, body) = self.post(&request).await?;
        match status {
            StatusCode::OK => {
                let line = line_of(key, signed, &body).ok_or(Trouble::NoLine)?;
                let gained = signed.clone().with_line(line);
                (self.seen, self.signed) = (size, size);
                gossip::keep(core, &charter, gained).await;
                Ok(Asked::Signed)
            }
            StatusCode::CONFLICT => {
                let seen = std::str::from_utf8(&body).ok().map(str::trim);
                let seen = seen.and_then(note::parse_decimal).ok_or(Trouble::NoSize)?;
                self.seen = TreeSize::new(seen);
                self.remind(core, key).await?;
                Ok(Asked::Behind)
            }
            other => Err(Trouble::Declined(other)),
        }
    }

    async fn post(&self, request: &AddCheckpoint) -> Result<(StatusCode, Vec<u8>), Trouble> {
        let sent = self.client.post(&self.url).body(request.to_bytes());
        let mut response = sent.send().await?;
        let status = response.status();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if body.len().saturating_add(chunk.len()) > MAX_ANSWER {
                return Err(Trouble::TooLong);
            }
            body.extend_from_slice(&chunk);
        }
        Ok((status, body))
    }

    /// Shows the witness its own signature on a tree larger than it says that it saw, if there is
    /// one: a witness put back from a copy could sign another history, and stops when it sees that.
    async fn remind(&self, core: &Arc<Core>, key: &VerifierKey) -> Result<(), Trouble> {
        let newest = core.checkpoints.newest_final().unwrap_or_default();
        let own = newest.filter(|newest| newest.line_of(key).is_some());
        let Some(own) = own.filter(|own| own.checkpoint().size > self.seen) else {
            return Ok(());
        };
        if let Some(request) = self.request(core, &own).await? {
            self.post(&request).await?;
        }
        Err(Trouble::Forgetful {
            seen: self.seen,
            signed: own.checkpoint().size,
        })
    }

    /// The body of the question; `None` where the witness saw a larger tree than this checkpoint.
    async fn request(
        &self,
        core: &Arc<Core>,
        signed: &SignedCheckpoint,
    ) -> Result<Option<AddCheckpoint>, ReadError> {
        let (old, size) = (self.seen, signed.checkpoint().size);
        if old > size {
            return Ok(None);
        }
        let checkpoint = signed.clone();
        core.read(move |_, view| {
            let proof = if old == TreeSize::ZERO || old == size {
                merkle::ConsistencyProof { hashes: Vec::new() }
            } else {
                match view.consistency(old, size) {
                    Ok(proof) => proof,
                    Err(ProveError::Nodes(fault)) => return Err(fault),
                    Err(ProveError::NotInTree { .. } | ProveError::NotAnExtension { .. }) => {
                        return Ok(None);
                    }
                }
            };
            Ok(Some(AddCheckpoint {
                old,
                proof,
                checkpoint,
            }))
        })
        .await
    }
}

/// The line of this key in a witness's answer, if it verifies.
fn line_of(key: &VerifierKey, signed: &SignedCheckpoint, body: &[u8]) -> Option<SignatureLine> {
    let text = std::str::from_utf8(body).ok()?;
    let mut lines = text
        .lines()
        .filter_map(|line| SignatureLine::parse(line).ok());
    lines.find(|line| {
        key.claims(line) && key.verify_cosignature(signed.checkpoint(), line).is_some()
    })
}

fn leads(core: &Core) -> bool {
    core.replica.watch().borrow().role == Role::Leader
}
