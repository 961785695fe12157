//! Ten times as much junk as reports: chairs report while strangers send notes with broken
//! signatures under the names of keys in force, notes of keys that nobody knows, and reads.
//!
//! Everything runs on one machine, the generator of the junk included, so what the chairs lose is
//! what the nodes and the generator take from each other's cores, too. The junk therefore comes at a
//! fixed rate, ten times that of the reports when it was quiet, answered or not. What is promised is
//! a factor of two, which the long form asserts; the gate asserts what does not hang on the machine.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, ensure};
use client::chair::{self, Report};
use client::random::SeededRandom;
use futures::stream::{FuturesUnordered, StreamExt};
use merkle::LeafHash;
use note::{KeyName, SignerKey, UnixSeconds};
use proto::v1;
use proto::v1::submissions_client::SubmissionsClient;
use tests::figures;
use tests::stage::Stage;
use tokio::time::Instant;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tonic_prost::ProstCodec;

use super::doors::get;

/// Chairs who report, each the figures of a unit of its own again and again.
const CHAIRS: usize = 8;
/// How long a chair rests between a receipt and its next report.
const REST: Duration = Duration::from_millis(60);
/// How many seconds each of the two phases lasts, in the gate and at night.
const PHASE: (usize, usize) = (4, 20);
/// Between two portions of junk.
const TICK: Duration = Duration::from_millis(20);
/// Timings of consensus in the gate, where tests of others take the same cores: an election would
/// say more of them than of the junk. At night the defaults are kept.
const PATIENT: &str =
    "\n[raft]\nheartbeat_ms = 200\nelection_min_ms = 1500\nelection_max_ms = 2000\n";
/// Notes of nobody that come at once from one address: more than it has places and pace for.
const BURST: usize = 300;
/// Pieces of junk that wait for an answer at the most.
const UNANSWERED: usize = 1_000;
/// Addresses from which junk comes.
const SOURCES: u8 = 8;
/// How much longer a chair may wait for the slowest receipt in a hundred than without junk: in the
/// gate, with tests of others on the same cores, and at night, as promised.
const FACTOR: (usize, usize) = (10, 2);
/// What the machine may add to that in the gate, in milliseconds.
const HICCUP: (usize, usize) = (1_000, 0);
/// What a node may grow by while it is flooded, in MiB.
const GROWTH_MIB: u64 = 64;

/// What chairs saw in one phase.
#[derive(Debug, Default)]
struct Phase {
    /// From sending to the verified receipt, sorted.
    times: Vec<Duration>,
    elapsed: Duration,
}

impl Phase {
    fn percentile(&self, percent: usize) -> Duration {
        let rank = (self.times.len() * percent).div_ceil(100).max(1);
        self.times[rank - 1]
    }

    fn rate(&self) -> u64 {
        u64::try_from(self.times.len()).unwrap() * 1_000
            / u64::try_from(self.elapsed.as_millis()).unwrap().max(1)
    }
}

/// The chairs with what stands for their units.
struct Chairs<'s> {
    stage: &'s Stage,
    standing: Vec<(u64, Option<LeafHash>)>,
}

impl<'s> Chairs<'s> {
    fn new(stage: &'s Stage) -> Self {
        let standing = vec![(0, None); CHAIRS];
        Self { stage, standing }
    }

    /// All of them report for a while.
    async fn report(&mut self, seconds: Duration) -> anyhow::Result<Phase> {
        let began = Instant::now();
        let stage = self.stage;
        let mut working: FuturesUnordered<_> = self
            .standing
            .iter_mut()
            .enumerate()
            .map(|(number, standing)| chair(stage, number, standing, began + seconds))
            .collect();
        let mut phase = Phase::default();
        while let Some(times) = working.next().await {
            phase.times.extend(times?);
        }
        phase.elapsed = began.elapsed();
        phase.times.sort_unstable();
        Ok(phase)
    }
}

async fn chair(
    stage: &Stage,
    number: usize,
    (seq, supersedes): &mut (u64, Option<LeafHash>),
    until: Instant,
) -> anyhow::Result<Vec<Duration>> {
    let (unit, sheet) = stage.unit(number)?;
    let (_, other_sheet) = stage.unit(number + CHAIRS)?;
    let key = stage.chair(&unit)?;
    let mut times = Vec::new();
    while Instant::now() < until {
        *seq += 1;
        let sheet = if *seq % 2 == 1 { &sheet } else { &other_sheet };
        let mut report = Report::first(unit.clone(), sheet.clone());
        report.seq = *seq;
        report.supersedes = *supersedes;
        let note = stage.desk.sign(report, key, 23)?;
        let receipted = stage.desk.send(&note).await?.receipted()?;
        times.push(receipted.receipted.saturating_sub(receipted.sent));
        *supersedes = Some(LeafHash::from_hash(
            *receipted.receipt.leaf_hash().as_hash(),
        ));
        tokio::time::sleep(REST).await;
    }
    Ok(times)
}

