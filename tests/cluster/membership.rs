//! Machines come and go while reports come in: a dead node is replaced, a cluster grows, leadership is handed
//! over, every node is restarted. Receipts go on, and no vote is counted twice.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use client::chair::Report;
use client::connection::Connections;
use client::members::replace::{Replacement, Step, Successor, succeed};
use client::members::restart::{self, Restart};
use client::members::{Controls, Error, View, view};
use futures::stream::{self, StreamExt};
use merkle::LeafHash;
use note::{SignedNote, SignerKey, UnixSeconds};
use proto::v1;
use proto::v1::cluster_client::ClusterClient;
use receipt::leaf::{Reason, Role};
use receipt::{Order, OrderVerb};
use tests::audit::verify_receipts;
use tests::cluster::beside_this_program;
use tests::spares::{Spares, next_version, prepared};
use tests::stage::Stage;

/// The units of a whole state's night.
const NIGHT: u64 = 1_765;

/// How often something is done: `few` in the gate, `many` in the nightly run.
fn times(few: usize, many: usize) -> usize {
    std::env::var_os("TALLY_NIGHTLY").map_or(few, |_| many)
}

fn controls<'d>(stage: &'d Stage, connections: &'d Connections, admin: usize) -> Controls<'d> {
    Controls {
        connections,
        election: &stage.cluster.election,
        key: &stage.people(Role::Admin).unwrap()[admin],
        clock: stage.desk.clock,
    }
}

/// Chairs who correct their unit's figures again and again until told to stop; when each receipt came.
async fn chairs(stage: &Stage, count: usize, stop: &AtomicBool) -> Vec<Instant> {
    let chair = |number: usize| async move {
        let (unit, sheet) = stage.unit(number).unwrap();
        let key = stage.chair(&unit).unwrap();
        let (mut receipts, mut seq, mut supersedes) = (Vec::new(), 0, None);
        while !stop.load(Ordering::Relaxed) {
            seq += 1;
            let mut report = Report::first(unit.clone(), sheet.clone());
            (report.seq, report.supersedes) = (seq, supersedes);
            let note = stage.desk.sign(report, key, 3).unwrap();
            let receipted = stage.desk.send(&note).await.unwrap().receipted().unwrap();
            receipts.push(Instant::now());
            let leaf = receipted.receipt.leaf_hash();
            supersedes = Some(LeafHash::from_hash(*leaf.as_hash()));
        }
        receipts
    };
    let all = futures::future::join_all((0..count).map(chair)).await;
    let mut receipts: Vec<Instant> = all.into_iter().flatten().collect();
    receipts.sort_unstable();
    receipts
}

/// Does `work` while chairs report; every report gets its receipt.
async fn under_load<T>(
    stage: &Stage,
    count: usize,
    work: impl Future<Output = T>,
) -> (T, Vec<Instant>) {
    let stop = AtomicBool::new(false);
    let working = async {
        let done = work.await;
        stop.store(true, Ordering::Relaxed);
        done
    };
    tokio::join!(working, chairs(stage, count, &stop))
}

/// The longest time without a receipt between two moments.
fn gap(receipts: &[Instant], from: Instant, to: Instant) -> Duration {
    let within = receipts.iter().filter(|at| (from..=to).contains(*at));
    let (mut longest, mut last) = (Duration::ZERO, from);
    for at in within.chain([&to]) {
        longest = longest.max(at.saturating_duration_since(last));
        last = *at;
    }
    longest
}

/// Every receipt in the outbox verifies under the newest bundle. The node that is asked may be one that
/// has just joined, and learn of the newest version a moment later.
async fn every_receipt_verifies(stage: &Stage, connections: &Connections) {
    let fingerprint = stage.cluster.made.fingerprint;
    let folder = stage.folder().join("newest-bundle");
    let outbox = stage.desk.outbox.disk().path();
    let mut failed = Vec::new();
    let all = async || {
        let fetched = client::bundle::fetch(connections, fingerprint).await;
        let (bundle, _) = fetched.ok()?;
        client::bundle::write_folder(&bundle, &folder).unwrap();
        let receipts = verify_receipts(outbox, &folder, fingerprint).unwrap();
        failed.clone_from(&receipts.failed);
        (receipts.failed.is_empty() && !receipts.verified.is_empty()).then_some(())
    };
    let patience = Duration::from_secs(20);
    let verified = stage.cluster.wait("all receipts to verify", patience, all);
    let verified = verified.await;
    assert!(verified.is_ok(), "{failed:?}");
}

