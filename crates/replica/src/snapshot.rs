//! A snapshot on its way: an image's files as frames, and frames as a new image.
//!
//! ```text
//! stream = header, *( file, *chunk, file-end ), end
//! ```
//! The header carries the leader's vote (none where a snapshot was fetched), the position and the
//! membership; a file its name and length; its end the SHA-256 of its bytes; the end the number of
//! files. A frame out of order, a byte too many or too few, another hash: the whole is refused and
//! nothing of it stays.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures::stream::{self, BoxStream, Stream, StreamExt};
use sha2::{Digest, Sha256};

use proto::raft::{
    FileEnd, FileStart, SnapshotEnd, SnapshotFrame, SnapshotHeader, snapshot_frame::Frame,
};

use crate::config::Workplace;
use crate::error::Refused;
use crate::seams::{Image, ImageFile, Incoming, State};
use crate::types::{LogId, SnapshotMeta, Vote};
use crate::{membership, mutant, wire};

/// Bytes of a file in one frame. Large enough that framing costs nothing, small enough that a
/// frame is a fraction of a millisecond of a gigabit link.
pub(crate) const CHUNK_BYTES: usize = 128 * 1024;

/// Most bytes of a file that a frame may carry.
const MAX_CHUNK_BYTES: usize = 256 * 1024;

/// Most files in an image: far above what a state of 200,000 units compacts to.
const MAX_FILES: usize = 4096;

/// Most bytes in an image, against a sender that never ends.
const MAX_IMAGE_BYTES: u64 = 64 * 1024 * 1024 * 1024;

/// Where an error of the local disk is left for the caller of [`frames`], since a stream of
/// frames can only end.
pub(crate) type Failure = Arc<Mutex<Option<io::Error>>>;

/// The header of a snapshot of `meta`, from the leader that holds `vote` or for whoever asked.
pub(crate) fn header(vote: Option<&Vote>, meta: &SnapshotMeta) -> SnapshotHeader {
    SnapshotHeader {
        vote: vote.map(wire::vote_out),
        last_log_id: meta.last_log_id.map(wire::log_id_out),
        last_membership: Some(wire::stored_membership_out(&meta.last_membership)),
        snapshot_id: meta
            .last_log_id
            .map_or_else(|| "empty".to_owned(), |log_id| log_id.to_string()),
    }
}

/// The frames of `image`. The stream ends early, and `failure` is set, when the disk fails.
pub(crate) fn frames<I: Image>(
    header: SnapshotHeader,
    image: I,
    workplace: Workplace,
    failure: Failure,
) -> BoxStream<'static, SnapshotFrame> {
    let sending = Sending {
        image,
        workplace,
        stage: Stage::Header(header),
    };
    stream::unfold((sending, failure), |(mut sending, failure)| async move {
        match sending.next().await {
            Ok(Some(frame)) => Some((SnapshotFrame { frame: Some(frame) }, (sending, failure))),
            Ok(None) => None,
            Err(error) => {
                *failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                None
            }
        }
    })
    .boxed()
}

struct Sending<I> {
    image: I,
    workplace: Workplace,
    stage: Stage,
}

enum Stage {
    Header(SnapshotHeader),
    /// Between files; `sent` of them have gone.
    Between {
        files: std::vec::IntoIter<ImageFile>,
        sent: u32,
    },
    /// Within a file, of which `offset` bytes have gone.
    Within {
        file: ImageFile,
        offset: u64,
        hash: Sha256,
        files: std::vec::IntoIter<ImageFile>,
        sent: u32,
    },
    Done,
}

impl<I: Image> Sending<I> {
    async fn next(&mut self) -> io::Result<Option<Frame>> {
        match std::mem::replace(&mut self.stage, Stage::Done) {
            Stage::Done => Ok(None),
            Stage::Header(header) => {
                let image = self.image.clone();
                let files = self.workplace.run(move || image.files()).await?;
                self.stage = Stage::Between {
                    files: files.into_iter(),
                    sent: 0,
                };
                Ok(Some(Frame::Header(header)))
            }
            Stage::Between { mut files, sent } => {
                let Some(file) = files.next() else {
                    return Ok(Some(Frame::End(SnapshotEnd { files: sent })));
                };
                let frame = Frame::File(FileStart {
                    name: file.name.clone(),
                    size_bytes: file.bytes,
                });
                self.stage = Stage::Within {
                    file,
                    offset: 0,
                    hash: Sha256::new(),
                    files,
                    sent,
                };
                Ok(Some(frame))
            }
            Stage::Within {
                file,
                offset,
                mut hash,
                files,
                sent,
            } => {
                if offset == file.bytes {
                    self.stage = Stage::Between {
                        files,
                        sent: sent.saturating_add(1),
                    };
                    let sha256 = Bytes::copy_from_slice(&hash.finalize());
                    return Ok(Some(Frame::FileEnd(FileEnd { sha256 })));
                }
                let chunk = self.chunk(&file, offset).await?;
                hash.update(&chunk);
                let offset = offset.saturating_add(length(&chunk));
                self.stage = Stage::Within {
                    file,
                    offset,
                    hash,
                    files,
                    sent,
                };
                Ok(Some(Frame::Chunk(chunk)))
            }
        }
    }