/// What became of the junk.
#[derive(Debug, Default)]
struct Answers {
    sent: AtomicUsize,
    turned_away: AtomicUsize,
    refused: AtomicUsize,
    read: AtomicUsize,
    recorded: AtomicUsize,
    other: AtomicUsize,
    unsent: AtomicUsize,
}

impl Answers {
    fn count(&self, answer: Result<Taken, tonic::Status>) {
        let counter = match answer {
            Ok(Taken::Refused) => &self.refused,
            Ok(Taken::Read) => &self.read,
            Ok(Taken::Recorded) => &self.recorded,
            Err(status) if status.code() == tonic::Code::ResourceExhausted => {
                // Whoever is turned away is told when to come back.
                if status.metadata().contains_key("grpc-retry-pushback-ms") {
                    &self.turned_away
                } else {
                    &self.other
                }
            }
            Err(_) => &self.other,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

enum Taken {
    Refused,
    Read,
    Recorded,
}

/// Notes to flood with, made beforehand so that making them costs nothing while it counts.
struct Junk {
    broken: Vec<bytes::Bytes>,
    unknown: Vec<bytes::Bytes>,
}

impl Junk {
    fn make(stage: &Stage) -> anyhow::Result<Self> {
        let mut junk = Self {
            broken: Vec::new(),
            unknown: Vec::new(),
        };
        for n in 0..32 {
            let (unit, sheet) = stage.unit(2 * CHAIRS + n)?;
            let mut random = SeededRandom::new(u64::try_from(n)?);
            let header = chair::header(
                stage.desk.client.election(),
                &mut random,
                UnixSeconds::new(1),
            );
            let report = || Report::first(unit.clone(), sheet.clone());
            // Under the name of the unit's chair, with a letter of the text changed afterwards.
            let note = chair::report(header.clone(), report(), stage.chair(&unit)?)?;
            let text = String::from_utf8(note.bytes().to_vec())?;
            let changed = text.replacen("time 1\n", "time 2\n", 1);
            ensure!(changed != text, "no time in the note:\n{text}");
            junk.broken.push(changed.into_bytes().into());
            let name = KeyName::parse(&format!("nobody-{n}")).context("a name")?;
            let nobody = SignerKey::from_seed(name, [u8::try_from(n)?; 32]);
            let note = chair::report(header, report(), &nobody)?;
            junk.unknown.push(note.bytes().to_vec().into());
        }
        Ok(junk)
    }
}

/// A channel to a node from an address of its own.
fn channel(stage: &Stage, node: usize, from: u8) -> anyhow::Result<Channel> {
    let authority = std::fs::read(&stage.cluster.written.authority)?;
    let api = stage.cluster.made.plan.nodes[node].api;
    let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(authority));
    let here = IpAddr::V4(Ipv4Addr::new(127, 0, 1, from));
    Ok(Endpoint::from_shared(format!("https://{api}"))?
        .tls_config(tls)?
        .local_address(Some(here))
        .connect_lazy())
}

/// Sends `rate` pieces of junk a second until told to stop, whether they are answered or not.
async fn flood(
    channels: Vec<Channel>,
    junk: Arc<Junk>,
    rate: u64,
    stop: &AtomicBool,
    answers: &Arc<Answers>,
) {
    let mut tick = tokio::time::interval(TICK);
    let portion = usize::try_from(rate * u64::try_from(TICK.as_millis()).unwrap() / 1_000).unwrap();
    let places = Arc::new(tokio::sync::Semaphore::new(UNANSWERED));
    let mut n = 0;
    while !stop.load(Ordering::Relaxed) {
        tick.tick().await;
        for _ in 0..portion.max(1) {
            n += 1;
            let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
                answers.unsent.fetch_add(1, Ordering::Relaxed);
                continue;
            };
            answers.sent.fetch_add(1, Ordering::Relaxed);
            let channel = channels[n % channels.len()].clone();
            let (junk, answers) = (Arc::clone(&junk), Arc::clone(answers));
            tokio::spawn(async move {
                answers.count(piece(channel, &junk, n).await);
                drop(place);
            });
        }
    }
    let _all = places
        .acquire_many(u32::try_from(UNANSWERED).unwrap())
        .await;
}

/// One piece of junk: of five, two broken signatures, one unknown key, two reads.
async fn piece(channel: Channel, junk: &Junk, n: usize) -> Result<Taken, tonic::Status> {
    let submit = |notes: &[bytes::Bytes]| v1::SubmitRequest {
        note: notes[n % notes.len()].clone(),
        wait_ms: 1_000,
    };
    match n % 5 {
        0 | 1 => submitted(channel, submit(&junk.broken)).await,
        2 => submitted(channel, submit(&junk.unknown)).await,
        3 => {
            let request = v1::GetResultsRequest {
                units: true,
                local: true,
                unreleased: true,
            };
            unread(channel, "/tally.v1.Results/GetResults", request).await
        }
        _ => {
            let request = v1::GetEntriesRequest { from: 0, limit: 16 };
            unread(channel, "/tally.v1.Transparency/GetEntries", request).await
        }
    }
}

/// Asks and passes over every field of the answer: the cores are the nodes' and the chairs'.
async fn unread<Question>(
    channel: Channel,
    path: &'static str,
    question: Question,
) -> Result<Taken, tonic::Status>
where
    Question: prost::Message + 'static,
{
    let mut calls = tonic::client::Grpc::new(channel).max_decoding_message_size(16 << 20);
    let ready = calls.ready().await;
    ready.map_err(|error| tonic::Status::unavailable(error.to_string()))?;
    let path = PathAndQuery::from_static(path);
    let codec = ProstCodec::<Question, ()>::default();
    let answer = calls.unary(tonic::Request::new(question), path, codec);
    answer.await.map(|_| Taken::Read)
}

async fn submitted(channel: Channel, request: v1::SubmitRequest) -> Result<Taken, tonic::Status> {
    let answer = SubmissionsClient::new(channel).submit(request).await?;
    Ok(match answer.into_inner().result {
        Some(v1::submit_response::Result::Refused(_)) => Taken::Refused,
        Some(_) | None => Taken::Recorded,
    })
}

/// A figure of a node's metrics, as the operations port shows it.
pub(crate) async fn metric(stage: &Stage, ordinal: u64, name: &str) -> anyhow::Result<u64> {
    let operations = stage.cluster.operations(ordinal)?;
    let (_, text) = get(operations, "/metrics").await?;
    let line = text
        .lines()
        .find(|line| line.split(' ').next() == Some(name));
    let line = line.with_context(|| format!("no {name}"))?;
    let figure: f64 = line.rsplit(' ').next().context("no figure")?.parse()?;
    Ok(format!("{figure:.0}").parse()?)
}

/// The largest resident memory of any node, in MiB.
async fn memory_mib(stage: &Stage) -> anyhow::Result<u64> {
    let mut most = 0;
    for ordinal in stage.cluster.ordinals() {
        most = most.max(metric(stage, ordinal, "process_resident_memory_bytes").await?);
    }
    Ok(most >> 20)
}

async fn terms(stage: &Stage) -> Vec<u64> {
    let all = async || {
        let statuses = stage.cluster.statuses().await.into_iter();
        statuses
            .map(|status| status.map(|status| status.term))
            .collect()
    };
    let waited = stage
        .cluster
        .wait("every node's term", Duration::from_secs(20), all);
    waited.await.unwrap()
}

async fn stage() -> Stage {
    let stage = Stage::prepare(64, 3).unwrap();
    if figures::times(1, 0) == 1 {
        stage.configure(PATIENT).unwrap();
    }
    stage.run().await.unwrap()
}

/// What was seen in both phases, and of the burst after them.
struct Seen {
    quiet: Phase,
    flooded: Phase,
    flood: Arc<Answers>,
    burst: Answers,
    memory_mib: (u64, u64),
    terms: (Vec<u64>, Vec<u64>),
}

/// Chairs get their receipts about as fast as without the junk, no node grows, and nobody else is
/// elected. No piece of junk becomes a leaf.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_times_as_much_junk_does_not_keep_chairs_waiting() {
    let stage = stage().await;
    let junk = Arc::new(Junk::make(&stage).unwrap());
    let mut chairs = Chairs::new(&stage);
    // The first reports also make connections.
    chairs.report(Duration::from_secs(1)).await.unwrap();
    let seen = both_phases(&stage, &mut chairs, &junk).await;
    seen.print();
    seen.check();
    // Every leaf is the manifest or a chair's.
    let reports: u64 = chairs.standing.iter().map(|(seq, _)| seq).sum();
    let statuses = stage.cluster.settled(1 + reports).await.unwrap();
    assert_eq!(statuses[0].tree_size, 1 + reports);
}

