//! `Submissions`: both ends of the same call. A note comes in and is taken to its outcome; the
//! outcome comes back and is answered with a receipt, or with the plain word that there is none yet.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ledger::{Command, Outcome};
use proto::v1::submissions_server::Submissions;
use proto::v1::{self, SubmitRequest, SubmitResponse, submit_response};
use telemetry::SubmissionOutcome;
use tonic::{Request, Response, Status};

use super::{rows, status};
use crate::core::Core;
use crate::{intake, receipts};

/// How long a caller waits for its receipt when it does not say.
const DEFAULT_WAIT: Duration = Duration::from_secs(2);

/// How long it may ask to wait: a call holds one of a limited number of places.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// The service.
#[derive(Debug)]
pub(crate) struct Service {
    core: Arc<Core>,
}

impl Service {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    async fn answer(&self, outcome: Outcome, patience: Duration) -> Result<SubmitResponse, Status> {
        let head = outcome.head().map(rows::head);
        let result = match (&outcome, rows::effect(&outcome)) {
            (_, Some((effect, leaf))) => {
                let (effect, leaf_index) = (effect.into(), leaf.index.get());
                let leaf_hash = leaf.hash.as_bytes().to_vec().into();
                match receipts::wait_for(&self.core, leaf.index, patience).await? {
                    Some(receipt) => {
                        self.core.metrics.receipts_issued.increment();
                        let receipted = v1::Receipted {
                            effect,
                            leaf_index,
                            leaf_hash,
                            receipt,
                        };
                        submit_response::Result::Receipted(receipted)
                    }
                    None => submit_response::Result::Recorded(v1::RecordedNotReceipted {
                        effect,
                        leaf_index,
                        leaf_hash,
                    }),
                }
            }
            (Outcome::Refused { refusal, .. }, None) => {
                self.core.metrics.refusals.increment(refusal.code());
                submit_response::Result::Refused(refusal.into())
            }
            (_, None) => return Err(Status::internal("an outcome without a leaf or a refusal")),
        };
        Ok(SubmitResponse {
            result: Some(result),
            head,
        })
    }
}

#[tonic::async_trait]
impl Submissions for Service {
    async fn submit(
        &self,
        request: Request<SubmitRequest>,
    ) -> Result<Response<SubmitResponse>, Status> {
        let metrics = &self.core.metrics;
        let arrived = Instant::now();
        let _place = self.core.admission.submission().map_err(|reason| {
            metrics.submissions.increment(SubmissionOutcome::Rejected);
            status::rejected(reason)
        })?;
        if !self.core.initialized() {
            return Err(status::not_initialized());
        }
        let SubmitRequest { note, wait_ms } = request.into_inner();
        let command = Command::note(self.core.clock.millis(), note);
        let outcome = intake::record(&self.core, command)
            .await
            .inspect_err(|error| {
                metrics
                    .submissions
                    .increment(SubmissionOutcome::Unavailable);
                tracing::debug!(%error, "a note was given back");
            })?;
        metrics.submissions.increment(rows::counted(&outcome));
        tracing::debug!(outcome = outcome.name(), "a note was answered");
        let response = self.answer(outcome, patience(wait_ms)).await?;
        if let Some(submit_response::Result::Receipted(_)) = &response.result {
            metrics.receipt_latency.observe(arrived.elapsed());
        }
        Ok(Response::new(response))
    }
}

fn patience(wait_ms: u32) -> Duration {
    match wait_ms {
        0 => DEFAULT_WAIT,
        given => Duration::from_millis(given.into()).min(LONGEST_WAIT),
    }
}
