//! A state that came from another node is not signed for until it is shown to hold together.
//!
//! A snapshot replaces the whole database. What this node then computes roots from is what the
//! sender had, right or wrong; so before the next cosignature the leaves are replayed through the
//! ledger's own rules and compared with every table, and the root is compared with the newest
//! published checkpoint. The state that has no leaves is compared with the other nodes' by the
//! gossip.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use ledger::View;
use note::SignedCheckpoint;
use replica::rocks::RocksState;
use store::StateDb;

/// Which database was vetted last.
#[derive(Debug)]
pub(crate) struct Vetted(Mutex<Weak<StateDb>>);

impl Vetted {
    /// The state as it is now has been checked.
    pub(crate) fn new(state: &RocksState) -> Self {
        Self(Mutex::new(Arc::downgrade(&state.database())))
    }

    /// Checks the state unless it is the one checked before; the reason if it is not to be
    /// trusted. Takes as long as a start does, once for each snapshot.
    pub(crate) fn check(
        &self,
        state: &RocksState,
        published: Option<&SignedCheckpoint>,
    ) -> Result<(), String> {
        let current = Arc::downgrade(&state.database());
        let mut vetted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if vetted.ptr_eq(&current) {
            return Ok(());
        }
        tracing::info!("checking a state that came as a snapshot");
        state.read_at_once(|tables| {
            ledger::check(tables).map_err(|broken| broken.to_string())?;
            let Some(published) = published.map(SignedCheckpoint::checkpoint) else {
                return Ok(());
            };
            let view = View::new(tables);
            let size = view.tree_size().map_err(|fault| fault.to_string())?;
            let root = if published.size <= size {
                view.root_at(published.size)
                    .map_err(|fault| fault.to_string())?
            } else {
                None
            };
            match root {
                Some(root) if root != published.root => Err(format!(
                    "its root at size {} is not the published one",
                    published.size
                )),
                Some(_) | None => Ok(()),
            }
        })?;
        *vetted = current;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use bytes::Bytes;
    use ledger::{Changes, Command, Row, Table, UnixMillis};
    use merkle::{EMPTY_ROOT, TreeSize};
    use replica::seams::{Image, Incoming, State};
    use store::DataDir;
    use testkit::Fixture;

    use super::*;

    fn open(folder: &Path) -> RocksState {
        RocksState::open(&DataDir::lock(folder).unwrap()).unwrap()
    }

    /// A state with the manifest and one report, and `more` done to it.
    fn sender(folder: &Path, fixture: &Fixture, more: Vec<Row>) -> RocksState {
        let state = open(folder);
        let report = fixture.submission(&fixture.night.reports[0]);
        let now = UnixMillis::new(1);
        for command in [
            Command::manifest(now, fixture.manifest.bytes(), fixture.files.clone()),
            Command::note(now, report.bytes()),
        ] {
            let (_outcome, changes) = ledger::apply(&state, &command).unwrap();
            state.commit(changes, Bytes::from_static(b"1")).unwrap();
        }
        state
            .commit(Changes { rows: more }, Bytes::from_static(b"2"))
            .unwrap();
        state
    }

    fn send(from: &RocksState, to: &RocksState) {
        let image = from.freeze().unwrap();
        let mut incoming = to.receive().unwrap();
        for file in image.files().unwrap() {
            incoming.create(&file.name).unwrap();
            let length = usize::try_from(file.bytes).unwrap();
            incoming
                .write(&image.read(&file.name, 0, length).unwrap())
                .unwrap();
        }
        to.install(incoming.finish(image.applied().unwrap()).unwrap())
            .unwrap();
    }

    /// Sends a state to an empty node; what that node says of it before it signs.
    fn verdict(
        more: Vec<Row>,
        published: impl Fn(&Fixture) -> Option<SignedCheckpoint>,
    ) -> Result<(), String> {
        let fixture = Fixture::small();
        let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let receiver = open(here.path());
        let vetted = Vetted::new(&receiver);
        send(&sender(there.path(), &fixture, more), &receiver);
        let verdict = vetted.check(&receiver, published(&fixture).as_ref());
        // Once checked, it is not checked again.
        assert!(verdict.is_err() || vetted.check(&receiver, None).is_ok());
        verdict
    }

    #[test]
    fn a_sound_snapshot_is_believed() {
        verdict(Vec::new(), |_| None).unwrap();
    }

    #[test]
    fn a_snapshot_with_a_total_that_the_leaves_do_not_give_is_not() {
        let key = Fixture::small()
            .content
            .header
            .election
            .to_string()
            .into_bytes();
        for table in [Table::CountyTotal, Table::UnitSheet, Table::Voucher] {
            let row = Row {
                table,
                key: key.clone(),
                value: Some(vec![1]),
            };
            verdict(vec![row], |_| None).unwrap_err();
        }
    }

    #[test]
    fn a_snapshot_with_another_root_than_the_published_one_is_not() {
        let published =
            |fixture: &Fixture| Some(fixture.checkpoint(TreeSize::new(2), EMPTY_ROOT, &[1, 2]));
        let reason = verdict(Vec::new(), published).unwrap_err();
        assert_eq!(reason, "its root at size 2 is not the published one");
    }
}
