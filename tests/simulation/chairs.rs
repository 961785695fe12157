//! Those who report: the client's real outbox and its real retry, over a simulated network and a
//! laptop whose disk forgets what was not synced.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use caucus::SubmissionId;
use client::answer::{Answer, AnswerResult, Effect, LeafRef, Refused, Trouble};
use client::check_receipt;
use client::clock::Clock;
use client::disk::Disk;
use client::outbox::{EntryName, Outbox, Recorded};
use client::retry::{Courier, Delivery, Schedule, Standing, deliver};
use ledger::Outcome;
use note::UnixSeconds;
use receipt::Receipt;
use tests::history::{Op, What, Written};
use tokio::time::{sleep, timeout};

use crate::place::{Place, now_micros};
use crate::promises::Promises;
use crate::sim::luck::Luck;
use crate::stage::Stage;
use crate::wire::{self, Request, Silence, Submit};

/// A chair's laptop: a folder with a memory of what is synced.
#[derive(Clone, Debug, Default)]
pub struct Laptop(Arc<Mutex<Files>>);

#[derive(Debug, Default)]
struct Files {
    /// What programs see.
    seen: BTreeMap<String, Vec<u8>>,
    /// What a power cut leaves.
    kept: BTreeMap<String, Vec<u8>>,
}

impl Laptop {
    /// The power goes.
    fn lose_power(&self) {
        let mut files = self.0.lock().unwrap();
        files.seen = files.kept.clone();
    }
}

impl Disk for Laptop {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.0.lock().unwrap().seen.keys().cloned().collect())
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let files = self.0.lock().unwrap();
        let found = files.seen.get(name).cloned();
        found.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn create(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut files = self.0.lock().unwrap();
        files.seen.insert(name.to_owned(), bytes.to_vec());
        Ok(())
    }

    fn sync(&self, _name: &str) -> io::Result<()> {
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut files = self.0.lock().unwrap();
        let bytes = files.seen.remove(from).ok_or(io::ErrorKind::NotFound)?;
        files.seen.insert(to.to_owned(), bytes);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut files = self.0.lock().unwrap();
        let removed = files.seen.remove(name).map(drop);
        removed.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn sync_directory(&self) -> io::Result<()> {
        let mut files = self.0.lock().unwrap();
        files.kept = files.seen.clone();
        Ok(())
    }
}

/// Virtual time, as the client's retry sees it.
struct VirtualClock;

impl Clock for VirtualClock {
    fn unix(&self) -> UnixSeconds {
        UnixSeconds::new(now_micros() / 1_000_000)
    }

    fn monotonic(&self) -> Duration {
        Duration::from_micros(now_micros())
    }

    async fn sleep(&self, duration: Duration) {
        sleep(duration).await;
    }
}

/// The way to the nodes' doors.
struct Doors {
    nodes: usize,
}

impl Courier for Doors {
    fn nodes(&self) -> usize {
        self.nodes
    }

    async fn carry(&self, node: usize, note: &[u8], patience: Duration) -> Result<Answer, Trouble> {
        let submit = Submit {
            note: note.to_vec(),
            patience_ms: patience.as_millis() as u64,
        };
        let request = Request {
            submit: Some(submit),
            ..Request::default()
        };
        let to = 1 + node as u64;
        let answer = wire::ask(to, &request, patience + Duration::from_millis(300)).await;
        let answer = answer.map_err(|silence| match silence {
            Silence::Broken => Trouble::Unreachable("no connection".to_owned()),
            Silence::Late => Trouble::TimedOut,
        })?;
        let Ok(outcome) = Outcome::decode(&answer.outcome) else {
            return Err(Trouble::Unavailable(answer.trouble));
        };
        Ok(Answer {
            result: result(&outcome, answer.receipt),
            head: None,
        })
    }
}

fn result(outcome: &Outcome, receipt: Vec<u8>) -> AnswerResult {
    let Some(leaf) = outcome.leaf() else {
        return AnswerResult::Refused(Refused {
            code: outcome.name().to_owned(),
            message: format!("{outcome:?}"),
            advice: String::new(),
            leaf_index: None,
        });
    };
    let effect = match outcome {
        Outcome::Corrected { .. } => Effect::Corrected,
        Outcome::Rival { .. } => Effect::Rival,
        Outcome::Superseded { .. } => Effect::Superseded,
        Outcome::AlreadyRecorded { .. } => Effect::AlreadyRecorded,
        Outcome::Stray { .. } => Effect::Stray,
        Outcome::Recorded { .. } | Outcome::Applied { .. } | Outcome::Refused { .. } => {
            Effect::Recorded
        }
    };
    let leaf = LeafRef {
        index: leaf.index,
        hash: leaf.hash,
    };
    if receipt.is_empty() {
        AnswerResult::Recorded { effect, leaf }
    } else {
        AnswerResult::Receipted {
            effect,
            leaf,
            receipt,
        }
    }
}

