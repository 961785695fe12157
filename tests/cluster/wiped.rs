//! A node that lost its data directory keeps its keys and its certificate, and has forgotten whom it voted for
//! and what it acknowledged. An administrator may let it in and tell it to begin, as when a cluster starts; it
//! gets no place by that, neither its old one nor one in a second cluster. Nobody else may even try.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use client::Client;
use client::retry::{Delivery, Schedule};
use note::SignedNote;
use proto::v1;
use tests::stage::Stage;

use super::callers::election;
use super::doors::get;
use super::overload::metric;

/// Long enough for several elections and for the backoff of a leader that is refused.
const WHILE: Duration = Duration::from_secs(3);

/// What everybody knows of the members: their addresses, and every data directory as its node says it.
fn members(stage: &Stage, lives: &BTreeMap<u64, String>) -> Vec<v1::Member> {
    let plans = &stage.cluster.made.plan.nodes;
    let member = |plan: &client::election::NodePlan| v1::Member {
        ordinal: plan.ordinal,
        name: plan.id.to_string(),
        peer_address: plan.peers.to_string(),
        api_address: plan.api.to_string(),
        incarnation: lives[&plan.ordinal].clone(),
    };
    plans.iter().map(member).collect()
}

async fn status(stage: &Stage, ordinal: u64) -> v1::NodeStatus {
    let answering = async || {
        let statuses = stage.cluster.statuses().await;
        let mut statuses = statuses.into_iter().flatten();
        statuses.find(|status| status.ordinal == ordinal)
    };
    let waited = stage
        .cluster
        .wait("the node to answer", Duration::from_secs(20), answering);
    waited.await.unwrap()
}

async fn lives(stage: &Stage) -> BTreeMap<u64, String> {
    let mut lives = BTreeMap::new();
    for ordinal in stage.cluster.ordinals() {
        lives.insert(ordinal, status(stage, ordinal).await.incarnation);
    }
    lives
}

/// Ends a node, removes what it holds, and starts it again; its new life.
async fn wipe(stage: &Stage, ordinal: u64) -> String {
    stage.cluster.kill(ordinal).await.unwrap();
    let folder = stage.cluster.folder(ordinal).unwrap();
    std::fs::remove_dir_all(folder.join("data")).unwrap();
    stage.cluster.start_node(ordinal).unwrap();
    status(stage, ordinal).await.incarnation
}

fn request(stage: &Stage, lives: &BTreeMap<u64, String>) -> v1::InitRequest {
    let founding = stage.cluster.founding().unwrap();
    let clock = client::clock::SystemClock::start();
    founding.request(members(stage, lives), &clock).unwrap()
}

/// The order of a request, signed by somebody who is no administrator.
fn by_a_chair(stage: &Stage, request: &v1::InitRequest) -> Vec<u8> {
    let order = SignedNote::parse(&request.order).unwrap();
    let (unit, _) = stage.unit(0).unwrap();
    let line = stage.chair(&unit).unwrap().sign(order.text());
    let note = SignedNote::assemble(order.text(), vec![line]).unwrap();
    note.bytes().to_vec()
}

/// The code that a node refuses a start with.
pub(super) fn refusal(answer: Result<tonic::Response<v1::InitResponse>, tonic::Status>) -> String {
    match answer.unwrap().into_inner().result {
        Some(v1::init_response::Result::Refused(refusal)) => refusal.code,
        other => panic!("it was not refused: {other:?}"),
    }
}

/// Nothing has reached this node: no vote, no entry, no leaf.
async fn is_outside(stage: &Stage, ordinal: u64) {
    let status = status(stage, ordinal).await;
    assert_eq!(
        (
            status.role.as_str(),
            status.term,
            status.last_log_index,
            status.tree_size
        ),
        ("uninitialized", 0, 0, 0),
        "node {ordinal}"
    );
    let operations = stage.cluster.operations(ordinal).unwrap();
    assert_eq!(get(operations, "/readyz").await.unwrap().0, 503);
}

fn impatient(stage: &Stage) -> Client {
    let connections = stage.cluster.connections.clone();
    let client = Client::new(connections, Arc::clone(&stage.cluster.election));
    client.with_schedule(Schedule {
        budget: WHILE,
        ..Schedule::default()
    })
}

