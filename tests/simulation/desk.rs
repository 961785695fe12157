//! A node's door in a simulation: it records notes, asks its peers for cosignatures, and hands out
//! receipts. Consensus, the ledger, the cosigner with its gate, and the receipts are the real ones;
//! what joins them is the short form of what `node` does with sockets and threads.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::StreamExt as _;
use ledger::{Command, Outcome, UnixMillis, View};
use merkle::{Hash, LeafIndex, TreeSize};
use node::cosigner::{self, Answer, Cosigner};
use note::{Checkpoint, SignatureLine, SignedCheckpoint, UnixSeconds};
use receipt::UnverifiedReceipt;
use replica::trace::Event;
use replica::{Error, Observer, Replica, Role, codec};
use tokio::time::{sleep, timeout};
use turmoil::net::{TcpListener, TcpStream};
use witness::gate::Asked;

use crate::place::{Place, SimFile, Tracer};
use crate::sim::disk::SimState;
use crate::stage::Stage;
use crate::wire::{self, Head, PORT, Request, Response};

/// How long a cosigner waits for its own disk.
const DISK_PATIENCE: Duration = Duration::from_millis(250);

/// What a node's parts share.
pub struct Desk {
    place: Place,
    stage: Arc<Stage>,
    replica: Replica<SimState>,
    cosigner: Cosigner<SimFile>,
    tracer: Arc<Tracer>,
    published: Mutex<BTreeMap<TreeSize, SignedCheckpoint>>,
    news: tokio::sync::watch::Sender<u64>,
}

impl Desk {
    /// Opens the cosigner's memory and joins everything.
    pub fn open(
        place: &Place,
        stage: &Arc<Stage>,
        replica: Replica<SimState>,
        tracer: Arc<Tracer>,
        fresh: bool,
    ) -> Result<Arc<Self>, node::StartError> {
        let key = stage.cosigner(place.ordinal);
        let origin = stage.fixture.content.origin.clone();
        let cosigner = Cosigner::open(key, origin, place.memory.clone(), fresh)?;
        Ok(Arc::new(Self {
            place: place.clone(),
            stage: Arc::clone(stage),
            replica,
            cosigner,
            tracer,
            published: Mutex::default(),
            news: tokio::sync::watch::Sender::new(0),
        }))
    }

    /// Answers whoever calls.
    pub async fn serve(self: Arc<Self>) -> io::Result<()> {
        let listener = TcpListener::bind(("0.0.0.0", PORT)).await?;
        loop {
            let (mut stream, _) = listener.accept().await?;
            let desk = Arc::clone(&self);
            tokio::spawn(async move {
                // A connection that breaks is its caller's to notice.
                let _ = desk.call(&mut stream).await;
            });
        }
    }

    async fn call(&self, stream: &mut TcpStream) -> io::Result<()> {
        let request: Request = wire::read(stream).await?;
        let response = self.answer(request).await;
        wire::write(stream, &response).await
    }

    async fn answer(&self, request: Request) -> Response {
        if let Some(submit) = request.submit {
            return self.submit(submit.note, submit.patience_ms).await;
        }
        if request.read {
            return self.read().await;
        }
        if !request.forward.is_empty() {
            return match self.propose(request.forward.into()).await {
                Ok(outcome) => Response {
                    outcome: outcome.encode(),
                    ..Response::default()
                },
                Err(error) => trouble(error),
            };
        }
        if request.read_index {
            return match self.replica.read_barrier().await {
                Ok(()) => Response {
                    index: self.replica.applied_watch().borrow().log_index,
                    ..Response::default()
                },
                Err(error) => trouble(error),
            };
        }
        if let Some(head) = request.cosign {
            return self.cosign(head).await;
        }
        if let Ok(signed) = SignedCheckpoint::parse(&request.publish) {
            self.keep(signed);
        }
        Response::default()
    }

    async fn propose(&self, command: bytes::Bytes) -> Result<Outcome, Error> {
        let command = codec::decode(command).map_err(|error| Error::Invalid {
            what: error.to_string(),
        })?;
        self.replica.propose(command).await
    }

    /// A note's way: proposed here or, once, by the leader; then its receipt is waited for.
    async fn submit(&self, note: Vec<u8>, patience_ms: u64) -> Response {
        let at = UnixMillis::new(self.place.clock_ms());
        let command = self.stage.command(at, note);
        let outcome = match self.record(command).await {
            Ok(outcome) => outcome,
            Err(response) => return response,
        };
        let patience = Duration::from_millis(patience_ms);
        let receipt = match outcome.leaf() {
            Some(leaf) => self.receipt(leaf.index, patience).await,
            None => None,
        };
        Response {
            outcome: outcome.encode(),
            receipt: receipt.unwrap_or_default(),
            ..Response::default()
        }
    }

