//! An open log: one task writes what is queued, with a virtual fsync a group.

use std::collections::VecDeque;
use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use replica::seams::{Bounds, Fact, Flushed, Log, Position, Record};
use tokio::sync::{Notify, oneshot};

use super::{Contents, SimDisk, Write};

struct Shared {
    disk: SimDisk,
    /// What is readable: everything that was queued.
    view: Mutex<Contents>,
    waiting: Mutex<VecDeque<(Write, Flushed)>>,
    work: Notify,
}

impl Shared {
    async fn write(self: Arc<Self>) {
        loop {
            self.work.notified().await;
            loop {
                let group: Vec<_> = self.waiting.lock().unwrap().drain(..).collect();
                if group.is_empty() {
                    break;
                }
                let fsync = {
                    let mut platter = self.disk.lock();
                    platter
                        .queued
                        .extend(group.iter().map(|(write, _)| write.clone()));
                    let Range { start, end } = platter.fsync_micros;
                    let fsync = start + platter.luck.below(end.saturating_sub(start));
                    platter.slow += u64::from(platter.slowness > 1);
                    fsync * platter.slowness
                };
                tokio::time::sleep(Duration::from_micros(fsync)).await;
                let fails = {
                    let mut platter = self.disk.lock();
                    platter.failed += u64::from(platter.failing);
                    platter.failing
                };
                if fails {
                    for (_, done) in group {
                        done(Err(io::Error::other("the disk failed")));
                    }
                    continue;
                }
                {
                    let mut platter = self.disk.lock();
                    let queued = std::mem::take(&mut platter.queued);
                    for write in &queued {
                        platter.take(write);
                    }
                }
                for (_, done) in group {
                    done(Ok(()));
                }
            }
        }
    }

    fn queue(&self, write: Write, done: Flushed) {
        self.view.lock().unwrap().take(&write);
        self.waiting.lock().unwrap().push_back((write, done));
        self.work.notify_one();
    }

    async fn written(&self, write: Write) -> io::Result<()> {
        let (told, ended) = oneshot::channel();
        let done = Box::new(move |result| {
            let _ = told.send(result);
        });
        self.queue(write, done);
        ended.await.map_err(io::Error::other)?
    }
}

/// An open log.
pub struct SimLog {
    shared: Arc<Shared>,
    writer: tokio::task::JoinHandle<()>,
}

impl SimLog {
    pub(super) fn open(disk: SimDisk) -> Self {
        let contents = disk.lock().log.clone();
        let shared = Arc::new(Shared {
            disk,
            view: Mutex::new(contents),
            waiting: Mutex::new(VecDeque::new()),
            work: Notify::new(),
        });
        let writer = tokio::spawn(Arc::clone(&shared).write());
        Self { shared, writer }
    }
}

impl Drop for SimLog {
    fn drop(&mut self) {
        self.writer.abort();
    }
}

impl Log for SimLog {
    fn bounds(&self) -> io::Result<Bounds> {
        let view = self.shared.view.lock().unwrap();
        Ok(Bounds {
            purged: view.purged.as_ref().map(|(_, label)| label.clone()),
            last: view
                .records
                .last_key_value()
                .map(|(_, record)| record.position),
        })
    }

    fn append(&self, records: Vec<Record>, done: Flushed) {
        self.shared.queue(Write::Append(records), done);
    }

    async fn truncate_after(&self, after: Option<u64>) -> io::Result<()> {
        self.shared.written(Write::Truncate(after)).await
    }

    async fn purge_to(&self, to: Position, label: Bytes) -> io::Result<()> {
        self.shared.written(Write::Purge(to, label)).await
    }

    async fn read(&self, range: Range<u64>, max_bytes: usize) -> io::Result<Vec<Record>> {
        let view = self.shared.view.lock().unwrap();
        let mut bytes = 0;
        let mut records = Vec::new();
        for (_, record) in view.records.range(range) {
            if bytes >= max_bytes && !records.is_empty() {
                break;
            }
            bytes += record.bytes.len();
            records.push(record.clone());
        }
        Ok(records)
    }

    async fn save(&self, fact: Fact, value: Bytes) -> io::Result<()> {
        self.shared.written(Write::Fact(fact, value)).await
    }

    fn note(&self, fact: Fact, value: Bytes) {
        self.shared
            .queue(Write::Fact(fact, value), Box::new(|_| {}));
    }

    fn fact(&self, fact: Fact) -> io::Result<Option<Bytes>> {
        Ok(self.shared.view.lock().unwrap().facts.get(&fact).cloned())
    }

    fn torn(&self) -> bool {
        self.shared.disk.is_torn()
    }

    async fn mended(&self) -> io::Result<()> {
        self.shared.disk.lock().torn = false;
        Ok(())
    }
}