/// Before the first start anybody reaches the nodes and holds the public bundle. Only what an administrator has
/// ordered begins, down to the addresses that clients are sent to.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_but_an_administrator_founds_a_cluster() {
    let stage = Stage::prepare(2, 3).unwrap();
    for ordinal in stage.cluster.ordinals() {
        stage.cluster.start_node(ordinal).unwrap();
    }
    let lives = lives(&stage).await;
    let ordered = request(&stage, &lives);
    let with = |order: &[u8]| v1::InitRequest {
        order: order.to_vec().into(),
        ..ordered.clone()
    };
    let mut elsewhere = ordered.clone();
    elsewhere.members[1].api_address = "198.51.100.7:7100".to_owned();
    for (start, code) in [
        (with(b""), "no_authority"),
        (with(&by_a_chair(&stage, &ordered)), "no_authority"),
        (with(b"nonsense"), "malformed"),
        (elsewhere, "other_members"),
    ] {
        for ordinal in stage.cluster.ordinals() {
            let mut door = election(&stage, ordinal);
            assert_eq!(refusal(door.admit(start.clone()).await), code);
            assert_eq!(refusal(door.init(start.clone()).await), code);
        }
    }
    for ordinal in stage.cluster.ordinals() {
        assert!(!status(&stage, ordinal).await.admitted, "node {ordinal}");
    }
    stage.cluster.initialize().await.unwrap();
    stage.report(0).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wiped_node_gets_no_place_whoever_lets_it_in() {
    let stage = Stage::open(4).await.unwrap();
    stage.report(0).await.unwrap();
    stage.cluster.settled(2).await.unwrap();
    let before = lives(&stage).await;
    let leader = stage.cluster.leader().await.unwrap();
    let mut others = stage.cluster.ordinals().into_iter();
    let wiped = others.find(|ordinal| *ordinal != leader).unwrap();
    let other = others.find(|ordinal| *ordinal != leader).unwrap();

    let mut now = before.clone();
    now.insert(wiped, wipe(&stage, wiped).await);
    assert_ne!(now[&wiped], before[&wiped]);
    let mut door = election(&stage, wiped);
    // As the members have it, it is somebody else by now.
    let old = request(&stage, &before);
    door.admit(old.clone()).await.unwrap_err();
    door.init(old).await.unwrap_err();
    let new = request(&stage, &now);
    // As it is now, it may wait for a cluster to begin, and none does.
    door.admit(new.clone()).await.unwrap();
    assert!(status(&stage, wiped).await.admitted);
    let refused = door.init(new).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::FailedPrecondition);
    assert!(refused.message().contains("does not agree"), "{refused}");

    // The others go on, and the leader says whom it leaves out.
    stage.report(1).await.unwrap();
    let log = stage.cluster.folder(leader).unwrap().join("node.log");
    let reported = async || {
        let said = std::fs::read_to_string(&log).unwrap();
        said.contains("a node has lost its data directory")
            .then_some(())
    };
    let waited = stage
        .cluster
        .wait("the leader to say so", Duration::from_secs(20), reported);
    waited.await.unwrap();
    let margin = async || {
        let margin = metric(&stage, leader, "tally_quorum_margin").await;
        margin.is_ok_and(|margin| margin == 0).then_some(())
    };
    let waited = stage
        .cluster
        .wait("the margin", Duration::from_secs(20), margin);
    waited.await.unwrap();
    is_outside(&stage, wiped).await;

    // It is no majority with the leader, and it elects nobody.
    stage.cluster.kill(other).await.unwrap();
    let sent = impatient(&stage)
        .submit_signed(&stage.note(2).unwrap())
        .await;
    assert!(
        matches!(&sent, Delivery::NotYet(known) if known.recorded.is_none()),
        "{sent:?}"
    );
    is_outside(&stage, wiped).await;
    stage.cluster.kill(leader).await.unwrap();
    stage.cluster.start_node(other).unwrap();
    status(&stage, other).await;
    tokio::time::sleep(WHILE).await;
    assert_eq!(stage.cluster.leader().await, None);
    is_outside(&stage, wiped).await;

    stage.cluster.start_node(leader).unwrap();
    stage.report(3).await.unwrap();
    is_outside(&stage, wiped).await;
}

/// Two of three have lost their directories: they are a majority, and whoever orders it they found nothing,
/// whether the third is away or there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wiped_nodes_found_no_second_cluster() {
    let stage = Stage::open(2).await.unwrap();
    stage.report(0).await.unwrap();
    stage.cluster.settled(2).await.unwrap();
    let mut lives = lives(&stage).await;
    stage.cluster.kill(3).await.unwrap();
    for ordinal in [1, 2] {
        lives.insert(ordinal, wipe(&stage, ordinal).await);
    }
    let request = request(&stage, &lives);
    for third in ["away", "there"] {
        for ordinal in [1, 2] {
            let mut door = election(&stage, ordinal);
            door.admit(request.clone()).await.unwrap();
        }
        for ordinal in [1, 2] {
            let refused = election(&stage, ordinal).init(request.clone()).await;
            let refused = refused.unwrap_err();
            assert!(
                refused.message().contains("node 3 does not agree"),
                "{third}: {refused}"
            );
        }
        tokio::time::sleep(WHILE / 3).await;
        is_outside(&stage, 1).await;
        is_outside(&stage, 2).await;
        if third == "away" {
            stage.cluster.start_node(3).unwrap();
        }
        if third == "there" {
            let third = status(&stage, 3).await;
            assert_eq!((third.tree_size, third.role != "leader"), (2, true));
        } else {
            status(&stage, 3).await;
        }
    }
}