/// What the clients of a run have seen, and how often they did what.
#[derive(Default)]
pub struct Seen {
    /// Every operation.
    pub ops: Vec<Op>,
    /// Laptops that lost power in the middle of a delivery.
    pub laptops: u64,
    /// Notes sent again although they had been answered, or by two at once.
    pub repeats: u64,
    /// Valid notes that were refused, with the reason.
    pub refused: Vec<(usize, String)>,
    /// Notes whose delivery ended with a receipt.
    pub receipted: std::collections::BTreeSet<usize>,
    /// Whether the run is over for those who only look.
    pub over: bool,
}

/// What all clients share.
#[derive(Clone)]
pub struct Crowd {
    /// The election.
    pub stage: Arc<Stage>,
    /// What they have seen.
    pub seen: Arc<Mutex<Seen>>,
    /// What they were promised.
    pub promises: Arc<Mutex<Promises>>,
    /// The nodes' hosts, to look at disks at the moment of a promise.
    pub places: Vec<Place>,
    /// The run's seed.
    pub seed: u64,
    /// How often, in a thousand, a laptop loses power during a delivery.
    pub laptop_cuts: u64,
    /// The pause between two notes of one chair, in milliseconds.
    pub pause_ms: u64,
}

/// One chair: every `of`-th note from `number` on, each into the outbox and then to the nodes.
pub async fn chair(crowd: Crowd, number: u64, of: u64) -> Result<(), Box<dyn std::error::Error>> {
    let mut luck = Luck::new(crowd.seed * 31 + number);
    let outbox = Outbox::new(Laptop::default());
    let notes = crowd.stage.notes.iter().enumerate();
    let own = notes.filter(|(index, _)| *index > 0 && *index as u64 % of == number);
    if number == 0 {
        let name = name(0);
        outbox.keep(&name, crowd.stage.notes[0].bytes())?;
        while crowd.carry(number, &outbox, &name, &mut luck).await {}
    }
    while !crowd.seen.lock().unwrap().receipted.contains(&0) {
        sleep(Duration::from_millis(10)).await;
    }
    for (index, note) in own {
        sleep(Duration::from_millis(
            crowd.pause_ms / 2 + luck.below(crowd.pause_ms),
        ))
        .await;
        let name = name(index);
        outbox.keep(&name, note.bytes())?;
        // Kept is kept: whatever happens to the laptop from here on, the note is sent.
        loop {
            let open: Vec<_> = outbox
                .list()?
                .into_iter()
                .filter(|entry| entry.state.is_open())
                .collect();
            assert!(
                outbox.list()?.iter().any(|entry| entry.name == name),
                "note {index} is gone from the outbox"
            );
            if open.is_empty() {
                break;
            }
            for entry in open {
                crowd.carry(number, &outbox, &entry.name, &mut luck).await;
            }
        }
    }
    Ok(())
}

fn name(index: usize) -> EntryName {
    let mut id = [0; 16];
    id[8..].copy_from_slice(&(index as u64).to_be_bytes());
    EntryName::new("note", &SubmissionId::from_bytes(id))
}

impl Crowd {
    /// Carries an entry of the outbox; whether it is still open then.
    async fn carry(
        &self,
        client: u64,
        outbox: &Outbox<Laptop>,
        name: &EntryName,
        luck: &mut Luck,
    ) -> bool {
        let bytes = outbox.disk().read(&format!("{name}.note")).unwrap();
        let number = self.number(&bytes);
        let schedule = Schedule {
            budget: Duration::from_secs(6),
            patience: Duration::from_millis(900),
            hedge: Duration::from_millis(300),
            ..Schedule::default()
        };
        let doors = Doors {
            nodes: self.stage.nodes as usize,
        };
        let invoked = now_micros();
        let standing = Standing::default();
        let delivering = deliver(
            &doors,
            &VirtualClock,
            &schedule,
            &standing,
            &bytes,
            |receipt| self.believe(number, receipt),
        );
        let cut = luck.below(1_000) < self.laptop_cuts;
        let life = Duration::from_millis(if cut { 1 + luck.below(40) } else { 60_000 });
        let Ok(delivery) = timeout(life, delivering).await else {
            outbox.disk().lose_power();
            self.seen.lock().unwrap().laptops += 1;
            self.wrote(client, invoked, number, Written::Unknown);
            return true;
        };
        match delivery {
            Delivery::Receipted(receipted) => {
                let index = receipted.receipt.index().get();
                self.wrote(client, invoked, number, Written::At(index));
                self.seen.lock().unwrap().receipted.insert(number);
                outbox.keep_receipt(name, &receipted.bytes).unwrap();
                false
            }
            Delivery::Refused { refusal, .. } => {
                self.wrote(client, invoked, number, Written::Refused);
                let mut seen = self.seen.lock().unwrap();
                seen.refused.push((number, refusal.message.clone()));
                outbox.mark_refused(name, &refusal).unwrap();
                false
            }
            Delivery::NotYet(known) => {
                self.wrote(client, invoked, number, Written::Unknown);
                if let Some((effect, leaf)) = known.recorded {
                    let leaf_index = leaf.index.get();
                    let recorded = Recorded { leaf_index, effect };
                    outbox.mark_recorded(name, &recorded).unwrap();
                }
                true
            }
        }
    }