async fn voters(connections: &Connections) -> BTreeSet<u64> {
    let view = View::of(connections).await;
    view::voters(view.leader().unwrap().says)
}

/// Spares 4 and 5 for a cluster of three, named by version 2, which is in force.
async fn with_spares(stage: &Stage) -> (Spares, Connections, receipt::Manifest) {
    let cluster = &stage.cluster;
    let spares = Spares::prepare(cluster, &[4, 5], &stage.folder().join("spares")).unwrap();
    let connections = spares.connect(cluster).unwrap();
    let first = &cluster.made.content;
    let second = next_version(cluster, first, &first.nodes, &spares.lines()).unwrap();
    succeed(&connections, &second, &stage.desk.clock)
        .await
        .unwrap();
    (spares, connections, second.manifest)
}

fn code(error: &Error) -> &str {
    let Error::Refused(refused) = error else {
        panic!("{error}");
    };
    &refused.code
}

/// A night of reports is in, a node dies with its disk, and a spare takes its place while reports go on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_node_is_replaced_under_load() {
    const CHAIRS: usize = 4;
    let stage = Stage::open(NIGHT).await.unwrap();
    let (mut spares, connections, second) = with_spares(&stage).await;
    let successors = prepared(&stage.cluster, &second).unwrap();
    let reports = CHAIRS..usize::try_from(NIGHT).unwrap();
    let reporting = stream::iter(reports).for_each_concurrent(12, |n| {
        let stage = &stage;
        async move {
            stage.report(n).await.unwrap();
        }
    });
    reporting.await;
    let dead = follower(&stage).await;
    stage.cluster.kill(dead).await.unwrap();
    std::fs::remove_dir_all(stage.cluster.folder(dead).unwrap().join("data")).unwrap();
    spares.start(4).unwrap();
    until_up(&stage, &connections, "n4").await;

    let replacement = Replacement {
        out: format!("n{dead}"),
        by: "n4".to_owned(),
        successors,
        reason: Reason::parse("its disk is gone").unwrap(),
    };
    let replacing = replace(&stage, &connections, &replacement);
    let ((took, steps), receipts) = under_load(&stage, CHAIRS, replacing).await;
    let in_force = steps.iter().any(|(step, _)| *step == Step::InForce(3));
    assert!(in_force, "{steps:?}");
    let others = (1..=4).filter(|one| *one != dead);
    assert_eq!(voters(&connections).await, others.collect());
    // What is done is not done twice.
    let size = largest(&stage).await;
    let (_, steps_again) = replace(&stage, &connections, &replacement).await;
    assert_eq!(steps_again.len(), steps.len());
    assert_eq!(
        size,
        largest(&stage).await,
        "nothing was recorded by doing it again"
    );
    every_receipt_verifies(&stage, &connections).await;
    anstream::println!(
        "figures {{\"scenario\":\"replace a dead node\",\"units\":{NIGHT},\"replaced_ms\":{},\"receipts_meanwhile\":{}}} {steps:?}",
        took.as_millis(),
        receipts.len()
    );
}

/// A node that does not lead.
async fn follower(stage: &Stage) -> u64 {
    stage.cluster.leader().await.unwrap() % 3 + 1
}

async fn largest(stage: &Stage) -> u64 {
    let statuses = stage.cluster.statuses().await;
    let sizes = statuses.iter().flatten().map(|status| status.tree_size);
    sizes.max().unwrap()
}

async fn until_up(stage: &Stage, connections: &Connections, id: &str) {
    let answers = async || {
        let view = View::of(connections).await;
        view.node(id).is_ok().then_some(())
    };
    let patience = Duration::from_secs(20);
    stage.cluster.wait(id, patience, answers).await.unwrap();
}

/// Replaces a node and watches the voters meanwhile; how long it took, and when each step was done.
async fn replace(
    stage: &Stage,
    connections: &Connections,
    replacement: &Replacement,
) -> (Duration, Vec<(Step, Duration)>) {
    let admins = copies(stage.people(Role::Admin).unwrap());
    let desk = controls(stage, connections, 0);
    let begun = Instant::now();
    let mut steps = Vec::new();
    tokio::select! {
        replaced = desk.replace(replacement, &admins, |step| steps.push((step, begun.elapsed()))) => {
            replaced.unwrap();
        }
        few = watched_voters(connections) => panic!("only {few:?} vote"),
    }
    (begun.elapsed(), steps)
}

