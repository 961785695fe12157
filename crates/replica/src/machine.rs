//! The state machine: decode, let the ledger judge, write, then answer.
//!
//! There are no rules here and no effects. A step takes a chunk of committed entries, lays the
//! changes of each over the state so that the next one sees them, and writes the lot, together
//! with the position, in one commit. Only then is anybody told.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures::{Stream, StreamExt};
use openraft::storage::{ApplyResponder, EntryResponder, RaftSnapshotBuilder, RaftStateMachine};
use tokio::time::Instant;

use ledger::{Overlay, Tables, View};

use crate::codec;
use crate::config::{Observer, ReplicaConfig, Workplace};
use crate::gate::{Gate, Progress};
use crate::mutant;
use crate::seams::{Image, State};
use crate::trace::Event;
use crate::types::{
    Entry, LogId, Payload, Reply, Snapshot, SnapshotMeta, StoredMembership, TypeConfig,
};
use crate::wire;

/// openraft's state machine over the [`State`] seam.
#[derive(Debug)]
pub(crate) struct Machine<S> {
    state: Arc<S>,
    gate: Arc<Gate>,
    workplace: Workplace,
    observer: Arc<dyn Observer>,
    /// Most entries in one step.
    step: usize,
}

/// What one step did.
struct Step {
    replies: Vec<Reply>,
    /// Log index and tree size after each entry.
    sizes: Vec<(u64, u64)>,
}

impl<S: State> Machine<S> {
    pub(crate) fn new(state: Arc<S>, gate: Arc<Gate>, config: &ReplicaConfig) -> Self {
        Self {
            state,
            gate,
            workplace: config.workplace,
            observer: Arc::clone(&config.observer),
            step: config.apply_entries.max(1),
        }
    }

    async fn step(&self, chunk: Vec<EntryResponder<TypeConfig>>) -> io::Result<()> {
        let (entries, responders): (Vec<Entry>, Vec<Option<ApplyResponder<TypeConfig>>>) =
            chunk.into_iter().unzip();
        let started = Instant::now();
        let count = entries.len();
        let state = Arc::clone(&self.state);
        let step = self.workplace.run(move || apply(&*state, entries)).await?;
        // The state holds the whole step from here on. If we crash before answering, the client
        // asks again with the same bytes and is told of the same leaf.
        self.gate.applied(&step.sizes);
        let last = step.sizes.last().copied();
        if let Some((index, size)) = last {
            self.observer.happened(&Event::Applied { index, size });
        }
        let mut answered = false;
        for (responder, reply) in responders.into_iter().zip(step.replies) {
            if let Some(responder) = responder {
                responder.send(reply);
                answered = true;
            }
        }
        if let (true, Some((index, _))) = (answered, last) {
            self.observer.happened(&Event::Answered { index });
        }
        self.observer.applied(count, started.elapsed());
        Ok(())
    }
}

/// Applies `entries` in order and commits them in one step.
fn apply<S: State>(state: &S, entries: Vec<Entry>) -> io::Result<Step> {
    let mut applied = position(state)?;
    let mut overlay = Overlay::new(state);
    let mut replies = Vec::with_capacity(entries.len());
    let mut sizes = Vec::with_capacity(entries.len());
    for Entry { log_id, payload } in entries {
        replies.push(match payload {
            Payload::Blank => Reply::Nothing,
            Payload::Membership(membership) => {
                applied.last_membership = StoredMembership::new(Some(log_id), membership);
                Reply::Nothing
            }
            Payload::Normal(bytes) => {
                // A command this version cannot read stops the node: to skip it would be to have
                // another state than those who can.
                let command = codec::decode(bytes.0).map_err(io::Error::other)?;
                let command = retimed(command);
                let (outcome, changes) =
                    ledger::apply(&overlay, &command).map_err(io::Error::other)?;
                overlay.absorb(remembered(changes));
                Reply::Outcome(outcome)
            }
        });
        applied.last_log_id = Some(log_id);
        sizes.push((log_id.index, tree_size(&overlay)?));
    }
    let changes = overlay.into_changes();
    state.commit(changes, wire::applied_to_bytes(&applied))?;
    Ok(Step { replies, sizes })
}

/// The changes as they are, but for the mutant that does not remember which texts are leaves.
fn remembered(mut changes: ledger::Changes) -> ledger::Changes {
    if mutant::is("dedupe-off") {
        changes.rows.retain(|row| row.table != ledger::Table::Text);
    }
    changes
}