async fn both_phases(stage: &Stage, chairs: &mut Chairs<'_>, junk: &Arc<Junk>) -> Seen {
    let phase = u64::try_from(figures::times(PHASE.0, PHASE.1)).unwrap();
    let phase = Duration::from_secs(phase);
    let quiet = chairs.report(phase).await.unwrap();
    let (before, terms_before) = (memory_mib(stage).await.unwrap(), terms(stage).await);
    let channels = (0..3)
        .flat_map(|node| (1..=SOURCES).map(move |from| (node, from)))
        .map(|(node, from)| channel(stage, node, from).unwrap())
        .collect();
    let (stop, answers) = (AtomicBool::new(false), Arc::new(Answers::default()));
    let rate = quiet.rate().max(1) * 10;
    let flooding = flood(channels, Arc::clone(junk), rate, &stop, &answers);
    let working = async {
        let flooded = chairs.report(phase).await;
        let during = memory_mib(stage).await;
        stop.store(true, Ordering::Relaxed);
        (flooded.unwrap(), during.unwrap())
    };
    let ((), (flooded, during)) = tokio::join!(flooding, working);
    let terms_after = terms(stage).await;
    Seen {
        quiet,
        flooded,
        flood: answers,
        burst: burst(stage, junk).await,
        memory_mib: (before, during),
        terms: (terms_before, terms_after),
    }
}