    /// A receipt is believed when it verifies; then what it promises is looked for on the disks.
    fn believe(&self, number: usize, bytes: &[u8]) -> Result<Receipt, String> {
        let note = &self.stage.notes[number];
        let receipt = check_receipt(&self.stage.election, note, bytes)?;
        let mut promises = self.promises.lock().unwrap();
        promises.take(number, note.bytes(), &receipt, &self.places);
        Ok(receipt)
    }

    fn number(&self, bytes: &[u8]) -> usize {
        self.stage.numbers[bytes]
    }

    fn wrote(&self, client: u64, invoked: u64, number: usize, written: Written) {
        let op = Op {
            client,
            invoked,
            returned: (written != Written::Unknown).then(now_micros),
            what: What::Write {
                id: number as u64,
                written,
            },
        };
        self.seen.lock().unwrap().ops.push(op);
    }

    fn is_over(&self) -> bool {
        self.seen.lock().unwrap().over
    }
}

/// Somebody who sends notes again that others have sent: at once, or long after.
pub async fn repeater(crowd: Crowd) -> Result<(), Box<dyn std::error::Error>> {
    let mut luck = Luck::new(crowd.seed * 37);
    let doors = Doors {
        nodes: crowd.stage.nodes as usize,
    };
    while !crowd.is_over() {
        sleep(Duration::from_millis(20 + luck.below(160))).await;
        let known: Vec<usize> = {
            let seen = crowd.seen.lock().unwrap();
            let writes = seen.ops.iter().filter_map(|op| match &op.what {
                What::Write { id, .. } => Some(*id as usize),
                What::Read { .. } => None,
            });
            writes.collect()
        };
        if known.is_empty() {
            continue;
        }
        let number = known[luck.below(known.len() as u64) as usize];
        let note = crowd.stage.notes[number].bytes().to_vec();
        let node = luck.below(crowd.stage.nodes) as usize;
        let invoked = now_micros();
        let carried = doors.carry(node, &note, Duration::from_millis(400)).await;
        crowd.seen.lock().unwrap().repeats += 1;
        match carried.map(|answer| answer.result) {
            Ok(AnswerResult::Receipted { leaf, receipt, .. }) => {
                if let Err(why) = crowd.believe(number, &receipt) {
                    crowd.promises.lock().unwrap().broken(number, why);
                }
                crowd.wrote(99, invoked, number, Written::At(leaf.index.get()));
            }
            Ok(AnswerResult::Recorded { leaf, .. }) => {
                crowd.wrote(99, invoked, number, Written::At(leaf.index.get()));
            }
            Ok(AnswerResult::Refused(refusal)) => {
                crowd.wrote(99, invoked, number, Written::Refused);
                let mut seen = crowd.seen.lock().unwrap();
                seen.refused.push((number, refusal.message));
            }
            Err(_) => crowd.wrote(99, invoked, number, Written::Unknown),
        }
    }
    Ok(())
}

/// Somebody who keeps asking how large the tree is.
pub async fn reader(crowd: Crowd, number: u64) -> Result<(), Box<dyn std::error::Error>> {
    let mut luck = Luck::new(crowd.seed * 41 + number);
    let request = Request {
        read: true,
        ..Request::default()
    };
    while !crowd.is_over() {
        sleep(Duration::from_millis(10 + luck.below(40))).await;
        let to = 1 + luck.below(crowd.stage.nodes);
        let invoked = now_micros();
        let answer = wire::ask(to, &request, Duration::from_millis(900)).await;
        let Some(head) = answer.ok().and_then(|answer| answer.head) else {
            continue;
        };
        let op = Op {
            client: 100 + number,
            invoked,
            returned: Some(now_micros()),
            what: What::Read {
                size: head.size,
                root: head.root,
            },
        };
        crowd.seen.lock().unwrap().ops.push(op);
    }
    Ok(())
}