/// The command as it is, but for the mutant whose nodes each ask their own clock.
#[cfg(not(debug_assertions))]
const fn retimed(command: ledger::Command) -> ledger::Command {
    command
}

#[cfg(debug_assertions)]
#[expect(
    clippy::disallowed_methods,
    reason = "the very defect that this mutant has"
)]
fn retimed(mut command: ledger::Command) -> ledger::Command {
    if mutant::is("system-time-in-apply") {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let nanos = since.map_or(0, |since| u64::from(since.subsec_nanos()));
        command.at = ledger::UnixMillis::new(nanos);
    }
    command
}

/// Up to where `state` has applied the log, and the membership in force there.
pub(crate) fn position<S: State>(state: &S) -> io::Result<SnapshotMeta> {
    read_position(state.applied()?)
}

fn read_position(label: Option<Bytes>) -> io::Result<SnapshotMeta> {
    let Some(bytes) = label else {
        return Ok(SnapshotMeta::default());
    };
    wire::applied_from_bytes(bytes).map_err(|unreadable| {
        io::Error::new(
            io::ErrorKind::InvalidData,
            format!("the state's own position: {unreadable}"),
        )
    })
}

/// Position and tree size of `state`.
pub(crate) fn progress<S: State>(state: &S) -> io::Result<Progress> {
    let applied = position(state)?;
    Ok(Progress {
        log_index: applied.last_log_id.map(|log_id| log_id.index),
        tree_size: tree_size(state)?,
    })
}

fn tree_size(tables: &impl Tables) -> io::Result<u64> {
    let size = View::new(tables).tree_size().map_err(io::Error::other)?;
    Ok(size.get())
}

fn snapshot_of<I: Image>(image: I) -> io::Result<Snapshot<I>> {
    Ok(Snapshot {
        meta: read_position(image.applied())?,
        snapshot: image,
    })
}

impl<S: State> RaftStateMachine<TypeConfig> for Machine<S> {
    type SnapshotData = S::Image;
    type SnapshotBuilder = Builder<S>;

    async fn applied_state(&mut self) -> io::Result<(Option<LogId>, StoredMembership)> {
        let applied = position(&*self.state)?;
        Ok((applied.last_log_id, applied.last_membership))
    }

    async fn apply<Strm>(&mut self, entries: Strm) -> io::Result<()>
    where
        Strm: Stream<Item = io::Result<EntryResponder<TypeConfig>>> + Unpin + Send,
    {
        let mut chunks = entries.ready_chunks(self.step);
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.into_iter().collect::<io::Result<Vec<_>>>()?;
            self.step(chunk).await?;
        }
        Ok(())
    }

    async fn get_snapshot_builder(&mut self) -> Builder<S> {
        Builder {
            state: Arc::clone(&self.state),
            workplace: self.workplace,
            observer: Arc::clone(&self.observer),
        }
    }

    async fn install_snapshot(&mut self, _meta: &SnapshotMeta, image: S::Image) -> io::Result<()> {
        // `image.applied()` is what `_meta` was read from: a received image is checked against it
        // before openraft hears of it.
        let state = Arc::clone(&self.state);
        let progress = self
            .workplace
            .run(move || {
                state.install(image)?;
                progress(&*state)
            })
            .await?;
        self.gate.installed(progress);
        if let Some(index) = progress.log_index {
            self.observer.happened(&Event::Installed {
                index,
                size: progress.tree_size,
            });
        }
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> io::Result<Option<Snapshot<S::Image>>> {
        let state = Arc::clone(&self.state);
        let image = self.workplace.run(move || state.image()).await?;
        image.map(snapshot_of).transpose()
    }
}

/// Makes a snapshot while applying goes on.
#[derive(Debug)]
pub(crate) struct Builder<S> {
    state: Arc<S>,
    workplace: Workplace,
    observer: Arc<dyn Observer>,
}

impl<S: State> RaftSnapshotBuilder<TypeConfig> for Builder<S> {
    type SnapshotData = S::Image;

    async fn build_snapshot(&mut self) -> io::Result<Snapshot<S::Image>> {
        let state = Arc::clone(&self.state);
        let image = self.workplace.run(move || state.freeze()).await?;
        let snapshot = snapshot_of(image)?;
        if let Some(last) = snapshot.meta.last_log_id {
            self.observer
                .happened(&Event::Snapshot { index: last.index });
        }
        Ok(snapshot)
    }
}
