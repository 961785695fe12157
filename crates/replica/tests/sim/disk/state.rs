//! An open state: written at once, synced when asked.

use std::io;
use std::ops::ControlFlow;
use std::sync::Mutex;

use bytes::Bytes;
use ledger::{Changes, Fault, Memory, Table, Tables};
use replica::seams::State;

use super::image::{SimImage, SimIncoming};
use super::{Rows, SimDisk};

/// An open state.
pub struct SimState {
    view: Mutex<Rows>,
    disk: SimDisk,
}

impl SimState {
    pub(super) fn open(disk: SimDisk) -> Self {
        let view = Mutex::new(disk.lock().state.clone());
        Self { view, disk }
    }

    /// All its rows.
    pub fn rows(&self) -> Memory {
        self.view.lock().unwrap().memory.clone()
    }
}

impl Tables for SimState {
    fn read(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        self.view.lock().unwrap().memory.read(table, key)
    }

    fn scan(
        &self,
        table: Table,
        prefix: &[u8],
        visit: &mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<(), Fault> {
        self.view.lock().unwrap().memory.scan(table, prefix, visit)
    }
}

impl State for SimState {
    type Image = SimImage;
    type Incoming = SimIncoming;

    fn applied(&self) -> io::Result<Option<Bytes>> {
        Ok(self.view.lock().unwrap().applied.clone())
    }

    fn commit(&self, changes: Changes, applied: Bytes) -> io::Result<()> {
        let commit = (changes, applied);
        self.view.lock().unwrap().take(&commit);
        self.disk.lock().unsynced.push(commit);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut platter = self.disk.lock();
        let unsynced = std::mem::take(&mut platter.unsynced);
        for commit in &unsynced {
            platter.state.take(commit);
        }
        Ok(())
    }

    fn freeze(&self) -> io::Result<SimImage> {
        // A database is flushed when it is copied, and the log may be purged for that.
        self.sync()?;
        let view = self.view.lock().unwrap();
        let image = SimImage::of(&view);
        self.disk.lock().image = Some(image.clone());
        Ok(image)
    }

    fn image(&self) -> io::Result<Option<SimImage>> {
        Ok(self.disk.lock().image.clone())
    }

    fn receive(&self) -> io::Result<SimIncoming> {
        Ok(SimIncoming { files: Vec::new() })
    }

    fn install(&self, image: SimImage) -> io::Result<()> {
        let rows = image.rows()?;
        let mut platter = self.disk.lock();
        platter.unsynced.clear();
        platter.state = rows.clone();
        platter.image = Some(image);
        platter.installed += 1;
        platter.lacking = None;
        *self.view.lock().unwrap() = rows;
        Ok(())
    }
}
