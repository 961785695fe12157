//! A file of everything that consensus and the cosigner did here, one line of JSON an event, for a
//! check of the run afterwards. Off unless the configuration names one: it is for tests and for
//! whoever looks into an accident, and costs a write an event.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use replica::trace::Event;
use telemetry::Metrics;

use crate::clock::Clock;

/// An open trace.
#[derive(Debug)]
pub(crate) struct TraceFile {
    file: Mutex<File>,
    clock: Arc<dyn Clock>,
    node: u64,
    incarnation: u64,
}

/// What a line of a start contains.
const START: &str = r#""event":"started""#;

impl TraceFile {
    /// Opens the file, made if absent, to go on at its end. The starts that stand there already
    /// are counted: this one is the next.
    pub(crate) fn open(path: &Path, node: u64, clock: Arc<dyn Clock>) -> io::Result<Self> {
        let before = match std::fs::read_to_string(path) {
            Ok(text) => text.matches(START).count(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(error) => return Err(error),
        };
        let file = File::options().append(true).create(true).open(path)?;
        Ok(Self {
            file: Mutex::new(file),
            clock,
            node,
            incarnation: u64::try_from(before).unwrap_or(u64::MAX).saturating_add(1),
        })
    }

    fn write(&self, event: &Event) {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        // Under the lock, so that lines of one file never go back.
        let at = self.clock.since_epoch().as_micros();
        let at = u64::try_from(at).unwrap_or(u64::MAX);
        let mut line = event.line(at, self.node, self.incarnation);
        line.push('\n');
        if let Err(error) = file.write_all(line.as_bytes()) {
            tracing::warn!(%error, "an event is missing from the trace");
        }
    }
}

/// Passes the times of applying on to the metrics, and events to the trace if there is one.
#[derive(Debug)]
pub(crate) struct Witnessed {
    /// The metrics.
    pub(crate) metrics: Arc<Metrics>,
    /// The trace.
    pub(crate) trace: Option<TraceFile>,
}

impl replica::Observer for Witnessed {
    fn applied(&self, _entries: usize, took: Duration) {
        self.metrics.apply_duration.observe(took);
    }

    fn happened(&self, event: &Event) {
        if let Some(trace) = &self.trace {
            trace.write(event);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Still;

    impl Clock for Still {
        fn since_epoch(&self) -> Duration {
            Duration::from_micros(77)
        }
    }

    #[test]
    fn a_trace_goes_on_where_it_ended_and_counts_its_starts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trace.jsonl");
        for _ in 0..2 {
            let trace = TraceFile::open(&path, 2, Arc::new(Still)).unwrap();
            trace.write(&Event::Started {
                applied: None,
                last: Some(4),
            });
            trace.write(&Event::Leads { term: 3 });
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let last = text.lines().last();
        let expected = r#"{"at":77,"node":2,"incarnation":2,"event":"leads","term":3}"#;
        assert_eq!((text.lines().count(), last), (4, Some(expected)));
    }
}