/// Looks at the voters for ever; ends with what it saw if there were ever fewer than three.
async fn watched_voters(connections: &Connections) -> BTreeSet<u64> {
    loop {
        let view = View::of(connections).await;
        if let Ok(leader) = view.leader() {
            let voters = view::voters(leader.says);
            if voters.len() < 3 {
                return voters;
            }
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn copies(keys: &[SignerKey]) -> Vec<SignerKey> {
    keys.iter()
        .map(|key| SignerKey::from_secret_text(&key.to_secret_text()).unwrap())
        .collect()
}

/// Whoever lost its directory has forgotten what it promised: it waits outside, and no order lets it in again
/// under its ordinal.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wiped_node_is_refused_by_itself_and_by_the_leader() {
    let stage = Stage::open(4).await.unwrap();
    let (mut spares, connections, _) = with_spares(&stage).await;
    spares.start(4).unwrap();
    let wiped = follower(&stage).await;
    until_up(&stage, &connections, "n4").await;
    let desk = controls(&stage, &connections, 0);
    let up = desk.caught_up("n4", Duration::ZERO);
    assert!(
        up.await.is_err(),
        "a spare that was not added follows nobody"
    );
    desk.add("n4").await.unwrap();
    desk.caught_up("n4", Duration::from_secs(20)).await.unwrap();

    stage.cluster.kill(wiped).await.unwrap();
    std::fs::remove_dir_all(stage.cluster.folder(wiped).unwrap().join("data")).unwrap();
    stage.cluster.start_node(wiped).unwrap();
    spares.kill(4).await.unwrap();
    std::fs::remove_dir_all(spares.folder(4).unwrap().join("data")).unwrap();
    spares.start(4).unwrap();
    let desk = controls(&stage, &connections, 0);
    for id in [format!("n{wiped}"), "n4".to_owned()] {
        until_up(&stage, &connections, &id).await;
        let refused = desk.add(&id).await.unwrap_err();
        assert_eq!(code(&refused), "impossible", "{refused}");
        let said = refused.to_string();
        assert!(said.contains("an ordinal is never used again"), "{said}");
        let view = View::of(&connections).await;
        let node = view.node(&id).unwrap().says;
        assert_eq!(
            (node.role.as_str(), node.admitted),
            ("uninitialized", false)
        );
    }
    stage.report(0).await.unwrap();
}

/// Two administrators decide at once on what both have seen: one of them is told what the other did.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_administrators_one_is_told_to_look_again() {
    let stage = Stage::open(4).await.unwrap();
    let (_spares, connections, _) = with_spares(&stage).await;
    let (one, two) = (
        controls(&stage, &connections, 0),
        controls(&stage, &connections, 1),
    );
    let view = one.led().await.unwrap();
    let leader = view.leader().unwrap();
    let add = |ordinal: u64| OrderVerb::Add {
        ordinal,
        incarnation: format!("{ordinal:032x}"),
        peer_address: format!("127.0.0.1:{ordinal}"),
        api_address: format!("127.0.0.1:1{ordinal}"),
    };
    let seen = leader.says.membership_index;
    let (first, second) = tokio::join!(
        one.order(leader, seen, add(4)),
        two.order(leader, seen, add(5))
    );
    let (done, refused) = match (first, second) {
        (Ok(done), Err(refused)) | (Err(refused), Ok(done)) => (done, refused),
        both => panic!("one of them decides: {both:?}"),
    };
    assert_eq!(code(&refused), "overtaken");
    let said = refused.to_string();
    let joined = view::voters(View::of(&connections).await.leader().unwrap().says);
    assert_eq!(joined, [1, 2, 3].into());
    assert!(said.contains("follow without a vote"), "{said}");
    assert!(done.membership_index > seen);
}

/// No order without an administrator, none for long, none twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_needs_an_administrator_and_holds_once() {
    let stage = Stage::open(4).await.unwrap();
    let admin = &stage.people(Role::Admin).unwrap()[0];
    let publisher = &stage.people(Role::Publisher).unwrap()[0];
    let connections = &stage.cluster.connections;
    let view = controls(&stage, connections, 0).led().await.unwrap();
    let leader = view.leader().unwrap();
    let now = stage.cluster.made.plan.opens.get();
    let soon = now + 200;
    for (until, key, answer) in [
        (soon, publisher, "no_authority"),
        (now - 10, admin, "out_of_time"),
        (now + 4_000, admin, "out_of_time"),
        (soon, admin, ""),
        (soon, admin, "order_seen"),
    ] {
        let order = Order {
            header: receipt::Header {
                election: stage.cluster.election.id().clone(),
                genesis: Some(*stage.cluster.election.genesis()),
                id: tests::chairs::id(7),
                time: UnixSeconds::new(now),
            },
            until: UnixSeconds::new(until),
            expects: leader.says.run,
            verb: OrderVerb::Resume(leader.says.ordinal),
        };
        let text = order.text();
        let note = SignedNote::assemble(&text, vec![key.sign(&text)]).unwrap();
        assert_eq!(give(connections, leader.index, &note).await, answer);
    }
}

