//! Who may call what: nobody changes anything without credentials, through any method of any
//! service; and a node whose disk is nearly full only answers reads.

use std::collections::BTreeSet;
use std::time::Duration;

use client::answer::Trouble;
use prost::Message;
use proto::v1;
use proto::v1::election_client::ElectionClient;
use tests::stage::Stage;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};

use super::doors::{carry, get};
use super::wiped::refusal;

/// The parts of `google.protobuf.FileDescriptorSet` that name methods.
#[derive(Message)]
struct FileSet {
    #[prost(message, repeated, tag = "1")]
    files: Vec<File>,
}

#[derive(Message)]
struct File {
    #[prost(string, tag = "2")]
    package: String,
    #[prost(message, repeated, tag = "6")]
    services: Vec<Service>,
}

#[derive(Message)]
struct Service {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, repeated, tag = "2")]
    methods: Vec<Method>,
}

#[derive(Message)]
struct Method {
    #[prost(string, tag = "1")]
    name: String,
}

/// Every method that is described, as `package.Service/Method`.
fn methods() -> BTreeSet<String> {
    let files = FileSet::decode(proto::FILE_DESCRIPTOR_SET).unwrap().files;
    let mut methods = BTreeSet::new();
    for File { package, services } in files {
        for Service {
            name: service,
            methods: all,
        } in services
        {
            let named = all
                .iter()
                .map(|method| format!("{package}.{service}/{}", method.name));
            methods.extend(named);
        }
    }
    methods
}

/// The node's README says of every method who may call it, and of no other.
#[test]
fn the_readme_lists_every_method_with_who_may_call_it() {
    let readme = include_str!("../../node/README.md");
    let (_, table) = readme.split_once("## Who may call what").unwrap();
    let (table, _) = table.split_once("\n## ").unwrap();
    let listed: BTreeSet<String> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| `tally."))
        .filter_map(|line| line.split_once('`'))
        .map(|(name, _)| format!("tally.{name}"))
        .collect();
    assert_eq!(listed, methods());
}

fn http(stage: &Stage) -> reqwest::Client {
    let authority = std::fs::read(&stage.cluster.written.authority).unwrap();
    reqwest::Client::builder()
        .tls_certs_only([reqwest::Certificate::from_pem(&authority).unwrap()])
        .timeout(Duration::from_secs(3))
        .build()
        .unwrap()
}

/// What must not change: the tree, the state, and who belongs to the cluster.
#[derive(Debug, PartialEq)]
struct Standing {
    tree_size: u64,
    root: Vec<u8>,
    side_digest: Vec<u8>,
    membership_index: u64,
    /// Ordinal, address, whether it votes.
    members: Vec<(u64, String, bool)>,
}

async fn standing(stage: &Stage, size: u64) -> Vec<Standing> {
    let statuses = stage.cluster.settled(size).await.unwrap();
    let what = |status: v1::NodeStatus| Standing {
        tree_size: status.tree_size,
        root: status.root.to_vec(),
        side_digest: status.side_digest.to_vec(),
        membership_index: status.membership_index,
        members: status
            .members
            .into_iter()
            .map(|member| (member.ordinal, member.peer_address, member.voter))
            .collect(),
    };
    statuses.into_iter().map(what).collect()
}

/// Every method of every service, with nothing, with garbage and with a note that nobody signed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_method_writes_without_credentials() {
    let stage = Stage::open(2).await.unwrap();
    stage.report(0).await.unwrap();
    let before = standing(&stage, 2).await;
    let http = http(&stage);
    let mut unsigned = Vec::new();
    let note = stage.note(1).unwrap();
    let text = String::from_utf8(note.text().as_bytes().to_vec()).unwrap();
    let note = format!("{text}\n\u{2014} nobody AAAAAAAA\n");
    v1::SubmitRequest {
        note: note.into_bytes().into(),
        wait_ms: 1,
    }
    .encode(&mut unsigned)
    .unwrap();
    let messages = [Vec::new(), vec![0xff; 100], unsigned];
    let mut called = 0;
    for node in &stage.cluster.made.plan.nodes {
        for method in methods() {
            for message in &messages {
                let length = u32::try_from(message.len()).unwrap().to_be_bytes();
                let framed = [&[0], length.as_slice(), message].concat();
                let answer = http
                    .post(format!("https://{}/{method}", node.api))
                    .header("content-type", "application/grpc")
                    .header("te", "trailers")
                    .body(framed)
                    .send();
                // Streams go on until they are left.
                called += usize::from(answer.await.is_ok());
            }
        }
        for (method, path) in [
            ("PUT", "/checkpoint"),
            ("DELETE", "/v1/manifests/1"),
            ("POST", "/v1/receipts/x"),
            ("POST", "/v1/submissions"),
            ("POST", "/livez"),
        ] {
            let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
            let url = format!("https://{}{path}", node.api);
            let answer = http.request(method, url).body("x").send().await.unwrap();
            assert!(answer.status().is_client_error(), "{path}: {answer:?}");
        }
    }
    assert!(called > 0);
    assert_eq!(standing(&stage, 2).await, before);
    for ordinal in stage.cluster.ordinals() {
        let operations = stage.cluster.operations(ordinal).unwrap();
        for path in ["/metrics", "/livez", "/readyz", "/version"] {
            let answer = reqwest::Client::new()
                .post(format!("http://{operations}{path}"))
                .send();
            assert_eq!(answer.await.unwrap().status(), 405, "{path}");
        }
        assert_eq!(get(operations, "/readyz").await.unwrap().0, 200);
    }
    stage.report(1).await.unwrap();
}