    async fn record(&self, command: Command) -> Result<Outcome, Response> {
        let bytes = codec::encode(command).map_err(trouble)?;
        let leader = match self.propose(bytes.clone()).await {
            Ok(outcome) => return Ok(outcome),
            Err(Error::NotLeader { hint: Some(leader) }) => leader,
            Err(error) => return Err(trouble(error)),
        };
        let request = Request {
            forward: bytes.to_vec(),
            ..Request::default()
        };
        let answer = wire::ask(leader, &request, Duration::from_millis(1_200)).await;
        let answer = answer.map_err(|_| trouble("the leader did not answer"))?;
        Outcome::decode(&answer.outcome).map_err(|_| trouble(answer.trouble))
    }

    /// The receipt of a leaf, once a published checkpoint covers it and its tree is here.
    async fn receipt(&self, leaf: LeafIndex, patience: Duration) -> Option<Vec<u8>> {
        let finding = async {
            loop {
                if let Some(receipt) = self.find(leaf) {
                    return receipt;
                }
                sleep(Duration::from_millis(3)).await;
            }
        };
        timeout(patience, finding).await.ok()
    }

    fn find(&self, leaf: LeafIndex) -> Option<Vec<u8>> {
        let published = self.published.lock().unwrap();
        let (size, signed) = published.range(leaf.size_with()..).next()?;
        let view = View::new(&**self.replica.state());
        if view.tree_size().unwrap() < *size {
            return None;
        }
        let entry = view.leaf(leaf).unwrap()?;
        let proof = view.inclusion(leaf, *size).unwrap();
        Some(UnverifiedReceipt::build(entry, leaf, proof, signed.clone()).to_bytes())
    }

    /// The tree as the whole cluster knows it.
    async fn read(&self) -> Response {
        let crossed = match self.replica.read_barrier().await {
            Err(Error::NotLeader { hint: Some(leader) }) => self.wait_for_leaders(leader).await,
            crossed => crossed.is_ok(),
        };
        if !crossed {
            return trouble("no leader confirmed the state");
        }
        let view = View::new(&**self.replica.state());
        let head = Head {
            size: view.tree_size().unwrap().get(),
            root: view.root().unwrap().as_bytes().to_vec(),
        };
        Response {
            head: Some(head),
            ..Response::default()
        }
    }

    async fn wait_for_leaders(&self, leader: u64) -> bool {
        let request = Request {
            read_index: true,
            ..Request::default()
        };
        let answer = wire::ask(leader, &request, Duration::from_millis(600)).await;
        let Some(index) = answer.ok().and_then(|answer| answer.index) else {
            return false;
        };
        let mut applied = self.replica.applied_watch();
        let reached = applied.wait_for(|progress| progress.log_index >= Some(index));
        matches!(
            timeout(Duration::from_millis(600), reached).await,
            Ok(Ok(_))
        )
    }

    /// Cosigns what this node's own disk holds, if the gate lets it.
    async fn cosign(&self, head: Head) -> Response {
        let clock = self.place.clock_ms() / 1_000;
        let skewed = self.place.skew.load(Relaxed) != 0;
        self.place.skewed.fetch_add(skewed.into(), Relaxed);
        let declined = Response {
            clock,
            ..Response::default()
        };
        let Some(root) = Hash::from_slice(&head.root) else {
            return declined;
        };
        let mut flushed = self.replica.flushed_watch();
        let reached = flushed.wait_for(|flushed| *flushed >= head.size);
        if !matches!(timeout(DISK_PATIENCE, reached).await, Ok(Ok(_))) && !self.stage.hasty {
            return declined;
        }
        let asked = Asked {
            size: TreeSize::new(head.size),
            root,
        };
        let durable = self.replica.flushed_tree_size();
        let view = View::new(&**self.replica.state());
        let clocks = cosigner::clocks(UnixSeconds::new(clock), self.stage.clocks());
        let tell = |event: &Event| self.tracer.happened(event);
        let answer =
            self.cosigner
                .consider(asked, durable, |size| view.root_at(size), clocks, tell);
        let Ok(Answer::Signed(line)) = answer else {
            return declined;
        };
        self.look(TreeSize::new(head.size));
        self.place
            .signed
            .lock()
            .unwrap()
            .push((head.size, head.root.clone()));
        Response {
            line: line.to_string(),
            clock,
            ..Response::default()
        }
    }