/// Gives a node an order; the code of its refusal, if it refuses.
async fn give(connections: &Connections, node: usize, note: &SignedNote) -> String {
    let request = v1::OrderRequest {
        order: note.bytes().to_vec().into(),
    };
    let answer = connections.one(node, Duration::from_secs(5), |channel| {
        let request = request.clone();
        async move { ClusterClient::new(channel).obey(request).await }
    });
    match answer.await.unwrap().result.unwrap() {
        v1::order_response::Result::Obeyed(_) => String::new(),
        v1::order_response::Result::Refused(refused) => refused.code,
    }
}

/// A node that receipts count keeps its vote, and an order for another run of a process is none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_against_the_manifest_or_too_late_is_refused() {
    let stage = Stage::open(4).await.unwrap();
    let connections = &stage.cluster.connections;
    let desk = controls(&stage, connections, 0);
    let counted = desk.remove("n3").await.unwrap_err();
    assert_eq!(code(&counted), "still_counts");
    let view = desk.led().await.unwrap();
    let leader = view.leader().unwrap();
    let verb = OrderVerb::Drain(leader.says.ordinal);
    let stale = desk
        .order(leader, leader.says.run + 1, verb)
        .await
        .unwrap_err();
    assert_eq!(code(&stale), "overtaken");
    assert_eq!(voters(connections).await, [1, 2, 3].into());
}

/// One node, then three, then five; then the one that leads is taken out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_grows_from_one_to_five_and_loses_its_leader() {
    let stage = Stage::prepare(24, 1).unwrap();
    stage.cluster.start_node(1).unwrap();
    stage.cluster.initialize().await.unwrap();
    let folder = stage.folder().join("spares");
    let mut spares = Spares::prepare(&stage.cluster, &[2, 3, 4, 5], &folder).unwrap();
    let connections = spares.connect(&stage.cluster).unwrap();
    let mut all = stage.cluster.made.content.nodes.clone();
    all.extend(spares.lines());
    for ordinal in 2..=5 {
        spares.start(ordinal).unwrap();
        until_up(&stage, &connections, &format!("n{ordinal}")).await;
    }
    let mut manifest = stage.cluster.made.content.clone();
    let sizes = [vec![], vec!["n2", "n3"], vec!["n4", "n5"]];
    let mut report = 0;
    for (nodes, joining) in [1, 3, 5].into_iter().zip(sizes) {
        let (voting, waiting) = all.split_at(nodes);
        let next = next_version(&stage.cluster, &manifest, voting, waiting).unwrap();
        grow(&stage, &connections, &next, &joining).await;
        manifest = next.manifest;
        assert_eq!(voters(&connections).await, ordinals(voting));
        for _ in 0..4 {
            stage.report(report).await.unwrap();
            report += 1;
        }
    }
    let view = View::of(&connections).await;
    let leader = view.leader().unwrap().says.node.clone();
    all.retain(|line| line.id.as_str() != leader);
    let next = next_version(&stage.cluster, &manifest, &all, &[]).unwrap();
    succeed(&connections, &next, &stage.desk.clock)
        .await
        .unwrap();
    let desk = controls(&stage, &connections, 0);
    desk.remove(&leader).await.unwrap();
    assert_eq!(voters(&connections).await, ordinals(&all));
    let election = std::sync::Arc::clone(&stage.cluster.election);
    let everybody = client::Client::new(connections.clone(), election);
    let delivery = everybody.submit_signed(&stage.note(report).unwrap()).await;
    let receipted = matches!(delivery, client::retry::Delivery::Receipted(_));
    assert!(receipted, "{delivery:?}");
    // Who has left does not come back, whatever its directory holds.
    let again = desk.add(&leader).await.unwrap_err();
    assert_eq!(code(&again), "has_left");
    every_receipt_verifies(&stage, &connections).await;
}

