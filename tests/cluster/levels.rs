//! An outside witness gives receipts their final level, and costs nothing but that when it is away.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::http::StatusCode;
use client::election::WitnessPlan;
use note::{CosignerKey, KeyName};
use proto::v1;
use receipt::{NodeId, ReceiptLevel, UnverifiedReceipt, WitnessLine};
use tests::stage::Stage;

/// Somebody who answers 404 to everything, as a witness does that does not know the log.
async fn stranger() -> (Arc<AtomicU32>, WitnessPlan, tokio::task::JoinHandle<()>) {
    let asked = Arc::new(AtomicU32::new(0));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let name = KeyName::parse("campaign-a.example/witness").unwrap();
    let plan = WitnessPlan {
        line: WitnessLine {
            id: NodeId::parse("w1").unwrap(),
            key: CosignerKey::from_seed(name, [3; 32]).verifier().clone(),
        },
        url: format!("http://{}", listener.local_addr().unwrap()),
    };
    let counted = Arc::clone(&asked);
    let router = axum::Router::new().fallback(move || async move {
        counted.fetch_add(1, Ordering::Relaxed);
        StatusCode::NOT_FOUND
    });
    let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (asked, plan, serving)
}

/// The final form of a leaf's receipt from a node, waited for.
async fn final_receipt(stage: &Stage, index: u64) -> receipt::Receipt {
    let leaf = v1::get_receipt_request::Leaf::LeafIndex(index);
    stage
        .cluster
        .wait("the final receipt", Duration::from_mins(1), async || {
            let asked = stage
                .cluster
                .connections
                .receipt(leaf.clone(), v1::Level::Final);
            let v1::get_receipt_response::Result::Receipt(bytes) = asked.await.ok()? else {
                return None;
            };
            let unverified = UnverifiedReceipt::parse(&bytes).unwrap();
            let verification = unverified.verify(&stage.cluster.election);
            Some(verification.receipt().expect("it holds").clone())
        })
        .await
        .unwrap()
}

/// `tally-witness`, as a campaign runs it.
struct Campaign {
    folder: tempfile::TempDir,
    plan: WitnessPlan,
    address: std::net::SocketAddr,
}

impl Campaign {
    /// Makes the key, whose public half goes into the manifest.
    async fn prepare() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let made = program(&folder)
            .args(["--make-key", "tally.example/rehearsal-2028"])
            .args(["--name", "campaign-a.example/witness"])
            .output()
            .await
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        let key = String::from_utf8(made.stdout).unwrap();
        let address = tests::ports::free(1).unwrap().remove(0);
        let plan = WitnessPlan::parse(&format!("w1 http://{address} {}", key.trim())).unwrap();
        Self {
            folder,
            plan,
            address,
        }
    }

    fn start(&self, stage: &Stage) -> tokio::process::Child {
        program(&self.folder)
            .arg("--bundle")
            .arg(&stage.cluster.written.bundle)
            .args(["--fingerprint", &stage.cluster.made.fingerprint.to_string()])
            .args(["--listen", &self.address.to_string()])
            .spawn()
            .unwrap()
    }
}

