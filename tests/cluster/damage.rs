//! The disk alters what was written to it. One node's directory is damaged in every way and every place
//! while the other two go on: the node refuses by name, or serves what is right; never anything else.
//!
//! ```text
//! the log, its mark, the identity, cosigner.state    refused, 78: a node that forgot must not vote
//! keys, certificates, configuration                  refused, 64
//! the state, its pointer                             set aside, and made again from the log; where that
//!                                                    has dropped its beginning, from another member
//! RocksDB's own IDENTITY, snapshots, an older mark   no matter: nothing is decided by them
//! checkpoints.log                                    what is damaged is cut off; the others have it
//! ```
//! Files of a snapshot on the wire are held against their hashes in the tests of `replica`; an old copy of
//! the whole directory is the business of the membership tests.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tests::figures::Figures;
use tests::stage::Stage;

use super::identity::copy;

/// What is done to a file, or to the newest file with an ending.
#[derive(Debug, Clone, Copy)]
enum Harm {
    /// One bit in the middle.
    Flip,
    /// One bit 40 bytes before the end.
    FlipLast,
    /// A page of zeros in the middle, or all of a smaller file.
    Zero,
    /// The second half is gone.
    Cut,
    /// Two pages in the middle change places; halves of a file that has no three pages.
    Swap,
    Delete,
}

impl Harm {
    fn inflict(self, file: &Path) {
        const PAGE: usize = 4096;
        let mut bytes = fs::read(file).unwrap();
        let (length, middle) = (bytes.len(), bytes.len() / 2);
        match self {
            Harm::Flip => bytes[middle] ^= 0x10,
            Harm::FlipLast => bytes[length - 40.min(length)] ^= 0x10,
            Harm::Zero => {
                let start = middle.saturating_sub(PAGE / 2);
                let end = (start + PAGE).min(length);
                bytes[start..end].fill(0);
            }
            Harm::Cut => bytes.truncate(middle),
            Harm::Swap => {
                let size = if length >= 3 * PAGE { PAGE } else { middle };
                let (one, two) = bytes.split_at_mut(size);
                one.swap_with_slice(&mut two[..size]);
            }
            Harm::Delete => return fs::remove_file(file).unwrap(),
        }
        fs::write(file, bytes).unwrap();
    }
}

/// How the node is to react.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reaction {
    /// It ends with this code and one sentence.
    Refuses(i32),
    /// It starts and holds the tree that the others hold.
    Starts,
    /// It sets its state aside, makes it again, and holds the tree that the others hold.
    Rebuilds,
    /// It refuses or starts with the right tree: which of the two depends on what the byte was.
    NeverWrong,
}
use Reaction::{NeverWrong, Rebuilds, Refuses, Starts};

/// Node 1's directory, and two ways in which its log lies on the disk.
struct Bench {
    stage: Stage,
    folder: PathBuf,
    size: u64,
    rows: usize,
    refused: usize,
    rebuilt: usize,
}

impl Bench {
    async fn set_up() -> Bench {
        Self::set_up_with("").await
    }

    /// With these lines at the end of every node's configuration.
    async fn set_up_with(lines: &str) -> Bench {
        const REPORTS: u64 = 12;
        let stage = Stage::prepare(2 * REPORTS, 3).unwrap();
        stage.configure(lines).unwrap();
        let stage = stage.run().await.unwrap();
        for n in 0..12 {
            stage.report(n).await.unwrap();
        }
        let size = REPORTS + 1;
        stage.cluster.settled(size).await.unwrap();
        stage.cluster.stop(1).await.unwrap();
        let folder = stage.cluster.folder(1).unwrap();
        Bench {
            stage,
            folder,
            size,
            rows: 0,
            refused: 0,
            rebuilt: 0,
        }
    }

    /// Records a report while the node runs, and stops it again.
    async fn record_one_more(&mut self) {
        self.record(12..13).await;
    }