/// Lets nodes join, brings the version that counts them into the log, and gives them their votes.
async fn grow(stage: &Stage, connections: &Connections, next: &Successor, joining: &[&str]) {
    let desk = controls(stage, connections, 0);
    for id in joining {
        desk.add(id).await.unwrap();
        desk.caught_up(id, Duration::from_secs(20)).await.unwrap();
    }
    succeed(connections, next, &stage.desk.clock).await.unwrap();
    let ids: Vec<String> = joining.iter().map(|id| (*id).to_owned()).collect();
    desk.promote(&ids).await.unwrap();
}

fn ordinals(lines: &[receipt::NodeLine]) -> BTreeSet<u64> {
    lines.iter().map(|line| line.ordinal).collect()
}

/// Leadership is handed over again and again while chairs report.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hand_over_is_hardly_seen() {
    let stage = Stage::open(24).await.unwrap();
    let connections = stage.cluster.connections.clone();
    let rounds = times(6, 100);
    let handing = async {
        let desk = controls(&stage, &connections, 0);
        let (mut moments, mut tries) = (Vec::new(), 0);
        while moments.len() < rounds {
            let view = desk.led().await.unwrap();
            let leader = view.leader().unwrap().says;
            let heir = leader.ordinal % 3 + 1;
            tokio::time::sleep(Duration::from_millis(400)).await;
            let begun = Instant::now();
            match desk.transfer(&format!("n{heir}")).await {
                Ok(()) => moments.push((begun, Instant::now())),
                // On a busy machine another may have been elected meanwhile.
                Err(Error::Refused(_) | Error::NotInTime { .. } | Error::NoAnswer { .. }) => {}
                Err(error) => panic!("{error}"),
            }
            tries += 1;
            assert!(
                tries < rounds * 5,
                "{tries} tries for {} rounds",
                moments.len()
            );
        }
        moments
    };
    let (moments, receipts) = under_load(&stage, 8, handing).await;
    let around = Duration::from_millis(300);
    let mut gaps: Vec<u128> = moments
        .iter()
        .map(|(from, to)| gap(&receipts, *from, *to + around).as_millis())
        .collect();
    gaps.sort_unstable();
    let at = |percent: usize| gaps[(gaps.len() * percent).div_ceil(100) - 1];
    anstream::println!(
        "figures {{\"scenario\":\"hand-over\",\"rounds\":{rounds},\"receipts\":{},\"gap_p50_ms\":{},\"gap_p99_ms\":{},\"gap_max_ms\":{}}}",
        receipts.len(),
        at(50),
        at(99),
        at(100)
    );
    every_receipt_verifies(&stage, &connections).await;
}

/// Processes that the restart command started: they end with the test.
struct Restarted(std::path::PathBuf);

impl Drop for Restarted {
    fn drop(&mut self) {
        for id in ["n1", "n2", "n3"] {
            let file = self.0.join(format!("{id}.pid"));
            let pid = std::fs::read_to_string(file).ok();
            let pid = pid.and_then(|pid| pid.trim().parse().ok());
            if let Some(pid) = pid.and_then(rustix::process::Pid::from_raw) {
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            }
        }
    }
}