fn program(folder: &tempfile::TempDir) -> tokio::process::Command {
    let binary = tests::cluster::beside_this_program("tally-witness").unwrap();
    let mut command = tokio::process::Command::new(binary);
    command.arg("--state").arg(folder.path().join("state"));
    command.kill_on_drop(true);
    command
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_campaigns_witness_makes_receipts_final_also_after_a_change_of_leader() {
    let campaign = Campaign::prepare().await;
    let stage = Stage::open_with(12, vec![campaign.plan.clone()])
        .await
        .unwrap();
    let mut running = campaign.start(&stage);
    let first = stage.report(0).await.unwrap().receipt;
    assert_eq!(first.level(), ReceiptLevel::Receipt);
    let found = final_receipt(&stage, first.index().get()).await;
    assert_eq!(found.level(), ReceiptLevel::Final);
    assert_eq!(
        (found.entry(), found.index()),
        (first.entry(), first.index())
    );

    // The new leader does not know what the witness saw, and learns it from the witness, which was
    // killed and started again in between.
    let leader = stage.cluster.leader().await.unwrap();
    stage.cluster.kill(leader).await.unwrap();
    running.kill().await.unwrap();
    let second = stage.report(1).await.unwrap().receipt;
    let running = campaign.start(&stage);
    // The strong quorum is all three nodes: the final level waits for the one that is down.
    stage.cluster.start_node(leader).unwrap();
    let third = stage.report(2).await.unwrap().receipt;
    let found = final_receipt(&stage, third.index().get()).await;
    assert_eq!(found.level(), ReceiptLevel::Final);
    let found = final_receipt(&stage, second.index().get()).await;
    assert_eq!(found.entry(), second.entry());

    // Put back from a copy it would sign trees that it has forgotten. The node shows it its own
    // signature, and it stops.
    drop(running);
    let state = campaign.folder.path().join("state");
    let copied: Vec<_> = std::fs::read_dir(&state)
        .unwrap()
        .map(|file| file.unwrap().path())
        .map(|file| (file.clone(), std::fs::read(file).unwrap()))
        .collect();
    let running = campaign.start(&stage);
    let fourth = stage.report(3).await.unwrap().receipt;
    final_receipt(&stage, fourth.index().get()).await;
    drop(running);
    for (file, bytes) in copied {
        std::fs::write(file, bytes).unwrap();
    }
    let running = campaign.start(&stage);
    stage.report(4).await.unwrap();
    let stopped = async || {
        let (code, _) = super::doors::get(campaign.address, "/livez").await.ok()?;
        (code == 503).then_some(())
    };
    let patience = Duration::from_mins(1);
    let cluster = &stage.cluster;
    cluster
        .wait("the witness to stop", patience, stopped)
        .await
        .unwrap();

    // Its key without its memory signs nothing more.
    drop(running);
    std::fs::remove_file(campaign.folder.path().join("state/checkpoint")).unwrap();
    let ended = campaign.start(&stage).wait_with_output().await.unwrap();
    assert_eq!(ended.status.code(), Some(1));
}

/// The newest checkpoint has no witness's line for as long as reports keep coming, so a final one
/// lies behind it; every node hands it out, not the leader alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn receipts_become_final_on_every_node_while_reports_keep_coming() {
    const UNITS: usize = 400;
    let campaign = Campaign::prepare().await;
    let stage = Stage::open_with(u64::try_from(UNITS).unwrap(), vec![campaign.plan.clone()])
        .await
        .unwrap();
    let _running = campaign.start(&stage);
    let first = stage.report(0).await.unwrap().receipt;
    let request = v1::GetReceiptRequest {
        leaf: Some(v1::get_receipt_request::Leaf::LeafIndex(
            first.index().get(),
        )),
        level: v1::Level::Final.into(),
    };
    let reported = AtomicU32::new(1);
    let reports = async {
        for number in 1..UNITS {
            stage.report(number).await.unwrap();
            reported.fetch_add(1, Ordering::Relaxed);
        }
    };
    let everywhere = async {
        let mut lacking = stage.cluster.ordinals().len();
        while lacking > 0 {
            let ask = |channel| {
                let request = request.clone();
                async move {
                    let mut receipts = v1::receipts_client::ReceiptsClient::new(channel);
                    receipts.get_receipt(request).await
                }
            };
            let answers = stage
                .cluster
                .connections
                .all(Duration::from_secs(2), ask)
                .await;
            let has = |answer: &v1::GetReceiptResponse| {
                matches!(
                    answer.result,
                    Some(v1::get_receipt_response::Result::Receipt(_))
                )
            };
            lacking = answers
                .iter()
                .filter(|(_, answer)| !answer.as_ref().is_ok_and(has))
                .count();
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::select! {
        () = everywhere => {}
        () = reports => panic!("all {UNITS} have reported, and the first is not final everywhere"),
    }
    println!(
        "final on every node after {} reports",
        reported.load(Ordering::Relaxed)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_witness_that_refuses_or_is_away_costs_no_receipt() {
    let (asked, plan, serving) = stranger().await;
    let stage = Stage::open_with(12, vec![plan]).await.unwrap();
    for n in 0..3 {
        stage.report(n).await.unwrap();
    }
    let reached = async || (asked.load(Ordering::Relaxed) > 0).then_some(());
    let patience = Duration::from_secs(10);
    let cluster = &stage.cluster;
    cluster
        .wait("the witness to be asked", patience, reached)
        .await
        .unwrap();
    serving.abort();
    for n in 3..6 {
        let receipt = stage.report(n).await.unwrap().receipt;
        assert_eq!(receipt.level(), ReceiptLevel::Receipt);
    }
}

/// `tally` with `--json` on a campaign's machine: how it ended, and what it said.
async fn tally(stage: &Stage, words: &[&str]) -> (Option<i32>, serde_json::Value) {
    let nodes = stage.cluster.made.plan.nodes.iter();
    let nodes: Vec<String> = nodes.map(|node| node.api.to_string()).collect();
    let binary = tests::cluster::beside_this_program("tally").unwrap();
    let output = tokio::process::Command::new(binary)
        .args(words)
        .arg("--json")
        .env("TALLY_NODES", nodes.join(","))
        .env("TALLY_BUNDLE", &stage.cluster.written.bundle)
        .env(
            "TALLY_FINGERPRINT",
            stage.cluster.made.fingerprint.to_string(),
        )
        .env("TALLY_CA", &stage.cluster.written.authority)
        .output()
        .await
        .unwrap();
    let answer = serde_json::from_slice(&output.stdout).unwrap();
    (output.status.code(), answer)
}

/// Asks for the final form of a receipt file until the names that are missing are these.
async fn upgrade_waits_for(stage: &Stage, file: &str, nodes: &[&str], witnesses: &[&str]) {
    let patience = Duration::from_secs(20);
    let named = async || {
        let (code, answer) = tally(stage, &["receipt", "upgrade", file]).await;
        assert_eq!(code, Some(11), "{answer}");
        let missing = &answer["waiting"][0]["missing"];
        let expected = missing["nodes"] == serde_json::json!(nodes)
            && missing["witnesses"] == serde_json::json!(witnesses);
        expected.then_some(())
    };
    stage
        .cluster
        .wait("those names", patience, named)
        .await
        .unwrap();
}

/// Nobody has to guess why a receipt is not final: `upgrade` and `fetch` name the witness and the node that have not
/// signed, and when they have, the file is replaced by its final form.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_commands_name_who_has_not_signed() {
    let campaign = Campaign::prepare().await;
    let stage = Stage::open_with(12, vec![campaign.plan.clone()])
        .await
        .unwrap();
    let receipt = stage.report(0).await.unwrap().receipt;
    let file = stage.folder().join("first.receipt").display().to_string();
    std::fs::write(&file, receipt.to_bytes()).unwrap();
    upgrade_waits_for(&stage, &file, &[], &["w1"]).await;
    assert_eq!(std::fs::read(&file).unwrap(), receipt.to_bytes());
    let (index, out) = (receipt.index().to_string(), format!("{file}.final"));
    let fetch = [
        "receipt", "fetch", &index, "--level", "final", "--out", &out,
    ];
    let (code, answer) = tally(&stage, &fetch).await;
    assert_eq!(code, Some(11), "{answer}");
    let why = answer.to_string();
    assert!(why.contains("outside witness w1 has not signed"), "{why}");
    assert!(!std::path::Path::new(&out).exists());

    let leader = stage.cluster.leader().await.unwrap();
    let ordinals = stage.cluster.ordinals();
    let down = *ordinals.iter().find(|ordinal| **ordinal != leader).unwrap();
    stage.cluster.kill(down).await.unwrap();
    let second = stage.report(1).await.unwrap().receipt;
    let later = stage.folder().join("second.receipt").display().to_string();
    std::fs::write(&later, second.to_bytes()).unwrap();
    let node = format!("n{down}");
    upgrade_waits_for(&stage, &later, &[&node], &["w1"]).await;

    stage.cluster.start_node(down).unwrap();
    let running = campaign.start(&stage);
    let all = ["receipt", "upgrade", &file, &later];
    let reached = async || {
        let (code, answer) = tally(&stage, &all).await;
        (code == Some(0)).then_some(answer)
    };
    let patience = Duration::from_secs(20);
    let waited = stage.cluster.wait("the final level", patience, reached);
    let answer = waited.await.unwrap();
    assert_eq!(answer["final"], serde_json::json!([file, later]));
    for (path, before) in [(&file, &receipt), (&later, &second)] {
        let bytes = std::fs::read(path).unwrap();
        let found = UnverifiedReceipt::parse(&bytes).unwrap();
        let verification = found.verify(&stage.cluster.election);
        let found = verification.receipt().unwrap();
        assert_eq!(found.level(), ReceiptLevel::Final);
        assert_eq!(found.entry(), before.entry());
    }
    let (code, answer) = tally(&stage, &fetch).await;
    assert_eq!(code, Some(0), "{answer}");
    assert_eq!(answer["level"], "final", "{answer}");
    drop(running);
}
