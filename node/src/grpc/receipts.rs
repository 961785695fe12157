//! `Receipts`: the receipt of a leaf, by its index, its hash, the hash of its text or its code.

use std::sync::Arc;

use merkle::{Hash, LeafHash, LeafIndex};
use proto::v1::get_receipt_request::Leaf;
use proto::v1::receipts_server::Receipts;
use proto::v1::{self, GetReceiptRequest, GetReceiptResponse, get_receipt_response};
use receipt::{ReceiptLevel, ShortCode};
use tonic::{Request, Response, Status};

use super::status;
use crate::admission::sources::Source;
use crate::core::{Core, Reader};
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
                    .read_for_caller(move |_, view| view.leaf_by_hash(&hash))
                    .await?)
            }
            Leaf::Code(code) => {
                let code = ShortCode::parse(&code)
                    .map_err(|error| status::invalid(&format!("the code: {error}")))?;
                let leaves = self
                    .core
                    .read_for_caller(move |_, view| view.leaves_by_code(&code))
                    .await?;
                match leaves.as_slice() {
                    [] => Ok(None),
                    [leaf] => Ok(Some(leaf.index)),
                    // 80 bits of a hash: it takes somebody's labour to make two.
                    [_, _, ..] => Err(Status::failed_precondition(
                        "several leaves have this code; name the leaf by its hash",
                    )),
                }
            }
            Leaf::TextHash(bytes) => {
                let hash = hash(&bytes)?;
                let leaf = self
                    .core
                    .read_for_caller(move |_, view| view.leaf_by_text(&hash))
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
        let _place = self
            .core
            .admission
            .read(Source::of(request.extensions()))
            .map_err(status::rejected)?;
        let GetReceiptRequest { leaf, level } = request.into_inner();
        let level = match v1::Level::try_from(level) {
            Ok(v1::Level::Receipt) => ReceiptLevel::Receipt,
            Ok(v1::Level::Final) => ReceiptLevel::Final,
            Err(_unknown) => return Err(status::invalid("there is no such level")),
        };
        let leaf = leaf.ok_or_else(|| status::invalid("say which leaf the receipt is for"))?;
        let result = match self.index_of(leaf).await? {
            None => get_receipt_response::Result::Unknown(v1::Unknown {}),
            Some(index) => match receipts::find(&self.core, index, level, Reader::Caller).await? {
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