    /// Records the reports of these units so.
    async fn record(&mut self, units: Range<usize>) {
        assert!(matches!(self.start().await, Serves));
        for n in units {
            self.stage.report(n).await.unwrap();
            self.size += 1;
        }
        self.stage.cluster.settled(self.size).await.unwrap();
        self.stage.cluster.stop(1).await.unwrap();
    }

    fn keep(&self, name: &str) -> PathBuf {
        let kept = self.stage.folder().join(name);
        copy(&self.folder, &kept);
        kept
    }

    fn put_back(&self, kept: &Path) {
        fs::remove_dir_all(&self.folder).unwrap();
        copy(kept, &self.folder);
    }

    /// The directory is put back, harmed, and the node started on it.
    async fn row(&mut self, kept: &Path, what: &str, harm: impl FnOnce(&Path), expected: Reaction) {
        self.put_back(kept);
        harm(&self.folder);
        self.rows += 1;
        let said = self.start().await;
        match (expected, &said) {
            (Refuses(expected), Ended(code, said)) => {
                assert_eq!((*code, said.len()), (expected, 1), "{what}: {said:?}");
                self.refused += 1;
            }
            (NeverWrong, Ended(code, said)) => {
                assert_eq!((*code, said.len()), (78, 1), "{what}: {said:?}");
                self.refused += 1;
            }
            (Starts | Rebuilds | NeverWrong, Serves) => {
                let aside = self.folder.join("data/damaged/1").is_dir();
                let asked = expected == NeverWrong || aside == (expected == Rebuilds);
                assert!(asked, "{what}: set aside {aside}");
                if aside {
                    self.rebuilt += 1;
                    self.tells_of_it(what).await;
                }
                self.stage.cluster.kill(1).await.unwrap();
            }
            (_, _) => panic!("{what}: {expected:?} was expected, the node {said:?}"),
        }
    }

    /// A row after which the node says that it fetched a snapshot.
    async fn fetched_row(
        &mut self,
        kept: &Path,
        what: &str,
        harm: impl FnOnce(&Path),
        expected: Reaction,
    ) {
        self.row(kept, what, harm, expected).await;
        self.told("a snapshot was fetched", 1).await;
    }

    /// Waits until node 1 has said this so often since its folder was put back.
    async fn told(&self, words: &str, often: usize) {
        let log = self.folder.join("node.log");
        let kept = self.stage.folder().join("kept/node.log");
        let before = fs::read_to_string(kept).unwrap().matches(words).count();
        let told = async || {
            let printed = fs::read_to_string(&log).unwrap_or_default();
            (printed.matches(words).count() >= before + often).then_some(())
        };
        let cluster = &self.stage.cluster;
        let told = cluster.wait(words, Duration::from_secs(30), told).await;
        told.unwrap();
    }

    /// Starts node 1 and waits until it has the others' tree or has ended.
    async fn start(&mut self) -> End {
        let log = self.folder.join("node.log");
        let before = fs::read_to_string(&log).unwrap_or_default().len();
        self.stage.cluster.start_node(1).unwrap();
        let size = self.size;
        let ended = || {
            let printed = fs::read_to_string(&log).unwrap_or_default();
            let lines = printed.get(before..).unwrap_or_default().lines();
            let said: Vec<String> = lines
                .filter(|line| line.starts_with("tally-node: "))
                .map(str::to_owned)
                .collect();
            (!said.is_empty()).then_some(said)
        };
        let cluster = &self.stage.cluster;
        let happened = cluster.wait(
            "node 1 to serve or end",
            Duration::from_secs(30),
            async || {
                if let Some(said) = ended() {
                    return Some(Some(said));
                }
                let statuses = cluster.statuses().await;
                let [Some(one), Some(other), ..] = statuses.as_slice() else {
                    return None;
                };
                let same = one.tree_size >= size
                    && (&one.root, &one.leaf_digest) == (&other.root, &other.leaf_digest);
                same.then_some(None)
            },
        );
        let happened = happened.await.unwrap();
        match happened {
            None => Serves,
            Some(said) => {
                let (status, _) = self.stage.cluster.ended(1).await.unwrap();
                Ended(status.code().unwrap(), said)
            }
        }
    }

