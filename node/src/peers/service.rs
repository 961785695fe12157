//! What this node answers the others beside consensus. Who calls was established at the door.

use std::sync::Arc;

use ledger::Outcome;
use merkle::Hash;
use proto::raft::peer_server::Peer;
use proto::raft::{
    AgreeRequest, AgreeResponse, CosignRequest, CosignResponse, ForwardRequest, ForwardResponse,
    GossipRequest, GossipResponse, PublishRequest, PublishResponse, ReadIndexRequest,
    ReadIndexResponse, forward_response, read_index_response,
};
use replica::grpc::PeerGuard;
use tonic::{Request, Response, Status};

use crate::core::Core;
use crate::grpc::status;
use crate::{cosigning, founding, gossip, intake};

/// The service.
#[derive(Debug)]
pub(crate) struct Service {
    core: Arc<Core>,
    guard: PeerGuard,
}

impl Service {
    pub(crate) fn new(core: Arc<Core>, guard: PeerGuard) -> Self {
        Self { core, guard }
    }
}

#[tonic::async_trait]
impl Peer for Service {
    async fn forward(
        &self,
        request: Request<ForwardRequest>,
    ) -> Result<Response<ForwardResponse>, Status> {
        self.guard.check(&request)?;
        let _place = self.core.admission.forwarded().map_err(status::rejected)?;
        let command = replica::codec::decode(request.into_inner().command)
            .map_err(|error| status::invalid(&error.to_string()))?;
        let result = match intake::record_forwarded(&self.core, command).await {
            Ok(outcome) => forward_response::Result::Outcome(Outcome::encode(&outcome).into()),
            Err(replica::Error::NotLeader { hint }) => {
                forward_response::Result::NotLeader(hint.unwrap_or_default())
            }
            Err(error) => return Err(status::unconfirmed(&error)),
        };
        let result = Some(result);
        Ok(self.guard.answer(ForwardResponse { result }))
    }

    async fn cosign(
        &self,
        request: Request<CosignRequest>,
    ) -> Result<Response<CosignResponse>, Status> {
        let from = self.guard.check(&request)?;
        let asked = cosigning::asked(&request.into_inner())
            .ok_or_else(|| status::invalid("a root has 32 bytes"))?;
        let answer = cosigning::answer(&self.core, from, asked).await;
        Ok(self.guard.answer(cosigning::response(&self.core, answer)))
    }

    async fn publish(
        &self,
        request: Request<PublishRequest>,
    ) -> Result<Response<PublishResponse>, Status> {
        let from = self.guard.check(&request)?;
        gossip::learn_published(&self.core, from, &request.into_inner().checkpoint).await?;
        Ok(self.guard.answer(PublishResponse {}))
    }

    async fn gossip(
        &self,
        request: Request<GossipRequest>,
    ) -> Result<Response<GossipResponse>, Status> {
        let from = self.guard.check(&request)?;
        let answer = gossip::answer(&self.core, from, request.into_inner()).await?;
        Ok(self.guard.answer(answer))
    }

    async fn read_index(
        &self,
        request: Request<ReadIndexRequest>,
    ) -> Result<Response<ReadIndexResponse>, Status> {
        self.guard.check(&request)?;
        let result = match self.core.replica.read_barrier().await {
            Ok(()) => {
                let applied = self.core.replica.applied_watch().borrow().log_index;
                read_index_response::Result::LogIndex(applied.unwrap_or_default())
            }
            Err(replica::Error::NotLeader { hint }) => {
                read_index_response::Result::NotLeader(hint.unwrap_or_default())
            }
            Err(error) => return Err(status::unconfirmed(&error)),
        };
        let result = Some(result);
        Ok(self.guard.answer(ReadIndexResponse { result }))
    }

    async fn agree(
        &self,
        request: Request<AgreeRequest>,
    ) -> Result<Response<AgreeResponse>, Status> {
        let from = self.guard.check(&request)?;
        let members = <[u8; 32]>::try_from(request.into_inner().members.as_ref())
            .map_err(|_| status::invalid("a hash has 32 bytes"))?;
        founding::agree(&self.core, Hash::from_bytes(members))?;
        tracing::info!(
            peer = from,
            "agreed to begin with the members that it names"
        );
        Ok(self.guard.answer(AgreeResponse {}))
    }
}
