//! An outside witness gives receipts their final level, and costs nothing but that when it is away.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::post;
use client::clock::{Clock, SystemClock};
use client::election::WitnessPlan;
use note::{CosignerKey, KeyName};
use proto::v1;
use receipt::{NodeId, ReceiptLevel, UnverifiedReceipt, WitnessLine};
use tests::stage::Stage;
use witness::{AddCheckpoint, Considered, LastSeen, Witness};

/// A witness as the specification has it, in memory.
struct Outsider {
    key: CosignerKey,
    judge: Mutex<Option<Witness>>,
    seen: Mutex<Option<LastSeen>>,
    asked: Mutex<u32>,
}

impl Outsider {
    /// Listens on a free port of this machine.
    async fn listen() -> (Arc<Self>, WitnessPlan, tokio::task::JoinHandle<()>) {
        let name = KeyName::parse("campaign-a.example/witness").unwrap();
        let outsider = Arc::new(Self {
            key: CosignerKey::from_seed(name, [3; 32]),
            judge: Mutex::new(None),
            seen: Mutex::new(None),
            asked: Mutex::new(0),
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let plan = WitnessPlan {
            line: WitnessLine {
                id: NodeId::parse("w1").unwrap(),
                key: outsider.key.verifier().clone(),
            },
            url: format!("http://{}", listener.local_addr().unwrap()),
        };
        let router = axum::Router::new()
            .route("/add-checkpoint", post(add))
            .with_state(Arc::clone(&outsider));
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        (outsider, plan, serving)
    }

    /// It learns the log's keys, as one who has fetched the bundle.
    fn knows(&self, stage: &Stage) {
        let manifest = stage.cluster.election.latest().manifest();
        let keys = |of: fn(&receipt::NodeLine) -> &note::VerifierKey| {
            manifest.nodes.iter().map(|node| of(node).clone()).collect()
        };
        let judge = Witness::new(
            manifest.origin.clone(),
            keys(|node| &node.log),
            keys(|node| &node.cosigner),
            manifest.receipt_quorum(),
        );
        *self.judge.lock().unwrap() = Some(judge.unwrap());
    }
}

async fn add(State(outsider): State<Arc<Outsider>>, body: axum::body::Bytes) -> impl IntoResponse {
    *outsider.asked.lock().unwrap() += 1;
    let judge = outsider.judge.lock().unwrap();
    let (Some(judge), Ok(request)) = (judge.as_ref(), AddCheckpoint::parse(&body)) else {
        return (StatusCode::NOT_FOUND, String::new());
    };
    let mut last = outsider.seen.lock().unwrap();
    match judge.consider(last.as_ref(), &request, SystemClock::start().unix()) {
        Considered::Cosign {
            checkpoint,
            time,
            seen,
        } => {
            *last = Some(seen);
            (
                StatusCode::OK,
                format!("{}\n", outsider.key.cosign(&checkpoint, time)),
            )
        }
        Considered::Decline(decline) => {
            let body = match decline {
                witness::Decline::Conflict { seen } => format!("{seen}\n"),
                other => other.to_string(),
            };
            (StatusCode::from_u16(decline.status()).unwrap(), body)
        }
    }
}

/// The final form of a leaf's receipt from a node, waited for.
async fn final_receipt(stage: &Stage, index: u64) -> receipt::Receipt {
    let request = v1::GetReceiptRequest {
        leaf: Some(v1::get_receipt_request::Leaf::LeafIndex(index)),
        level: v1::Level::Final.into(),
    };
    stage
        .cluster
        .wait("the final receipt", Duration::from_secs(20), async || {
            let ask = |channel| {
                let request = request.clone();
                async move {
                    v1::receipts_client::ReceiptsClient::new(channel)
                        .get_receipt(request)
                        .await
                }
            };
            let answer = stage.cluster.connections.any(ask).await.ok()?;
            let Some(v1::get_receipt_response::Result::Receipt(bytes)) = answer.result else {
                return None;
            };
            let unverified = UnverifiedReceipt::parse(&bytes).unwrap();
            let verification = unverified.verify(&stage.cluster.election);
            Some(verification.receipt().expect("it holds").clone())
        })
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outside_witness_makes_receipts_final_also_after_a_change_of_leader() {
    let (outsider, plan, serving) = Outsider::listen().await;
    let mut stage = Stage::open_with(12, vec![plan]).await.unwrap();
    outsider.knows(&stage);
    let first = stage.report(0).await.unwrap().receipt;
    assert_eq!(first.level(), ReceiptLevel::Receipt);
    let index = first.index().get();
    let found = final_receipt(&stage, index).await;
    assert_eq!(found.level(), ReceiptLevel::Final);
    assert_eq!(
        (found.entry(), found.index()),
        (first.entry(), first.index())
    );

    // The new leader does not know what the witness saw, and learns it from the witness.
    let leader = stage.cluster.leader().await.unwrap();
    stage.cluster.kill(leader).await.unwrap();
    let second = stage.report(1).await.unwrap().receipt;
    // The strong quorum is all three nodes: the final level waits for the one that is down.
    stage.cluster.start_node(leader).unwrap();
    let third = stage.report(2).await.unwrap().receipt;
    let found = final_receipt(&stage, third.index().get()).await;
    assert_eq!(found.level(), ReceiptLevel::Final);
    let found = final_receipt(&stage, second.index().get()).await;
    assert_eq!(found.entry(), second.entry());
    serving.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_witness_that_refuses_or_is_away_costs_no_receipt() {
    let (outsider, plan, serving) = Outsider::listen().await;
    let stage = Stage::open_with(12, vec![plan]).await.unwrap();
    // It knows no keys yet, so it answers 404 to everything.
    for n in 0..3 {
        stage.report(n).await.unwrap();
    }
    assert!(*outsider.asked.lock().unwrap() > 0, "it was asked");
    serving.abort();
    for n in 3..6 {
        let receipt = stage.report(n).await.unwrap().receipt;
        assert_eq!(receipt.level(), ReceiptLevel::Receipt);
    }
}
