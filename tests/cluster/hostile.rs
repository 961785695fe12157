//! Connections that mean no good, at every port: thousands that do nothing, handshakes and headers
//! that never end, bodies that stall, bytes that are no protocol. Chairs report meanwhile.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use client::chair::Report;
use merkle::LeafHash;
use rustix::process::{Resource, getrlimit, setrlimit};
use tests::figures;
use tests::stage::Stage;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::overload::metric;

/// Connections that do nothing: more than a node keeps, in the gate and at night.
const IDLE: (usize, usize) = (6_000, 10_000);
/// Each of so many has shaken hands first.
const SHAKEN: usize = 20;
/// What a node may grow by while it holds as many as it allows, in MiB.
const GROWTH_MIB: u64 = 256;

/// A connection from an address of ours that no chair has.
async fn from(last: u8, to: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    let here = IpAddr::V4(Ipv4Addr::new(127, 0, 2, last));
    socket.bind(SocketAddr::new(here, 0))?;
    socket.connect(to).await
}

fn connector(stage: &Stage, protocol: &[u8]) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    let authority = CertificateDer::from_pem_file(&stage.cluster.written.authority).unwrap();
    roots.add(authority).unwrap();
    let mut config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    TlsConnector::from(Arc::new(config))
}

async fn shaken(
    connector: &TlsConnector,
    last: u8,
    to: SocketAddr,
) -> std::io::Result<TlsStream<TcpStream>> {
    let name = ServerName::try_from("localhost").unwrap();
    connector.connect(name, from(last, to).await?).await
}

/// Raises this program's limit of open files as far as the system lets it: so many connections
/// there is room for, and the rest of the test.
fn room_for(connections: usize) -> usize {
    let wanted = u64::try_from(connections + 512).unwrap();
    let mut limit = getrlimit(Resource::Nofile);
    let allowed = limit.maximum.map_or(wanted, |maximum| maximum.min(wanted));
    if limit.current.is_some_and(|current| current < allowed) {
        limit.current = Some(allowed);
        setrlimit(Resource::Nofile, limit).unwrap();
    }
    connections.min(usize::try_from(allowed).unwrap() - 512)
}

/// One chair's reports, one after the other; each must get its receipt.
struct Chair {
    seq: u64,
    supersedes: Option<LeafHash>,
}

impl Chair {
    async fn report(&mut self, stage: &Stage) -> Duration {
        let (unit, sheet) = stage.unit(0).unwrap();
        let (_, other) = stage.unit(1).unwrap();
        self.seq += 1;
        let sheet = if self.seq % 2 == 1 { sheet } else { other };
        let mut report = Report::first(unit.clone(), sheet);
        report.seq = self.seq;
        report.supersedes = self.supersedes;
        let note = stage.desk.sign(report, stage.chair(&unit).unwrap(), 31);
        let sent = stage.desk.send(&note.unwrap()).await.unwrap();
        let receipted = sent.receipted().unwrap();
        let hash = *receipted.receipt.leaf_hash().as_hash();
        self.supersedes = Some(LeafHash::from_hash(hash));
        receipted.receipted.saturating_sub(receipted.sent)
    }
}

/// Thousands of connections at one node, most of them silent and some with a handshake behind
/// them: those that rest longest are closed for new ones, the node stays as large as its limit of
/// connections makes it, and a chair is answered all the while.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_of_idle_connections_do_not_keep_a_chair_waiting() {
    let stage = Stage::open(2).await.unwrap();
    let api = stage.cluster.made.plan.nodes[0].api;
    let mut chair = Chair {
        seq: 0,
        supersedes: None,
    };
    let mut quiet = Vec::new();
    for _ in 0..20 {
        quiet.push(chair.report(&stage).await);
    }
    let resident = "process_resident_memory_bytes";
    let before = metric(&stage, 1, resident).await.unwrap() >> 20;
    let secure = connector(&stage, b"h2");
    let (mut silent, mut greeted, mut crowded) = (Vec::new(), Vec::new(), Vec::new());
    let idle = room_for(figures::times(IDLE.0, IDLE.1));
    for n in 0..idle {
        let last = u8::try_from(1 + n % 200).unwrap();
        if n % SHAKEN == 0 {
            // One that is closed at once makes no difference.
            greeted.extend(shaken(&secure, last, api).await.ok());
        } else {
            silent.extend(from(last, api).await.ok());
        }
        if n % 500 == 0 {
            crowded.push(chair.report(&stage).await);
        }
    }
    for _ in 0..20 {
        crowded.push(chair.report(&stage).await);
    }
    let during = metric(&stage, 1, resident).await.unwrap() >> 20;
    let open = metric(&stage, 1, "tally_api_connections").await.unwrap();
    let most = |times: &[Duration]| times.iter().max().unwrap().as_millis();
    println!(
        "figures {}",
        serde_json::json!({
            "scenario": "idle_connections",
            "opened": silent.len() + greeted.len(),
            "shaken": greeted.len(),
            "open_at_the_end": open,
            "memory_before_mib": before,
            "memory_during_mib": during,
            "receipt_before_max_ms": u64::try_from(most(&quiet)).unwrap(),
            "receipt_during_max_ms": u64::try_from(most(&crowded)).unwrap(),
        })
    );
    assert!(
        silent.len() + greeted.len() > idle * 9 / 10,
        "the node takes new ones in"
    );
    assert!(open <= 4_096, "{open} connections are open");
    assert!(
        during <= before + GROWTH_MIB,
        "{before} became {during} MiB"
    );
    drop((silent, greeted));
    chair.report(&stage).await;
}

