//! A stand-in for a node: the ledger's rules and real receipts behind the public API, no
//! consensus. What it does wrong on purpose is its [`Manner`].

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use caucus::UnitId;
use client::certificate::{Authority, NodeName, Pair};
use ledger::{Act, LeafRef, Outcome, View};
use merkle::{LeafHash, LeafIndex};
use note::UnixSeconds;
use proto::v1;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::{Identity, Server, ServerTlsConfig};
use tonic::{Request, Response, Status, Streaming};

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
    notes: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Node {
    /// The notes it was handed, in order.
    pub(crate) fn notes(&self) -> Vec<Vec<u8>> {
        self.notes.lock().unwrap().clone()
    }

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
    let notes = Arc::new(Mutex::new(Vec::new()));
    let api = Api {
        night: Arc::clone(night),
        calls: Arc::clone(&calls),
        notes: Arc::clone(&notes),
        manner,
    };
    let tls = ServerTlsConfig::new().identity(Identity::from_pem(certificate, key));
    let server = Server::builder()
        .tls_config(tls)
        .unwrap()
        .add_service(v1::submissions_server::SubmissionsServer::new(api.clone()))
        .add_service(v1::trace_server::TraceServer::new(api.clone()))
        .add_service(v1::transparency_server::TransparencyServer::new(
            api.clone(),
        ))
        .add_service(v1::receipts_server::ReceiptsServer::new(api.clone()))
        .add_service(v1::election_server::ElectionServer::new(api))
        .serve_with_incoming(TcpListenerStream::new(listener));
    tokio::spawn(server);
    Node {
        address,
        calls,
        notes,
    }
}

#[derive(Clone)]
struct Api {
    night: Arc<Mutex<Night>>,
    calls: Arc<AtomicU32>,
    notes: Arc<Mutex<Vec<Vec<u8>>>>,
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
        let bytes = request.into_inner().note.to_vec();
        self.notes.lock().unwrap().push(bytes.clone());
        let mut night = self.night.lock().unwrap();
        let outcome = night.apply(Act::Note { bytes });
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
        Outcome::Stray { .. } => v1::Effect::Stray,
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

    async fn recover(
        &self,
        _request: Request<Streaming<v1::RecoverRequest>>,
    ) -> Result<Response<v1::InitResponse>, Status> {
        Err(Status::unimplemented("a stand-in has one night"))
    }

    async fn retire(
        &self,
        _request: Request<v1::RetireRequest>,
    ) -> Result<Response<v1::RetireResponse>, Status> {
        Err(Status::unimplemented("a stand-in has one night"))
    }
}

/// Only what a client asks before an act: the head, its figures, what is beside it, the notes.
#[tonic::async_trait]
impl v1::trace_server::Trace for Api {
    async fn get_unit(
        &self,
        request: Request<v1::GetUnitRequest>,
    ) -> Result<Response<v1::UnitTrace>, Status> {
        let id = UnitId::parse(&request.into_inner().unit).unwrap();
        let night = self.night.lock().unwrap();
        let view = View::new(&night.state);
        let unit = view
            .unit(&id)
            .unwrap()
            .ok_or_else(|| Status::not_found("the roster has no such unit"))?;
        let trail = view.trail(&id).unwrap();
        let entry = |leaf: LeafRef| v1::TrailEntry {
            leaf_index: leaf.index.get(),
            leaf_hash: leaf.hash.as_bytes().to_vec().into(),
            note: view.leaf(leaf.index).unwrap().unwrap().into(),
            ..v1::TrailEntry::default()
        };
        let figures = unit.source.as_ref().map(|source| source.figures.get());
        Ok(Response::new(v1::UnitTrace {
            head: unit.head.map(|head| v1::Head {
                leaf_index: head.index.get(),
                leaf_hash: head.hash.as_bytes().to_vec().into(),
                seq: head.seq,
            }),
            figures_leaf: figures.unwrap_or_default(),
            trail: trail.into_iter().map(|change| entry(change.leaf)).collect(),
            result: row(unit),
            ..v1::UnitTrace::default()
        }))
    }
}

fn row(unit: ledger::UnitView) -> Option<v1::UnitResult> {
    let worksheet = unit.worksheet?;
    let groups = worksheet
        .first
        .iter()
        .map(|(group, first)| v1::GroupResult {
            group: group.to_string(),
            first_alignment: first.get(),
            final_alignment: worksheet.last.get(group).get(),
            delegates: worksheet.reported.get(group).get(),
            ..v1::GroupResult::default()
        });
    Some(v1::UnitResult {
        unit: unit.unit.id.to_string(),
        standing: unit.standing.to_string(),
        attendees: worksheet.attendees.get(),
        groups: groups.collect(),
        ..v1::UnitResult::default()
    })
}

#[tonic::async_trait]
impl v1::transparency_server::Transparency for Api {
    async fn get_checkpoint(
        &self,
        _request: Request<v1::GetCheckpointRequest>,
    ) -> Result<Response<v1::GetCheckpointResponse>, Status> {
        Err(Status::unimplemented("a stand-in publishes no checkpoint"))
    }

    async fn get_entries(
        &self,
        request: Request<v1::GetEntriesRequest>,
    ) -> Result<Response<v1::GetEntriesResponse>, Status> {
        let from = request.into_inner().from;
        let night = self.night.lock().unwrap();
        let view = View::new(&night.state);
        let entry = view.leaf(LeafIndex::new(from)).unwrap();
        Ok(Response::new(v1::GetEntriesResponse {
            from,
            entries: entry.into_iter().map(Into::into).collect(),
            tree_size: view.tree_size().unwrap().get(),
        }))
    }

    async fn get_inclusion_proof(
        &self,
        _request: Request<v1::GetInclusionProofRequest>,
    ) -> Result<Response<v1::ProofResponse>, Status> {
        Err(Status::unimplemented("a stand-in proves by receipts alone"))
    }

    async fn get_consistency_proof(
        &self,
        _request: Request<v1::GetConsistencyProofRequest>,
    ) -> Result<Response<v1::ProofResponse>, Status> {
        Err(Status::unimplemented("a stand-in proves by receipts alone"))
    }
}

#[tonic::async_trait]
impl v1::receipts_server::Receipts for Api {
    async fn get_receipt(
        &self,
        request: Request<v1::GetReceiptRequest>,
    ) -> Result<Response<v1::GetReceiptResponse>, Status> {
        use v1::get_receipt_request::Leaf;
        use v1::get_receipt_response::Result;
        let night = self.night.lock().unwrap();
        let view = View::new(&night.state);
        let index = match request.into_inner().leaf {
            Some(Leaf::LeafHash(hash)) => merkle::Hash::from_slice(&hash)
                .and_then(|hash| view.leaf_by_hash(&LeafHash::from_hash(hash)).unwrap()),
            Some(Leaf::LeafIndex(index)) => Some(LeafIndex::new(index)),
            Some(Leaf::Code(code)) => receipt::ShortCode::parse(&code)
                .ok()
                .and_then(|code| view.leaves_by_code(&code).unwrap().first().copied())
                .map(|leaf| leaf.index),
            Some(Leaf::TextHash(_)) | None => None,
        };
        let result = index.map_or(Result::Unknown(v1::Unknown {}), |index| {
            Result::Receipt(night.receipt(index, &[0, 1]).to_bytes().into())
        });
        Ok(Response::new(v1::GetReceiptResponse {
            result: Some(result),
        }))
    }
}