    fn figures(&self, scenario: &'static str) {
        Figures::of(scenario)
            .count("rows", self.rows)
            .count("refused", self.refused)
            .count("rebuilt", self.rebuilt)
            .print();
    }

    /// The metric that an alert asks for.
    async fn tells_of_it(&self, what: &str) {
        let operations = self.stage.cluster.operations(1).unwrap();
        let (_, metrics) = super::doors::get(operations, "/metrics").await.unwrap();
        assert!(metrics.contains("\ntally_states_set_aside 1"), "{what}");
    }
}

/// How a start came out.
#[derive(Debug)]
enum End {
    Serves,
    Ended(i32, Vec<String>),
}
use End::{Ended, Serves};

/// The largest file with this ending, or of this beginning, in a folder of the data directory.
fn file_in(node: &Path, folder: &str, part: &str) -> PathBuf {
    let folder = node.join("data").join(folder);
    fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            let name = path.file_name().unwrap().to_str().unwrap();
            name.ends_with(part) || name.starts_with(part)
        })
        .max_by_key(|path| path.metadata().unwrap().len())
        .unwrap_or_else(|| panic!("no `{part}` in `{}`", folder.display()))
}

fn state_folder(node: &Path) -> String {
    let folder = fs::read_dir(node.join("data/state")).unwrap();
    let names = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    format!("state/{}", names.max().unwrap())
}

/// Every harm to the log refuses the node, whether the entries lie in a write-ahead log or in tables.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_log_or_mark_is_refused() {
    let mut bench = Bench::set_up().await;
    let fresh = bench.keep("fresh");
    // An entry more, and the first copy's log is an older one.
    bench.record_one_more().await;
    // Opening has moved what the first run wrote into a table; what came after is in the log.
    let kept = bench.keep("kept");

    for harm in [
        Harm::Flip,
        Harm::FlipLast,
        Harm::Zero,
        Harm::Cut,
        Harm::Delete,
    ] {
        let what = format!("write-ahead log, {harm:?}");
        let inflict = |node: &Path| harm.inflict(&file_in(node, "log", ".log"));
        bench.row(&kept, &what, inflict, Refuses(78)).await;
    }
    for harm in [Harm::Flip, Harm::Zero, Harm::Cut, Harm::Swap, Harm::Delete] {
        let what = format!("table of the log, {harm:?}");
        let inflict = |node: &Path| harm.inflict(&file_in(node, "log", ".sst"));
        bench.row(&kept, &what, inflict, Refuses(78)).await;
    }
    for (file, harms) in [
        ("MANIFEST-", [Harm::Flip, Harm::Cut, Harm::Delete]),
        ("CURRENT", [Harm::Flip, Harm::Cut, Harm::Delete]),
    ] {
        for harm in harms {
            let what = format!("{file} of the log, {harm:?}");
            let inflict = |node: &Path| harm.inflict(&file_in(node, "log", file));
            bench.row(&kept, &what, inflict, Refuses(78)).await;
        }
    }
    let older = |node: &Path| {
        fs::remove_dir_all(node.join("data/log")).unwrap();
        copy(&fresh.join("data/log"), &node.join("data/log"));
    };
    bench.row(&kept, "an older log", older, Refuses(78)).await;
    let inflict = |node: &Path| fs::remove_file(file_in(node, "log", "IDENTITY")).unwrap();
    bench
        .row(&kept, "IDENTITY of the log", inflict, Starts)
        .await;
    small_files(&mut bench, &kept, &fresh).await;

    // The others went on meanwhile, and the directory as it was is taken back.
    bench.stage.report(13).await.unwrap();
    bench.put_back(&kept);
    bench.stage.cluster.start_node(1).unwrap();
    bench.stage.cluster.settled(bench.size + 1).await.unwrap();
    bench.figures("damage to the log and small files");
}