/// The door of a node for whoever starts an election.
pub(crate) fn election(stage: &Stage, ordinal: u64) -> ElectionClient<Channel> {
    let authority = std::fs::read(&stage.cluster.written.authority).unwrap();
    let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(&authority));
    let mut plans = stage.cluster.made.plan.nodes.iter();
    let plan = plans.find(|plan| plan.ordinal == ordinal).unwrap();
    let endpoint = Endpoint::from_shared(format!("https://{}", plan.api)).unwrap();
    let channel = endpoint.tls_config(tls).unwrap().connect_lazy();
    ElectionClient::new(channel).max_decoding_message_size(16 << 20)
}

/// The bundle of a running election is public. Whoever holds it can neither found the cluster
/// anew, nor let other members in, nor end the log with it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_public_bundle_is_no_credential() {
    let stage = Stage::open(2).await.unwrap();
    stage.report(0).await.unwrap();
    let before = standing(&stage, 2).await;
    for ordinal in stage.cluster.ordinals() {
        let mut election = election(&stage, ordinal);
        let bundle = election.get_bundle(v1::GetBundleRequest {}).await.unwrap();
        let bundle = Some(bundle.into_inner());
        let members = (1..=3).map(|ordinal| v1::Member {
            ordinal,
            name: format!("n{ordinal}"),
            peer_address: "127.0.0.9:1".to_owned(),
            api_address: "127.0.0.9:2".to_owned(),
            incarnation: "0".repeat(32),
        });
        let request = v1::InitRequest {
            bundle: bundle.clone(),
            members: members.collect(),
            order: bytes::Bytes::new(),
        };
        assert_eq!(
            refusal(election.admit(request.clone()).await),
            "no_authority"
        );
        assert_eq!(
            refusal(election.init(request.clone()).await),
            "no_authority"
        );
        let start = v1::RecoverRequest {
            part: Some(v1::recover_request::Part::Start(request)),
        };
        let recovery = election.recover(futures::stream::iter([start]));
        recovery.await.unwrap_err();
        let retiring = election.retire(v1::RetireRequest { bundle });
        retiring.await.unwrap_err();
    }
    assert_eq!(standing(&stage, 2).await, before);
    stage.report(1).await.unwrap();
}

/// With less room on the disk than the floor asks for, notes are turned away with the reason and a
/// time to come back, and everything that was recorded can be read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn below_the_disk_floor_a_node_only_answers_reads() {
    let mut stage = Stage::prepare(2, 1).unwrap();
    let config = stage.cluster.folder(1).unwrap().join("node.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    let floor = "\n[limits]\nfree_bytes_floor = 9000000000000000000\n";
    std::fs::write(&config, format!("{text}{floor}")).unwrap();
    start(&mut stage, 1);
    stage.cluster.initialize().await.unwrap();
    let note = stage.note(0).unwrap();
    let busy = async || match carry(&stage, 0, note.bytes()).await {
        Err(Trouble::Busy(pause)) => Some(pause),
        _ => None,
    };
    let pause = stage
        .cluster
        .wait("the floor", Duration::from_secs(5), busy);
    assert!(pause.await.unwrap() >= Duration::from_secs(1));
    let http = http(&stage);
    let api = stage.cluster.made.plan.nodes[0].api;
    let posted = http
        .post(format!("https://{api}/v1/submissions"))
        .body(note.bytes().to_vec())
        .send()
        .await
        .unwrap();
    assert_eq!(posted.status(), 503);
    assert!(posted.headers().contains_key("retry-after"));
    let said = posted.text().await.unwrap();
    assert!(said.contains("disk is nearly full"), "{said}");
    stage.cluster.settled(1).await.unwrap();
    let read = http.get(format!("https://{api}/checkpoint")).send().await;
    assert_eq!(read.unwrap().status(), 200);
    let results = stage.cluster.results(1).await.unwrap();
    assert_eq!(results.tree_size, 1);
}

fn start(stage: &mut Stage, ordinal: u64) {
    stage.cluster.start_node(ordinal).unwrap();
}
