//! `Submissions`: a note comes in, and its outcome is answered with a receipt, or with the plain
//! word that there is none yet.

use std::sync::Arc;
use std::time::Duration;

use ledger::Outcome;
use proto::v1::submissions_server::Submissions;
use proto::v1::{self, SubmitRequest, SubmitResponse, submit_response};
use tonic::{Request, Response, Status};

use super::rows;
use crate::admission::sources::Source;
use crate::core::Core;
use crate::submissions::{self, Answered, DEFAULT_WAIT, LONGEST_WAIT};

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
impl Submissions for Service {
    async fn submit(
        &self,
        request: Request<SubmitRequest>,
    ) -> Result<Response<SubmitResponse>, Status> {
        let source = Source::of(request.extensions());
        let SubmitRequest { note, wait_ms } = request.into_inner();
        let answered = submissions::take(&self.core, source, note, patience(wait_ms)).await?;
        Ok(Response::new(response(answered)?))
    }
}

fn response(answered: Answered) -> Result<SubmitResponse, Status> {
    let Answered { outcome, receipt } = answered;
    let head = outcome.head().map(rows::head);
    let result = match (&outcome, rows::effect(&outcome)) {
        (_, Some((effect, leaf))) => {
            let (effect, leaf_index) = (effect.into(), leaf.index.get());
            let leaf_hash = leaf.hash.as_bytes().to_vec().into();
            match receipt {
                Some(receipt) => submit_response::Result::Receipted(v1::Receipted {
                    effect,
                    leaf_index,
                    leaf_hash,
                    receipt,
                }),
                None => submit_response::Result::Recorded(v1::RecordedNotReceipted {
                    effect,
                    leaf_index,
                    leaf_hash,
                }),
            }
        }
        (Outcome::Refused { refusal, .. }, None) => {
            submit_response::Result::Refused(refusal.into())
        }
        (_, None) => return Err(Status::internal("an outcome without a leaf or a refusal")),
    };
    Ok(SubmitResponse {
        result: Some(result),
        head,
    })
}

fn patience(wait_ms: u32) -> Duration {
    match wait_ms {
        0 => DEFAULT_WAIT,
        given => Duration::from_millis(given.into()).min(LONGEST_WAIT),
    }
}
