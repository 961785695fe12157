//! Whether this node's log was recovered under another origin. Then whatever it would sign or
//! accept could only be part of a second history, so it does neither, for good.

use std::sync::atomic::{AtomicBool, Ordering};

use store::DurableFile;

/// The mark of a log that is over.
#[derive(Debug)]
pub(crate) struct Retired {
    file: DurableFile,
    is: AtomicBool,
}

impl Retired {
    /// Reads what was decided for this directory.
    pub(crate) fn open(file: DurableFile) -> Result<Self, store::Error> {
        let is = AtomicBool::new(file.read_sealed()?.is_some());
        Ok(Self { file, is })
    }

    /// Whether the log is over.
    pub(crate) fn is(&self) -> bool {
        self.is.load(Ordering::Acquire)
    }

    /// The log goes on elsewhere; `sentence` says where. It holds from now on, also if it cannot be
    /// kept on disk.
    pub(crate) fn retire(&self, sentence: &str) -> Result<(), store::Error> {
        self.is.store(true, Ordering::Release);
        self.file.replace_sealed(&format!("{sentence}\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retired_log_stays_retired_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Retired::open(DurableFile::new(folder.path().join("retired"))).unwrap();
        assert!(!open().is());
        open().retire("it goes on as tally.example/r2").unwrap();
        assert!(open().is());
    }
}