/// What lies beside the databases.
async fn small_files(bench: &mut Bench, kept: &Path, fresh: &Path) {
    for file in ["log.mark", "identity", "cosigner.state"] {
        for harm in [Harm::Flip, Harm::Zero, Harm::Cut, Harm::Delete] {
            let what = format!("{file}, {harm:?}");
            let inflict = |node: &Path| harm.inflict(&node.join("data").join(file));
            bench.row(kept, &what, inflict, Refuses(78)).await;
        }
    }
    // A mark is a lower bound, so an older one says less and nothing wrong.
    let inflict = |node: &Path| {
        let mark = "data/log.mark";
        fs::copy(fresh.join(mark), node.join(mark)).unwrap();
    };
    bench.row(kept, "an older mark", inflict, Starts).await;
    // What is published is checked when it is read, and the others have it.
    for harm in [Harm::Flip, Harm::Cut, Harm::Delete] {
        let what = format!("checkpoints.log, {harm:?}");
        let inflict = |node: &Path| harm.inflict(&node.join("data/checkpoints.log"));
        bench.row(kept, &what, inflict, Starts).await;
    }
    for file in ["log.key", "cosigner.key", "node.toml"] {
        for harm in [Harm::Zero, Harm::Cut, Harm::Delete] {
            let what = format!("{file}, {harm:?}");
            let inflict = |node: &Path| harm.inflict(&node.join(file));
            bench.row(kept, &what, inflict, Refuses(64)).await;
        }
    }
}

/// Every harm to the state is mended from the log, with the damaged state kept, a metric and an alarm; where
/// RocksDB itself can say where the damage begins, what is behind it is applied again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_state_is_made_again_from_the_log() {
    let mut bench = Bench::set_up().await;
    let fresh = bench.keep("fresh");
    bench.record_one_more().await;
    let kept = bench.keep("kept");

    for harm in [Harm::Flip, Harm::Zero, Harm::Cut, Harm::Delete] {
        let what = format!("table of the state, {harm:?}");
        let inflict = |node: &Path| harm.inflict(&file_in(node, &state_folder(node), ".sst"));
        bench.row(&kept, &what, inflict, Rebuilds).await;
    }
    for harm in [Harm::Flip, Harm::Zero, Harm::Cut, Harm::Delete] {
        let what = format!("write-ahead log of the state, {harm:?}");
        let inflict = |node: &Path| harm.inflict(&file_in(node, &state_folder(node), ".log"));
        bench.row(&kept, &what, inflict, NeverWrong).await;
    }
    // A manifest that was cut may still open, as a state of which part is missing.
    for (file, harm, reaction) in [
        ("MANIFEST-", Harm::Cut, NeverWrong),
        ("MANIFEST-", Harm::Delete, Rebuilds),
        ("CURRENT", Harm::Cut, Rebuilds),
        ("CURRENT", Harm::Delete, Rebuilds),
    ] {
        let what = format!("{file} of the state, {harm:?}");
        let inflict = |node: &Path| harm.inflict(&file_in(node, &state_folder(node), file));
        bench.row(&kept, &what, inflict, reaction).await;
    }
    for harm in [Harm::Flip, Harm::Cut, Harm::Delete] {
        let what = format!("CURRENT_STATE, {harm:?}");
        let inflict = |node: &Path| harm.inflict(&node.join("data/CURRENT_STATE"));
        bench.row(&kept, &what, inflict, Rebuilds).await;
    }
    let inflict =
        |node: &Path| fs::remove_dir_all(node.join("data").join(state_folder(node))).unwrap();
    bench.row(&kept, "the whole state", inflict, Rebuilds).await;
    let inflict = |node: &Path| {
        let _ = fs::remove_dir_all(node.join("data/snapshots"));
    };
    bench.row(&kept, "the snapshots", inflict, Starts).await;
    // A state follows from the log: an older one is brought up to it.
    let older = |node: &Path| {
        fs::remove_dir_all(node.join("data/state")).unwrap();
        copy(&fresh.join("data/state"), &node.join("data/state"));
        let pointer = "data/CURRENT_STATE";
        fs::copy(fresh.join(pointer), node.join(pointer)).unwrap();
    };
    bench.row(&kept, "an older state", older, Starts).await;
    bench.figures("damage to the state");
}

