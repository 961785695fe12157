//! `Transparency`: the log for whoever wants to check it: checkpoint, entries, proofs.

use std::sync::Arc;

use merkle::{LeafIndex, ProveError, TreeSize};
use proto::v1::transparency_server::Transparency;
use proto::v1::{
    GetCheckpointRequest, GetCheckpointResponse, GetConsistencyProofRequest, GetEntriesRequest,
    GetEntriesResponse, GetInclusionProofRequest, ProofResponse,
};
use tonic::{Request, Response, Status};

use super::status;
use crate::admission::sources::Source;
use crate::core::Core;

/// Leaves in one answer; at 8 KiB each they stay below gRPC's 4 MiB.
const MAX_ENTRIES: u64 = 256;

/// A manifest may be 48 KiB, so an answer is also cut off by its bytes.
const MAX_ENTRY_BYTES: usize = 2 * 1024 * 1024;

/// The service.
#[derive(Debug)]
pub(crate) struct Service {
    core: Arc<Core>,
}

impl Service {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self { core }
    }
}

#[tonic::async_trait]
impl Transparency for Service {
    async fn get_checkpoint(
        &self,
        request: Request<GetCheckpointRequest>,
    ) -> Result<Response<GetCheckpointResponse>, Status> {
        let _place = self
            .core
            .admission
            .read(Source::of(request.extensions()))
            .map_err(status::rejected)?;
        let (size, root) = self
            .core
            .read_for_caller(|_, view| Ok((view.tree_size()?, view.root()?)))
            .await?;
        let newest = self.core.checkpoints.newest();
        Ok(Response::new(GetCheckpointResponse {
            checkpoint: newest
                .map(|newest| newest.to_bytes().into())
                .unwrap_or_default(),
            tree_size: size.get(),
            root: root.as_bytes().to_vec().into(),
        }))
    }

    async fn get_entries(
        &self,
        request: Request<GetEntriesRequest>,
    ) -> Result<Response<GetEntriesResponse>, Status> {
        let _place = self
            .core
            .admission
            .read(Source::of(request.extensions()))
            .map_err(status::rejected)?;
        let GetEntriesRequest { from, limit } = request.into_inner();
        let limit = if limit == 0 {
            MAX_ENTRIES
        } else {
            limit.min(MAX_ENTRIES)
        };
        let response = self.core.read_for_caller(move |_, view| {
            let tree_size = view.tree_size()?.get();
            let (mut entries, mut bytes) = (Vec::new(), 0_usize);
            for index in from..from.saturating_add(limit).min(tree_size) {
                let Some(leaf) = view.leaf(LeafIndex::new(index))? else {
                    break;
                };
                bytes = bytes.saturating_add(leaf.len());
                if bytes > MAX_ENTRY_BYTES && !entries.is_empty() {
                    break;
                }
                entries.push(leaf.into());
            }
            Ok(GetEntriesResponse {
                from,
                entries,
                tree_size,
            })
        });
        Ok(Response::new(response.await?))
    }

    async fn get_inclusion_proof(
        &self,
        request: Request<GetInclusionProofRequest>,
    ) -> Result<Response<ProofResponse>, Status> {
        let _place = self
            .core
            .admission
            .read(Source::of(request.extensions()))
            .map_err(status::rejected)?;
        let GetInclusionProofRequest { index, size } = request.into_inner();
        let proof = self.core.read_for_caller(move |_, view| {
            if size > view.tree_size()?.get() {
                return Ok(None);
            }
            let proof = view.inclusion(LeafIndex::new(index), TreeSize::new(size));
            known(proof.map(|proof| proof.hashes))
        });
        answer(proof.await?)
    }

    async fn get_consistency_proof(
        &self,
        request: Request<GetConsistencyProofRequest>,
    ) -> Result<Response<ProofResponse>, Status> {
        let _place = self
            .core
            .admission
            .read(Source::of(request.extensions()))
            .map_err(status::rejected)?;
        let GetConsistencyProofRequest { from, to } = request.into_inner();
        let proof = self.core.read_for_caller(move |_, view| {
            if to > view.tree_size()?.get() {
                return Ok(None);
            }
            let proof = view.consistency(TreeSize::new(from), TreeSize::new(to));
            known(proof.map(|proof| proof.hashes))
        });
        answer(proof.await?)
    }
}

/// A proof, or none where the sizes asked for are not of this tree; a fault stays a fault.
fn known<E>(
    proof: Result<Vec<merkle::Hash>, ProveError<E>>,
) -> Result<Option<Vec<merkle::Hash>>, E> {
    match proof {
        Ok(hashes) => Ok(Some(hashes)),
        Err(ProveError::Nodes(fault)) => Err(fault),
        Err(ProveError::NotInTree { .. } | ProveError::NotAnExtension { .. }) => Ok(None),
    }
}

fn answer(proof: Option<Vec<merkle::Hash>>) -> Result<Response<ProofResponse>, Status> {
    let hashes =
        proof.ok_or_else(|| status::invalid("this node's tree has no such size or leaf"))?;
    let hashes = hashes
        .iter()
        .map(|hash| hash.as_bytes().to_vec().into())
        .collect();
    Ok(Response::new(ProofResponse { hashes }))
}
