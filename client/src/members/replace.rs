//! A node's place is taken by a spare, without the authority and without the quorum ever shrinking.
//!
//! ```text
//!   1  the spare joins without a vote and replays the log
//!   2  two administrators activate the version that the authority signed for this swap
//!   3  the version becomes a leaf: from here on receipts count the spare and not the old node
//!   4  one joint step: the old node out, the spare in
//! ```
//! Whatever broke off is gone on with by running it again: each step looks whether it is done.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use note::{SignedNote, SignerKey};
use proto::v1;
use proto::v1::cluster_client::ClusterClient;
use receipt::leaf::{Activate, Reason};
use receipt::{Leaf, Manifest};
use tonic::transport::Channel;

use super::orders::Controls;
use super::{Error, view};
use crate::answer::Refused;
use crate::chair;
use crate::client::Client;
use crate::clock::Clock;
use crate::connection::{self, Connections};
use crate::random::SystemRandom;
use crate::retry::Delivery;

/// How long a spare may take to replay a night.
const REPLAY: Duration = Duration::from_mins(10);
/// How long the spare may take until it is ready with its vote.
const READY: Duration = Duration::from_secs(30);
/// How long one leaf may take.
const LEAF: Duration = Duration::from_secs(12);

/// What a signed version is called in its folder.
const NOTE: &str = "manifest.note";

/// Which node goes, which comes, and what lets that happen.
#[derive(Debug, Clone)]
pub struct Replacement {
    /// The id of the node that goes.
    pub out: String,
    /// The id of the spare that comes.
    pub by: String,
    /// Versions that the authority signed before the night.
    pub successors: Vec<Successor>,
    /// Why, for the log.
    pub reason: Reason,
}

/// A signed version with the files that it alone names.
#[derive(Debug, Clone)]
pub struct Successor {
    /// What it says.
    pub manifest: Manifest,
    /// Its note.
    pub note: SignedNote,
    /// Its policies.
    pub files: Vec<Vec<u8>>,
}

/// What happened, for whoever watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The spare is being sent the log.
    Joining,
    /// The spare has caught up.
    CaughtUp,
    /// The version is in the log.
    InForce(u64),
    /// The spare votes, the old node is out.
    Voting,
    /// The spare is ready.
    Ready,
}

impl Successor {
    /// Reads the signed versions below a folder, as `tally election successors` and `sign` leave
    /// them, each in a folder of its own. What is not signed yet is left out.
    pub fn read_all(folder: &Path) -> io::Result<Vec<Successor>> {
        let mut all = Vec::new();
        for entry in std::fs::read_dir(folder)? {
            let place = entry?.path();
            if place.join(NOTE).exists() {
                all.push(Self::read(&place)?);
            }
        }
        Ok(all)
    }

    /// Reads one version: `manifest.note`, and the files beside it.
    pub fn read(folder: &Path) -> io::Result<Successor> {
        let (note, manifest) = read(&std::fs::read(folder.join(NOTE))?)
            .ok_or_else(|| io::Error::other("`manifest.note` is no signed manifest"))?;
        let mut files = Vec::new();
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|end| end == "txt") {
                let file = std::fs::read(&path)?;
                if manifest.named_files().contains(&merkle::sha256(&file)) {
                    files.push(file);
                }
            }
        }
        Ok(Successor {
            manifest,
            note,
            files,
        })
    }
}

fn read(bytes: &[u8]) -> Option<(SignedNote, Manifest)> {
    let note = SignedNote::parse_within(bytes, note::Limits::MANIFEST).ok()?;
    let manifest = Leaf::parse(&note).ok()?.manifest()?.clone();
    Some((note, manifest))
}