/// A log that has dropped its beginning cannot make a state again. Another member gives a snapshot, and the
/// node waits for one that is there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_state_whose_log_has_dropped_its_beginning_comes_from_another_member() {
    let mut bench = Bench::set_up_with("\n[raft]\nkeep_entries = 4\n").await;
    let fresh = bench.keep("fresh");
    bench.record(12..24).await;
    let kept = bench.keep("kept");

    for harm in [Harm::Flip, Harm::Delete] {
        let what = format!("table of the state, {harm:?}");
        let inflict = |node: &Path| harm.inflict(&file_in(node, &state_folder(node), ".sst"));
        bench.fetched_row(&kept, &what, inflict, Rebuilds).await;
    }
    let inflict = |node: &Path| fs::remove_file(node.join("data/CURRENT_STATE")).unwrap();
    let what = "CURRENT_STATE, Delete";
    bench.fetched_row(&kept, what, inflict, Rebuilds).await;
    // As a crash leaves it between setting aside and fetching.
    let inflict = |node: &Path| {
        fs::remove_dir_all(node.join("data/state")).unwrap();
        fs::remove_file(node.join("data/CURRENT_STATE")).unwrap();
    };
    let what = "no state at all";
    bench.fetched_row(&kept, what, inflict, Starts).await;
    let older = |node: &Path| {
        fs::remove_dir_all(node.join("data/state")).unwrap();
        copy(&fresh.join("data/state"), &node.join("data/state"));
        let pointer = "data/CURRENT_STATE";
        fs::copy(fresh.join(pointer), node.join(pointer)).unwrap();
    };
    let what = "a state from before the log begins";
    bench.fetched_row(&kept, what, older, Starts).await;

    // Nobody is there at first.
    bench.put_back(&kept);
    fs::remove_file(bench.folder.join("data/CURRENT_STATE")).unwrap();
    for other in [2, 3] {
        bench.stage.cluster.stop(other).await.unwrap();
    }
    bench.stage.cluster.start_node(1).unwrap();
    bench.told("no snapshot from this member", 2).await;
    for other in [2, 3] {
        bench.stage.cluster.start_node(other).unwrap();
    }
    bench.stage.cluster.settled(bench.size).await.unwrap();
    bench.told("a snapshot was fetched", 1).await;
    bench.figures("damage to a state whose log has dropped its beginning");
}

/// What no checksum can see: a row that is whole and says something else. The node finds that its tables do
/// not follow from its leaves, and stops; the others go on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_row_below_the_checksums_stops_its_node() {
    let mut bench = Bench::set_up().await;
    let kept = bench.keep("kept");
    let rewrite = |node: &Path| {
        let directory = store::DataDir::lock(&node.join("data")).unwrap();
        let mut tables: Vec<&'static str> = ledger::Table::ALL
            .iter()
            .map(|table| table.name())
            .collect();
        tables.push("replica");
        let state = store::StateStore::open(&directory, &tables)
            .unwrap()
            .current();
        let (leaf, mut found) = (ledger::Table::Leaf.name(), None);
        let mut nth = 0;
        state
            .scan(leaf, &[], &mut |key, value| {
                nth += 1;
                found = Some((key.to_vec(), value.to_vec()));
                if nth == 5 {
                    std::ops::ControlFlow::Break(())
                } else {
                    std::ops::ControlFlow::Continue(())
                }
            })
            .unwrap();
        let (key, mut value) = found.unwrap();
        let last = value.len() - 10;
        value[last] ^= 1;
        let mut batch = store::Batch::new();
        batch.put(leaf, key, value);
        state.write(&batch).unwrap();
        state.sync_wal().unwrap();
    };
    bench.row(&kept, "another leaf", rewrite, Refuses(78)).await;
    bench.stage.report(12).await.unwrap();
    bench.figures("a wrong row below the checksums");
}