    async fn chunk(&self, file: &ImageFile, offset: u64) -> io::Result<Bytes> {
        let left = file.bytes.saturating_sub(offset);
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(CHUNK_BYTES);
        let (image, name) = (self.image.clone(), file.name.clone());
        let chunk = self
            .workplace
            .run(move || image.read(&name, offset, wanted))
            .await?;
        if chunk.is_empty() || chunk.len() > wanted {
            let what = format!("file `{}` of the image is not as long as it was", file.name);
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, what));
        }
        Ok(chunk)
    }
}

fn length(chunk: &Bytes) -> u64 {
    u64::try_from(chunk.len()).unwrap_or(u64::MAX)
}

/// A snapshot received whole and checked, not yet installed.
#[derive(Debug)]
pub(crate) struct Received<H, I> {
    /// What the check has read in its header, beside the position.
    pub(crate) header: H,
    pub(crate) meta: SnapshotMeta,
    pub(crate) image: I,
}

/// Receives a snapshot whose frames are anybody's until they are checked; the header by `check`,
/// before anything is written.
pub(crate) async fn receive<S, H, E>(
    state: Arc<S>,
    workplace: Workplace,
    frames: impl Stream<Item = Result<SnapshotFrame, E>>,
    check: impl FnOnce(SnapshotHeader) -> Result<(H, SnapshotMeta), Refused>,
) -> Result<Received<H, S::Image>, Refused>
where
    S: State,
{
    let mut frames = std::pin::pin!(frames);
    let mut next = async || match frames.next().await {
        Some(Ok(SnapshotFrame { frame: Some(frame) })) => Ok(frame),
        Some(Ok(SnapshotFrame { frame: None })) => Err(Refused::Invalid("an empty frame")),
        Some(Err(_)) | None => Err(Refused::Invalid("the stream of frames broke off")),
    };
    let Frame::Header(header) = next().await? else {
        return Err(Refused::Invalid("a snapshot that begins without header"));
    };
    let (header, meta) = check(header)?;
    let incoming = on_disk(workplace, move || state.receive()).await?;
    let mut receiving = Receiving {
        incoming,
        names: BTreeSet::new(),
        bytes: 0,
        open: None,
    };
    loop {
        let frame = next().await?;
        let end = matches!(frame, Frame::End(_));
        receiving = on_disk(workplace, move || receiving.take(frame).map(|()| receiving)).await?;
        if end {
            break;
        }
    }
    let applied = wire::applied_to_bytes(&meta);
    let image = on_disk(workplace, move || {
        receiving.incoming.finish(applied).map_err(Failed::Disk)
    })
    .await?;
    Ok(Received {
        header,
        meta,
        image,
    })
}

/// Checks the header of a snapshot that node `from` sends as leader. openraft asserts, and so would
/// panic, on one that contradicts the vote or what is committed here; it is stopped at this door.
pub(crate) fn check_sent(
    header: SnapshotHeader,
    from: u64,
    committed: Option<LogId>,
) -> Result<(Vote, SnapshotMeta), Refused> {
    let vote = wire::vote_in(header.vote).map_err(unreadable)?;
    if !vote.committed || vote.leader_id.node_id != from {
        return Err(Refused::Invalid(
            "a snapshot from a node that does not lead",
        ));
    }
    let (last, meta) = position(header)?;
    if last.leader_id > vote.leader_id {
        return Err(Refused::Invalid("a snapshot ahead of its own leader"));
    }
    if let Some(committed) = committed
        && last > committed
        && last.index <= committed.index
    {
        return Err(Refused::Invalid(CONTRADICTS));
    }
    Ok((vote, meta))
}

/// Checks the header of a snapshot that was fetched and has to cover the log up to `reach`.
pub(crate) fn check_fetched(
    header: SnapshotHeader,
    reach: LogId,
) -> Result<(LogId, SnapshotMeta), Refused> {
    let (last, meta) = position(header)?;
    if last.index < reach.index {
        return Err(Refused::Invalid("a snapshot that ends before it is needed"));
    }
    // A committed entry has one leader, and those after it no earlier one.
    if last < reach || (last.index == reach.index && last != reach) {
        return Err(Refused::Invalid(CONTRADICTS));
    }
    Ok((last, meta))
}

const CONTRADICTS: &str = "a snapshot that contradicts committed entries";

