//! Evidence: what a node saw when two views of one log contradicted each other, kept as files for
//! people. Nothing reads them back; nothing here decides what follows.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use telemetry::Counter;

/// Files written at most by one run; whoever keeps contradicting must not fill the disk.
const MAX_FILES: u64 = 256;

/// The folder of evidence.
#[derive(Debug)]
pub(crate) struct Evidence {
    folder: PathBuf,
    written: AtomicU64,
    counted: Counter,
}

impl Evidence {
    pub(crate) fn new(folder: PathBuf, counted: Counter) -> Self {
        Self {
            folder,
            written: AtomicU64::new(0),
            counted,
        }
    }

    /// Keeps `text` durably as `<kind>-<about>.txt`, once. A failure is logged: what the caller
    /// does about the contradiction must not depend on a file.
    pub(crate) fn keep(&self, kind: &str, about: &str, text: &str) {
        let path = self.folder.join(format!("{kind}-{about}.txt"));
        if path.exists() || self.written.fetch_add(1, Ordering::Relaxed) >= MAX_FILES {
            return;
        }
        self.counted.increment();
        let kept = std::fs::create_dir_all(&self.folder)
            .map_err(|error| error.to_string())
            .and_then(|()| {
                store::write_durably(&path, text.as_bytes()).map_err(|error| error.to_string())
            });
        match kept {
            Ok(()) => tracing::error!(evidence = %path.display(), "two views of the log differ"),
            Err(error) => tracing::error!(error, text, "evidence could not be kept"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_contradiction_is_kept_once() {
        let folder = tempfile::tempdir().unwrap();
        let names = telemetry::Names {
            refusal_codes: &[],
            peers: &[],
            witnesses: &[],
            version: "0.0.0",
        };
        let metrics = telemetry::Metrics::new(names).unwrap();
        let evidence = Evidence::new(
            folder.path().join("evidence"),
            metrics.split_view_evidence.clone(),
        );
        for text in ["first", "second"] {
            evidence.keep("mismatch", "2-40", text);
        }
        let kept = std::fs::read_to_string(folder.path().join("evidence/mismatch-2-40.txt"));
        assert_eq!(kept.unwrap(), "first");
        assert_eq!(metrics.split_view_evidence.value(), 1);
    }
}
