//! `Receipts`: the receipt of a leaf, by its index, its hash, or the hash of its text.

use std::sync::Arc;

use merkle::{Hash, LeafHash, LeafIndex};
use proto::v1::get_receipt_request::Leaf;
use proto::v1::receipts_server::Receipts;
use proto::v1::{self, GetReceiptRequest, GetReceiptResponse, get_receipt_response};
use tonic::{Request, Response, Status};

use super::status;
use crate::core::Core;
use crate::receipts::{self, Found};

/// The service.
#[derive(Debug)]
pub(crate) struct Service {
    core: Arc<Core>,
}

impl Service {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    async fn index_of(&self, leaf: Leaf) -> Result<Option<LeafIndex>, Status> {
        let hash = |bytes: &[u8]| {
            Hash::from_slice(bytes).ok_or_else(|| status::invalid("a hash has 32 bytes"))
        };
        match leaf {
            Leaf::LeafIndex(index) => Ok(Some(LeafIndex::new(index))),
            Leaf::LeafHash(bytes) => {
                let hash = LeafHash::from_hash(hash(&bytes)?);
                Ok(self
                    .core
                    .read(move |_, view| view.leaf_by_hash(&hash))
                    .await?)
            }
            Leaf::TextHash(bytes) => {
                let hash = hash(&bytes)?;
                let leaf = self
                    .core
                    .read(move |_, view| view.leaf_by_text(&hash))
                    .await?;
                Ok(leaf.map(|leaf| leaf.index))
            }
        }
    }
}

#[tonic::async_trait]
impl Receipts for Service {
    async fn get_receipt(
        &self,
        request: Request<GetReceiptRequest>,
    ) -> Result<Response<GetReceiptResponse>, Status> {
        let _place = self.core.admission.read().map_err(status::rejected)?;
        let leaf = request.into_inner().leaf;
        let leaf = leaf.ok_or_else(|| status::invalid("say which leaf the receipt is for"))?;
        let result = match self.index_of(leaf).await? {
            None => get_receipt_response::Result::Unknown(v1::Unknown {}),
            Some(index) => match receipts::find(&self.core, index).await? {
                Found::Receipt(receipt) => get_receipt_response::Result::Receipt(receipt),
                Found::Pending => get_receipt_response::Result::Pending(v1::Pending {
                    leaf_index: index.get(),
                }),
                Found::Unknown => get_receipt_response::Result::Unknown(v1::Unknown {}),
            },
        };
        Ok(Response::new(GetReceiptResponse {
            result: Some(result),
        }))
    }
}