/// Bytes that are no protocol, at every port of a node; it goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_at_every_port_changes_nothing() {
    let stage = Stage::open(2).await.unwrap();
    let node = &stage.cluster.made.plan.nodes[0];
    let secure = connector(&stage, b"h2");
    let garbage: Vec<u8> = (0..64_u32 * 1024)
        .map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0])
        .collect();
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let oversized = [preface.as_slice(), &[0xff; 9]].concat();
    let endless_line = [b"GET /".as_slice(), &vec![b'a'; 1 << 20]].concat();
    for bytes in [
        &garbage,
        &oversized,
        &endless_line,
        &vec![0x16, 3, 1, 255, 255],
    ] {
        for port in [node.api, node.peers, node.operations] {
            let mut stream = from(1, port).await.unwrap();
            // The node may close at any byte.
            let _sent = stream.write_all(bytes).await;
            let _ended = stream.shutdown().await;
            let mut answer = Vec::new();
            let read = stream.read_to_end(&mut answer);
            let _ended = tokio::time::timeout(Duration::from_secs(2), read).await;
        }
        let mut stream = shaken(&secure, 1, node.api).await.unwrap();
        let _sent = stream.write_all(bytes).await;
        let _ended = stream.shutdown().await;
    }
    stage.report(0).await.unwrap();
    let statuses = stage.cluster.settled(2).await.unwrap();
    assert_eq!(statuses.len(), 3);
}

/// Handshakes, headers and bodies that begin and do not go on are ended by the node, on each port,
/// and a chair reports meanwhile. Headers and bodies have half a minute, so they are tried at night.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_never_ends_is_ended() {
    let stage = Stage::open(2).await.unwrap();
    let node = &stage.cluster.made.plan.nodes[0];
    let (plain, began) = (connector(&stage, b"http/1.1"), Instant::now());
    let mut stalled: Vec<(&str, Box<dyn Stalled>)> = Vec::new();
    for (port, what) in [
        (node.api, "a handshake"),
        (node.peers, "a peer's handshake"),
    ] {
        let mut stream = from(3, port).await.unwrap();
        stream.write_all(&[0x16, 3, 1]).await.unwrap();
        stalled.push((what, Box::new(stream)));
    }
    let slow = figures::times(0, 2);
    for (head, what) in [
        ("GET /checkpoint HTTP/1.1\r\nHost: a\r\nX: ", "headers"),
        (
            "POST /v1/submissions HTTP/1.1\r\nHost: a\r\nContent-Length: 8000\r\n\r\nprecinct",
            "a body",
        ),
    ]
    .into_iter()
    .take(slow)
    {
        let mut stream = shaken(&plain, 4, node.api).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        stalled.push((what, Box::new(stream)));
    }
    if slow > 0 {
        let mut stream = from(5, node.operations).await.unwrap();
        let head = b"GET /metrics HTTP/1.1\r\nHost: ";
        stream.write_all(head).await.unwrap();
        stalled.push(("an operator's headers", Box::new(stream)));
    }
    stage.report(0).await.unwrap();
    for (what, mut stream) in stalled {
        // The longest of these deadlines is twenty seconds, and the machine may be busy.
        let ended = tokio::time::timeout(Duration::from_mins(1), stream.ended()).await;
        assert!(
            ended.is_ok(),
            "{what} is still open after {:?}",
            began.elapsed()
        );
    }
    stage.report(1).await.unwrap();
}

/// A body larger than a note with its frame is refused, over HTTP and over gRPC.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn oversized_messages_are_refused() {
    use proto::v1::SubmitRequest;
    use proto::v1::submissions_client::SubmissionsClient;
    use tonic::transport::{Certificate, ClientTlsConfig, Endpoint};

    let stage = Stage::open(2).await.unwrap();
    let api = stage.cluster.made.plan.nodes[0].api;
    let authority = std::fs::read(&stage.cluster.written.authority).unwrap();
    let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(authority));
    let endpoint = Endpoint::from_shared(format!("https://{api}")).unwrap();
    let channel = endpoint.tls_config(tls).unwrap().connect_lazy();
    let request = SubmitRequest {
        note: Bytes::from(vec![b'a'; 4 << 20]),
        wait_ms: 1,
    };
    let refused = SubmissionsClient::new(channel).submit(request).await;
    refused.unwrap_err();
    let mut stream = shaken(&connector(&stage, b"http/1.1"), 1, api)
        .await
        .unwrap();
    let head = "POST /v1/submissions HTTP/1.1\r\nHost: a\r\nContent-Length: 4194304\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let _cut = stream.write_all(&vec![b'a'; 64 << 10]).await;
    let mut status = [0; 12];
    stream.read_exact(&mut status).await.unwrap();
    assert_eq!(&status, b"HTTP/1.1 413");
    stage.report(0).await.unwrap();
}

/// A connection that somebody else has to end.
#[tonic::async_trait]
trait Stalled {
    async fn ended(&mut self);
}

#[tonic::async_trait]
impl<S: AsyncReadExt + Unpin + Send> Stalled for S {
    async fn ended(&mut self) {
        let mut answer = [0; 1024];
        while self.read(&mut answer).await.is_ok_and(|read| read > 0) {}
    }
}