/// Notes of nobody, all at once and from one address.
async fn burst(stage: &Stage, junk: &Junk) -> Answers {
    let answers = Answers::default();
    let stranger = channel(stage, 0, SOURCES + 1).unwrap();
    let all_at_once = (0..BURST).map(|n| {
        let note = junk.unknown[n % junk.unknown.len()].clone();
        let wait_ms = 1_000;
        submitted(stranger.clone(), v1::SubmitRequest { note, wait_ms })
    });
    for answer in futures::future::join_all(all_at_once).await {
        answers.count(answer);
    }
    answers
}

fn of(counter: &AtomicUsize) -> usize {
    counter.load(Ordering::Relaxed)
}

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap()
}

impl Seen {
    fn print(&self) {
        let (quiet, flooded, flood) = (&self.quiet, &self.flooded, &self.flood);
        let slower = ms(flooded.percentile(99)) * 100 / ms(quiet.percentile(99)).max(1);
        let sent = u64::try_from(of(&flood.sent)).unwrap();
        let figures = serde_json::json!({
            "scenario": "overload",
            "chairs": CHAIRS,
            "reports_per_second_quiet": quiet.rate(),
            "reports_per_second_flooded": flooded.rate(),
            "receipt_quiet_p50_ms": ms(quiet.percentile(50)),
            "receipt_quiet_p99_ms": ms(quiet.percentile(99)),
            "receipt_flooded_p50_ms": ms(flooded.percentile(50)),
            "receipt_flooded_p99_ms": ms(flooded.percentile(99)),
            "p99_in_percent_of_quiet": slower,
            "junk_sent": sent,
            "junk_per_second": sent * 1_000 / ms(flooded.elapsed).max(1),
            "junk_not_sent": of(&flood.unsent),
            "junk_turned_away": of(&flood.turned_away),
            "junk_refused": of(&flood.refused),
            "junk_read": of(&flood.read),
            "junk_other": of(&flood.other),
            "burst_turned_away": of(&self.burst.turned_away),
            "memory_quiet_mib": self.memory_mib.0,
            "memory_flooded_mib": self.memory_mib.1,
            "terms": format!("{:?} {:?}", self.terms.0, self.terms.1),
        });
        println!("figures {figures}");
    }

    fn check(&self) {
        let (quiet, flooded) = (self.quiet.percentile(99), self.flooded.percentile(99));
        assert!(
            of(&self.flood.sent) > 5 * self.flooded.times.len(),
            "too little junk"
        );
        // How much of the flood is turned away hangs on its rate, and that on the machine.
        assert!(
            of(&self.burst.turned_away) > BURST / 2,
            "no limit was reached: {:?}",
            self.burst
        );
        assert_eq!(of(&self.burst.recorded) + of(&self.flood.recorded), 0);
        assert_eq!(self.terms.0, self.terms.1);
        let factor = u32::try_from(figures::times(FACTOR.0, FACTOR.1)).unwrap();
        let hiccup = u64::try_from(figures::times(HICCUP.0, HICCUP.1)).unwrap();
        let (before, during) = self.memory_mib;
        assert!(
            during <= before + GROWTH_MIB,
            "{before} MiB became {during}"
        );
        assert!(
            flooded <= quiet * factor + Duration::from_millis(hiccup),
            "p99 {quiet:?} became {flooded:?}"
        );
    }
}