impl Controls<'_> {
    /// Replaces a node; `signers` are the administrators who activate the version, two at least.
    pub async fn replace(
        &self,
        replacement: &Replacement,
        signers: &[SignerKey],
        mut told: impl FnMut(Step),
    ) -> Result<(), Error> {
        let Replacement { out, by, .. } = replacement;
        told(Step::Joining);
        self.add(by).await?;
        self.caught_up(by, REPLAY).await?;
        told(Step::CaughtUp);
        let version = self.bring_in(replacement, signers).await?;
        told(Step::InForce(version));
        self.swap(out, by).await?;
        told(Step::Voting);
        self.until(&format!("`{by}` to be ready"), READY, |view| {
            let node = view.node(by).ok()?;
            let leader = view.leader().ok()?.says;
            let votes = view::member_named(leader, by)?.voter;
            (votes && node.says.ready && !leader.joint).then_some(())
        })
        .await?;
        told(Step::Ready);
        Ok(())
    }

    /// Brings the version into the log that counts the spare and not the old node, unless one in
    /// force does already. Gives back the version in force.
    async fn bring_in(
        &self,
        replacement: &Replacement,
        signers: &[SignerKey],
    ) -> Result<u64, Error> {
        let Replacement { out, by, .. } = replacement;
        let bundle = self.bundle().await?;
        let newest = bundle.manifests.last().and_then(|bundled| {
            let manifest = Leaf::parse(&bundled.note).ok()?.manifest()?.clone();
            Some((manifest, bundled.note.text_hash()))
        });
        let (in_force, hash) = newest.ok_or(Error::Empty)?;
        if counts(&in_force, by) && !counts(&in_force, out) {
            return Ok(in_force.version);
        }
        let fits = |successor: &&Successor| {
            let next = &successor.manifest;
            next.previous == Some(hash) && counts(next, by) && !counts(next, out)
        };
        let successor = replacement.successors.iter().find(fits);
        let successor = successor.ok_or_else(|| Error::NoSuccessor {
            out: out.clone(),
            by: by.clone(),
            version: in_force.version,
        })?;
        // A version that was activated before needs no second act.
        match succeed(self.connections, successor, &self.clock).await {
            Err(Error::Refused(refused)) if is_not_activated(&refused) => {
                self.activate(replacement, successor, signers).await?;
                succeed(self.connections, successor, &self.clock).await?;
            }
            settled => settled?,
        }
        Ok(successor.manifest.version)
    }

    async fn activate(
        &self,
        replacement: &Replacement,
        successor: &Successor,
        signers: &[SignerKey],
    ) -> Result<(), Error> {
        let leaf = Leaf::Activate(Activate {
            header: chair::header(self.election, &mut SystemRandom, self.clock.unix()),
            manifest: successor.note.text_hash(),
            reason: replacement.reason.clone(),
        });
        let keys: Vec<&SignerKey> = signers.iter().collect();
        let note = chair::sign(&leaf, &keys)?;
        let client = Client::new(self.connections.clone(), Arc::new(self.election.clone()));
        let version = successor.manifest.version;
        match client.submit_signed(&note).await {
            Delivery::Receipted(_) => Ok(()),
            Delivery::Refused { refusal, .. } => Err(Error::Refused(refusal)),
            // Without a receipt it may be recorded all the same: then the version goes in.
            Delivery::NotYet(known) if known.recorded.is_some() => Ok(()),
            Delivery::NotYet(known) => Err(Error::NotActivated {
                version,
                why: known
                    .troubles
                    .values()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join("; "),
            }),
        }
    }

    /// One joint step: the old node out, the spare in.
    async fn swap(&self, out: &str, by: &str) -> Result<(), Error> {
        let begun = self.clock.monotonic();
        loop {
            let seen = self.led().await?;
            let leader = seen.leader()?.says;
            let mut voters = view::voters(leader);
            if let Some(old) = view::member_named(leader, out) {
                voters.remove(&old.ordinal);
            }
            let new = view::member_named(leader, by);
            voters.insert(new.ok_or_else(|| Error::NoSuchNode(by.to_owned()))?.ordinal);
            match self.voters(&seen, voters).await {
                // The leader may not have applied the version yet, or leads only since now.
                Err(Error::Refused(refused))
                    if passes(&refused) && self.clock.monotonic().saturating_sub(begun) < READY =>
                {
                    self.clock.sleep(super::LOOK).await;
                }
                settled => return settled,
            }
        }
    }
}

/// Sends a version to whichever node answers.
pub async fn succeed(
    connections: &Connections,
    successor: &Successor,
    clock: &impl Clock,
) -> Result<(), Error> {
    let request = v1::SucceedRequest {
        manifest: successor.note.bytes().to_vec().into(),
        files: successor.files.iter().cloned().map(Into::into).collect(),
    };
    let begun = clock.monotonic();
    loop {
        let answer = connections
            .any(|channel: Channel| {
                let request = request.clone();
                async move { ClusterClient::new(channel).succeed(request).await }
            })
            .await;
        match answer.map(|answer| answer.result) {
            Ok(Some(v1::succeed_response::Result::LeafIndex(_))) => return Ok(()),
            Ok(Some(v1::succeed_response::Result::Refused(refusal))) => {
                return Err(Error::Refused(connection::read_refusal(refusal)));
            }
            Ok(None) => return Err(Error::Empty),
            Err(error) if clock.monotonic().saturating_sub(begun) > LEAF => {
                return Err(error.into());
            }
            // An election may be under way; the same bytes again are the same leaf.
            Err(_) => clock.sleep(super::LOOK).await,
        }
    }
}

fn counts(manifest: &Manifest, id: &str) -> bool {
    manifest.nodes.iter().any(|line| line.id.as_str() == id)
}

fn is_not_activated(refused: &Refused) -> bool {
    refused.code == "not_activated"
}

/// Whether a refusal of the joint step may be over in a moment.
fn passes(refused: &Refused) -> bool {
    matches!(
        refused.code.as_str(),
        "not_leader" | "unknown" | "not_caught_up" | "no_node_line" | "still_counts"
    )
}