fn unreadable(error: wire::Unreadable) -> Refused {
    Refused::Invalid(error.0)
}

/// The last entry that a snapshot covers, and the membership there.
fn position(header: SnapshotHeader) -> Result<(LogId, SnapshotMeta), Refused> {
    let last = header
        .last_log_id
        .ok_or(Refused::Invalid("a snapshot of nothing"))?;
    let last = wire::log_id_in(last).map_err(unreadable)?;
    let membership = wire::stored_membership_in(header.last_membership).map_err(unreadable)?;
    if *membership.log_id() > Some(last) {
        return Err(Refused::Invalid("a snapshot behind its own membership"));
    }
    if let Some(problem) = membership::problem_of_received(membership.membership()) {
        return Err(Refused::Invalid(problem));
    }
    let meta = SnapshotMeta {
        last_log_id: Some(last),
        last_membership: membership,
    };
    Ok((last, meta))
}

/// Why a frame was not taken.
enum Failed {
    Frame(&'static str),
    Disk(io::Error),
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        Self::Disk(error)
    }
}

async fn on_disk<T, E, F>(workplace: Workplace, work: F) -> Result<T, Refused>
where
    T: Send + 'static,
    E: Into<Failed> + 'static,
    F: FnOnce() -> Result<T, E> + Send + 'static,
{
    let done = workplace
        .run(move || Ok(work().map_err(|error| refusal(error.into()))))
        .await;
    done.unwrap_or_else(|error| Err(refusal(Failed::Disk(error))))
}

fn refusal(failed: Failed) -> Refused {
    match failed {
        Failed::Frame(what) => Refused::Invalid(what),
        Failed::Disk(error) => Refused::Storage(error.to_string()),
    }
}

struct Receiving<I> {
    incoming: I,
    names: BTreeSet<String>,
    bytes: u64,
    open: Option<Open>,
}

struct Open {
    /// Bytes still to come.
    left: u64,
    hash: Sha256,
}

impl<I: Incoming> Receiving<I> {
    fn take(&mut self, frame: Frame) -> Result<(), Failed> {
        match frame {
            Frame::Header(_) => Err(Failed::Frame("a second header")),
            Frame::File(file) => self.begin(file),
            Frame::Chunk(chunk) => self.write(&chunk),
            Frame::FileEnd(end) => self.close(&end),
            Frame::End(end) => self.end(end),
        }
    }

    fn begin(&mut self, file: FileStart) -> Result<(), Failed> {
        if self.open.is_some() {
            return Err(Failed::Frame("a file within a file"));
        }
        if !is_plain_name(&file.name) {
            return Err(Failed::Frame("a file name that is not plain"));
        }
        if self.names.len() >= MAX_FILES {
            return Err(Failed::Frame("too many files"));
        }
        self.bytes = self.bytes.saturating_add(file.size_bytes);
        if self.bytes > MAX_IMAGE_BYTES {
            return Err(Failed::Frame("too large a snapshot"));
        }
        self.incoming.create(&file.name)?;
        if !self.names.insert(file.name) {
            return Err(Failed::Frame("a file name twice"));
        }
        self.open = Some(Open {
            left: file.size_bytes,
            hash: Sha256::new(),
        });
        Ok(())
    }

    fn write(&mut self, chunk: &Bytes) -> Result<(), Failed> {
        let open = self
            .open
            .as_mut()
            .ok_or(Failed::Frame("bytes outside a file"))?;
        if chunk.is_empty() || chunk.len() > MAX_CHUNK_BYTES {
            return Err(Failed::Frame("a chunk of no bytes or of too many"));
        }
        open.left = open
            .left
            .checked_sub(length(chunk))
            .ok_or(Failed::Frame("a file longer than announced"))?;
        open.hash.update(chunk);
        Ok(self.incoming.write(chunk)?)
    }

    fn close(&mut self, end: &FileEnd) -> Result<(), Failed> {
        let open = self
            .open
            .take()
            .ok_or(Failed::Frame("the end of no file"))?;
        if open.left != 0 {
            return Err(Failed::Frame("a file shorter than announced"));
        }
        if open.hash.finalize()[..] != end.sha256[..] && !mutant::is("snapshot-without-hash") {
            return Err(Failed::Frame("a file whose hash is another"));
        }
        Ok(())
    }

    fn end(&mut self, end: SnapshotEnd) -> Result<(), Failed> {
        if self.open.is_some() {
            return Err(Failed::Frame("an end within a file"));
        }
        if usize::try_from(end.files) != Ok(self.names.len()) {
            return Err(Failed::Frame("another number of files than announced"));
        }
        Ok(())
    }
}

/// Whether a name can only mean a file directly in the directory it is created in.
fn is_plain_name(name: &str) -> bool {
    !name.starts_with('.')
        && (1..=100).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
}

#[cfg(test)]
mod tests;
