//! The doors of a node: the API, the peers' door, the operations port.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use client::answer::{Answer, Trouble};
use client::retry::Courier;
use tests::stage::Stage;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Hands exact bytes to one node and gives back what it says, receipt or not.
pub(crate) async fn carry(stage: &Stage, index: usize, note: &[u8]) -> Result<Answer, Trouble> {
    stage
        .cluster
        .connections
        .carry(index, note, Duration::from_secs(2))
        .await
}

/// A plain HTTP GET: status code and body.
pub(crate) async fn get(address: SocketAddr, path: &str) -> anyhow::Result<(u16, String)> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let code = answer
        .split_whitespace()
        .nth(1)
        .context("no status line")?
        .parse()?;
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    Ok((code, body.to_owned()))
}

/// What operations see: alive, ready, and metrics that promtool finds nothing wrong with.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn operations_see_the_truth() {
    let stage = Stage::open(6).await.unwrap();
    for n in 0..3 {
        stage.report(n).await.unwrap();
    }
    stage.cluster.settled(4).await.unwrap();
    for ordinal in stage.cluster.ordinals() {
        let operations = stage.cluster.operations(ordinal).unwrap();
        assert_eq!(get(operations, "/livez").await.unwrap().0, 200);
        assert_eq!(get(operations, "/readyz").await.unwrap().0, 200);
        let (code, metrics) = get(operations, "/metrics").await.unwrap();
        assert_eq!(code, 200);
        let sample = |name: &str| -> f64 {
            let line = metrics
                .lines()
                .find(|line| line.split(' ').next() == Some(name));
            line.unwrap_or_else(|| panic!("no {name}"))
                .rsplit(' ')
                .next()
                .unwrap()
                .parse()
                .unwrap()
        };
        let same = |a: f64, b: f64| (a - b).abs() < 0.5;
        assert!(
            same(sample("tally_tree_size"), 4.0),
            "{}",
            sample("tally_tree_size")
        );
        assert!(same(sample("tally_units{standing=\"silent\"}"), 3.0));
        assert!(same(sample("tally_raft_has_leader"), 1.0));
        lint(&metrics);
    }
}

/// promtool's own opinion, where it is installed; in CI it must be.
fn lint(metrics: &str) {
    let path = std::env::temp_dir().join(format!("tally-metrics-{}", std::process::id()));
    std::fs::write(&path, metrics).unwrap();
    let file = std::fs::File::open(&path).unwrap();
    let checked = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(file)
        .output();
    std::fs::remove_file(&path).unwrap();
    match checked {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success() && said.is_empty(), "{said}");
        }
        Err(error) if std::env::var_os("CI").is_none() => {
            eprintln!(
                "skipped: promtool cannot be run ({error}); ops/dev/install.sh test installs it"
            );
        }
        Err(error) => panic!("promtool cannot be run: {error}"),
    }
}

/// Nobody without a node's certificate gets a word in at the peers' door, and a node's is not enough for
/// another election.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_peers_door_opens_to_nodes_only() {
    use proto::raft;
    use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

    let stage = Stage::open(2).await.unwrap();
    let plan = &stage.cluster.made.plan.nodes[0];
    let folder = stage.cluster.folder(2).unwrap();
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap();
    let tls = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(read("ca.crt")))
        .domain_name("n1.tally.internal");
    let endpoint = Endpoint::from_shared(format!("https://{}", plan.peers)).unwrap();
    let gossip = raft::GossipRequest::default();

    // Without a certificate.
    let channel = endpoint
        .clone()
        .tls_config(tls.clone())
        .unwrap()
        .connect_lazy();
    let refused = raft::peer_client::PeerClient::new(channel)
        .gossip(gossip.clone())
        .await;
    assert!(refused.is_err(), "{refused:?}");

    // With n2's certificate, and without saying which election, from whom, to whom.
    let with = tls.identity(Identity::from_pem(read("peer.crt"), read("peer.key")));
    let channel = endpoint.tls_config(with).unwrap().connect_lazy();
    let mut peer = raft::peer_client::PeerClient::new(channel);
    let refused = peer.gossip(gossip.clone()).await.unwrap_err();
    assert_ne!(refused.code(), tonic::Code::Ok);

    // With n2's certificate, as n3 of a foreign election.
    let mut request = tonic::Request::new(gossip);
    for (key, value) in [
        (
            "tally-genesis",
            "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        ),
        ("tally-from", "3"),
        ("tally-to", "1"),
    ] {
        request.metadata_mut().insert(key, value.parse().unwrap());
    }
    peer.gossip(request).await.unwrap_err();
    stage.report(0).await.unwrap();
}