/// Every node is restarted, the leader last, while chairs report; every report gets its receipt.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_fails_no_report() {
    let stage = Stage::open(24).await.unwrap();
    let connections = stage.cluster.connections.clone();
    let folder = stage.folder().join("restart");
    std::fs::create_dir_all(&folder).unwrap();
    let _restarted = Restarted(folder.clone());
    for ordinal in stage.cluster.ordinals() {
        let id = |process: &tests::process::NodeProcess| Ok(process.id());
        let pid = stage.cluster.process(ordinal, id).unwrap().unwrap();
        std::fs::write(folder.join(format!("n{ordinal}.first")), pid.to_string()).unwrap();
    }
    let nodes = stage.cluster.folder(1).unwrap();
    let nodes = nodes.parent().unwrap().display();
    let binary = beside_this_program("tally-node").unwrap();
    // A process that has ended stays as a zombie of this test, so its state is looked at.
    let command = format!(
        "pid=$(cat {here}/{{id}}.first); kill -TERM $pid; \
         while grep -q '^State:[[:space:]]*[^Z[:space:]]' /proc/$pid/status 2>/dev/null; do sleep 0.05; done; \
         {binary} --config {nodes}/{{id}}/node.toml >>{nodes}/{{id}}/node.log 2>&1 </dev/null & \
         echo $! > {here}/{{id}}.pid",
        here = folder.display(),
        binary = binary.display(),
    );
    let plan = Restart {
        command,
        only: Vec::new(),
        patience: Duration::from_mins(2),
    };
    let desk = controls(&stage, &connections, 0);
    let view = desk.led().await.unwrap();
    let leader = view.leader().unwrap().says.node.clone();
    let restarting = async {
        let mut order = Vec::new();
        let done = desk.restart(&plan, |step| {
            if let restart::Step::Well { node, after, .. } = step {
                order.push((node.clone(), after.as_millis()));
            }
        });
        done.await.unwrap();
        order
    };
    let begun = Instant::now();
    let (order, receipts) = under_load(&stage, 4, restarting).await;
    let (took, longest) = (begun.elapsed(), gap(&receipts, begun, Instant::now()));
    assert_eq!(order.len(), 3, "{order:?}");
    let first: Vec<&str> = order
        .iter()
        .take(1)
        .map(|(node, _)| node.as_str())
        .collect();
    assert_ne!(first, [leader.as_str()], "the leader is not the first");
    anstream::println!(
        "figures {{\"scenario\":\"rolling restart\",\"took_ms\":{},\"receipts\":{},\"longest_gap_ms\":{}}} {order:?}",
        took.as_millis(),
        receipts.len(),
        longest.as_millis()
    );
    every_receipt_verifies(&stage, &connections).await;
}

/// A command that fails leaves the node at work, and nothing more is touched.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_that_fails_stops_at_once() {
    let stage = Stage::open(4).await.unwrap();
    let connections = stage.cluster.connections.clone();
    let desk = controls(&stage, &connections, 0);
    let plan = Restart {
        command: "exit 7".to_owned(),
        only: Vec::new(),
        patience: Duration::from_secs(30),
    };
    let mut steps = Vec::new();
    let error = desk
        .restart(&plan, |step| steps.push(step.clone()))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Command { .. }), "{error}");
    assert_eq!(steps.len(), 1, "{steps:?}");
    let view = View::of(&connections).await;
    assert!(view.seen().all(|node| !node.says.draining));
    stage.report(0).await.unwrap();
}

/// A follower's directory is put back as it was an hour ago: what it has signed since proves that it has
/// forgotten, so it ends, and does not start again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_copy_of_a_directory_is_shut_out() {
    let stage = Stage::open(24).await.unwrap();
    for n in 0..4 {
        stage.report(n).await.unwrap();
    }
    stage.cluster.settled(5).await.unwrap();
    let leader = stage.cluster.leader().await.unwrap();
    let follower = leader % 3 + 1;
    let data = stage.cluster.folder(follower).unwrap().join("data");
    stage.cluster.stop(follower).await.unwrap();
    let copied = stage.folder().join("copy");
    super::identity::copy(&data, &copied);
    stage.cluster.start_node(follower).unwrap();
    for n in 4..16 {
        stage.report(n).await.unwrap();
    }
    stage.cluster.settled(17).await.unwrap();
    stage.cluster.stop(follower).await.unwrap();
    std::fs::remove_dir_all(&data).unwrap();
    super::identity::copy(&copied, &data);
    for round in ["when it hears of it", "at its start"] {
        stage.cluster.start_node(follower).unwrap();
        let (status, printed) = stage.cluster.ended(follower).await.unwrap();
        let last = printed.lines().last().unwrap_or_default();
        assert_eq!(status.code(), Some(78), "{round}: {last}");
        assert!(last.contains("an old copy"), "{round}: {last}");
    }
    stage.report(16).await.unwrap();
    let statuses = stage.cluster.statuses().await;
    assert_eq!(statuses.iter().flatten().count(), 2, "the others go on");
}
