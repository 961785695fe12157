//! A stand-in for a node: the ledger's rules and real receipts behind the public API, no
//! consensus. What it does wrong on purpose is its [`Manner`].

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use client::certificate::{Authority, NodeName, Pair};
use ledger::{Act, Outcome};
use note::UnixSeconds;
use proto::v1;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::{Identity, Server, ServerTlsConfig};
use tonic::{Request, Response, Status};

use crate::night::Night;

/// How a node treats those who ask.
#[derive(Debug, Clone)]
pub(crate) enum Manner {
    /// As it should.
    Honest,
    /// It answers every note with this receipt.
    SameReceipt(Vec<u8>),
    /// It takes the connection and never answers.
    Mute,
}

/// A running stand-in.
pub(crate) struct Node {
    pub(crate) address: SocketAddr,
    calls: Arc<AtomicU32>,
}

impl Node {
    /// How many notes it was handed.
    pub(crate) fn calls(&self) -> u32 {
        self.calls.load(Ordering::SeqCst)
    }
}

/// An authority for certificates that clients may pin.
pub(crate) fn authority(night: &Night) -> Authority {
    Authority::new(&night.made.plan.election, now()).unwrap()
}

fn now() -> UnixSeconds {
    use client::clock::{Clock as _, SystemClock};
    SystemClock::start().unix()
}

/// Starts a node on a free port, with a certificate by this authority.
pub(crate) async fn start(
    night: &Arc<Mutex<Night>>,
    authority: &Authority,
    manner: Manner,
) -> Node {
    let election = night.lock().unwrap().made.plan.election.clone();
    let name = NodeName {
        election: &election,
        id: "n1",
        ordinal: 1,
    };
    let Pair { certificate, key } = authority.api(&name, &[], now()).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let calls = Arc::new(AtomicU32::new(0));
    let api = Api {
        night: Arc::clone(night),
        calls: Arc::clone(&calls),
        manner,
    };
    let tls = ServerTlsConfig::new().identity(Identity::from_pem(certificate, key));
    let server = Server::builder()
        .tls_config(tls)
        .unwrap()
        .add_service(v1::submissions_server::SubmissionsServer::new(api.clone()))
        .add_service(v1::election_server::ElectionServer::new(api))
        .serve_with_incoming(TcpListenerStream::new(listener));
    tokio::spawn(server);
    Node { address, calls }
}

#[derive(Clone)]
struct Api {
    night: Arc<Mutex<Night>>,
    calls: Arc<AtomicU32>,
    manner: Manner,
}

#[tonic::async_trait]
impl v1::submissions_server::Submissions for Api {
    async fn submit(
        &self,
        request: Request<v1::SubmitRequest>,
    ) -> Result<Response<v1::SubmitResponse>, Status> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        if matches!(self.manner, Manner::Mute) {
            std::future::pending::<()>().await;
        }
        let mut night = self.night.lock().unwrap();
        let outcome = night.apply(Act::Note {
            bytes: request.into_inner().note.to_vec(),
        });
        let head = outcome.head().map(|head| v1::Head {
            leaf_index: head.index.get(),
            leaf_hash: head.hash.as_bytes().to_vec().into(),
            seq: head.seq,
        });
        let result = match (&outcome, outcome.leaf()) {
            (Outcome::Refused { refusal, .. }, _) => {
                v1::submit_response::Result::Refused(refusal.into())
            }
            (outcome, leaf) => {
                let leaf = leaf.unwrap();
                let receipt = match &self.manner {
                    Manner::SameReceipt(receipt) => receipt.clone(),
                    Manner::Honest | Manner::Mute => night.receipt(leaf.index, &[0, 1]).to_bytes(),
                };
                v1::submit_response::Result::Receipted(v1::Receipted {
                    effect: effect(outcome).into(),
                    leaf_index: leaf.index.get(),
                    leaf_hash: leaf.hash.as_bytes().to_vec().into(),
                    receipt: receipt.into(),
                })
            }
        };
        Ok(Response::new(v1::SubmitResponse {
            result: Some(result),
            head,
        }))
    }
}

fn effect(outcome: &Outcome) -> v1::Effect {
    match outcome {
        Outcome::Recorded { .. } | Outcome::Applied { .. } => v1::Effect::Recorded,
        Outcome::Corrected { .. } => v1::Effect::Corrected,
        Outcome::Rival { .. } => v1::Effect::Rival,
        Outcome::Superseded { .. } => v1::Effect::Superseded,
        Outcome::AlreadyRecorded { .. } => v1::Effect::AlreadyRecorded,
        Outcome::Refused { .. } => v1::Effect::Unspecified,
    }
}

#[tonic::async_trait]
impl v1::election_server::Election for Api {
    async fn get_bundle(
        &self,
        _request: Request<v1::GetBundleRequest>,
    ) -> Result<Response<v1::Bundle>, Status> {
        let night = self.night.lock().unwrap();
        Ok(Response::new(client::bundle::to_wire(&night.made.bundle)))
    }

    async fn admit(
        &self,
        _request: Request<v1::InitRequest>,
    ) -> Result<Response<v1::InitResponse>, Status> {
        Err(Status::unimplemented(
            "a stand-in is started with its night",
        ))
    }

    async fn init(
        &self,
        _request: Request<v1::InitRequest>,
    ) -> Result<Response<v1::InitResponse>, Status> {
        Err(Status::unimplemented(
            "a stand-in is started with its night",
        ))
    }
}