    /// At the moment of a signature: the tree's last leaf is on this node's own disk. Those before
    /// it were looked at when they were the last, or came in the same entry or snapshot.
    fn look(&self, size: TreeSize) {
        let Some(last) = size.last_leaf() else { return };
        let entry = View::new(&**self.replica.state()).leaf(last).unwrap();
        let kept = entry.is_some_and(|entry| self.place.disk.would_keep(last.get(), &entry));
        self.place
            .look(kept, || format!("cosigns {size} leaves with the last"));
    }

    /// A published checkpoint; of two with other roots one is a lie.
    fn keep(&self, signed: SignedCheckpoint) {
        let size = signed.checkpoint().size;
        let mut published = self.published.lock().unwrap();
        let kept = match published.remove(&size) {
            None => signed,
            Some(known) if known.checkpoint() != signed.checkpoint() => {
                self.place
                    .look(false, || format!("knows two trees of {size} leaves"));
                known
            }
            Some(known) => signed
                .lines()
                .iter()
                .cloned()
                .fold(known, SignedCheckpoint::with_line),
        };
        published.insert(size, kept);
        self.news.send_modify(|news| *news += 1);
    }

    fn newest(&self) -> TreeSize {
        let published = self.published.lock().unwrap();
        published
            .last_key_value()
            .map_or(TreeSize::ZERO, |(size, _)| *size)
    }

    /// The rounds of a leader: one at a time, for the tree as it stands.
    pub async fn rounds(self: Arc<Self>) {
        loop {
            sleep(Duration::from_millis(2)).await;
            let size = TreeSize::new(self.replica.applied_watch().borrow().tree_size);
            // The cheap question first: a status is put together from all metrics.
            if size > self.newest()
                && self.replica.status().role == Role::Leader
                && !self.round(size).await
            {
                sleep(Duration::from_millis(25)).await;
            }
        }
    }

    /// One round; whether a majority has signed.
    async fn round(&self, size: TreeSize) -> bool {
        let root = View::new(&**self.replica.state()).root_at(size);
        let Ok(Some(root)) = root else {
            return false;
        };
        let checkpoint = Checkpoint {
            origin: self.stage.fixture.content.origin.clone(),
            size,
            root,
        };
        let log = self.stage.fixture.log_key(self.place.ordinal);
        let mut signed = SignedCheckpoint::new(checkpoint.clone(), log.sign(&checkpoint.text()));
        let head = Head {
            size: size.get(),
            root: root.as_bytes().to_vec(),
        };
        let mut asking: futures::stream::FuturesUnordered<_> = self
            .stage
            .ordinals()
            .map(|ordinal| self.ask_to_cosign(ordinal, head.clone()))
            .collect();
        let mut lines = 0;
        while let Some((ordinal, line)) = asking.next().await {
            let key = self.stage.fixture.cosigner_key(ordinal).unwrap();
            let Some(line) = line else { continue };
            if key
                .verifier()
                .verify_cosignature(&checkpoint, &line)
                .is_none()
            {
                continue;
            }
            signed = signed.with_line(line);
            lines += 1;
            if lines > self.stage.nodes / 2 {
                break;
            }
        }
        if lines <= self.stage.nodes / 2 {
            return false;
        }
        self.keep(signed.clone());
        for ordinal in self.stage.ordinals() {
            if ordinal != self.place.ordinal {
                let request = Request {
                    publish: signed.to_bytes(),
                    ..Request::default()
                };
                tokio::spawn(async move {
                    // Who misses it hears of the next.
                    let _ = wire::ask(ordinal, &request, Duration::from_millis(500)).await;
                });
            }
        }
        true
    }

    async fn ask_to_cosign(&self, ordinal: u64, head: Head) -> (u64, Option<SignatureLine>) {
        let response = if ordinal == self.place.ordinal {
            self.cosign(head).await
        } else {
            let request = Request {
                cosign: Some(head),
                ..Request::default()
            };
            match wire::ask(ordinal, &request, Duration::from_millis(400)).await {
                Ok(response) => response,
                Err(_) => return (ordinal, None),
            }
        };
        (ordinal, SignatureLine::parse(&response.line).ok())
    }
}

fn trouble(what: impl std::fmt::Display) -> Response {
    Response {
        trouble: format!("no outcome: {what}"),
        ..Response::default()
    }
}
