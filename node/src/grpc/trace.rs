//! `Trace`: one unit with everything behind its figures.

use std::sync::Arc;

use caucus::UnitId;
use proto::v1::trace_server::Trace;
use proto::v1::{GetUnitRequest, UnitTrace};
use tonic::{Request, Response, Status};

use super::status;
use crate::admission::sources::Source;
use crate::core::Core;
use crate::figures::trace;
use crate::figures::unit::Worth;

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
impl Trace for Service {
    async fn get_unit(
        &self,
        request: Request<GetUnitRequest>,
    ) -> Result<Response<UnitTrace>, Status> {
        let _place = self
            .core
            .admission
            .read(Source::of(request.extensions()))
            .map_err(status::rejected)?;
        if !self.core.initialized() {
            return Err(status::not_initialized());
        }
        let GetUnitRequest { unit, local } = request.into_inner();
        let id = UnitId::parse(&unit)
            .map_err(|_| status::invalid("a unit's id has letters, digits, `.`, `_` and `-`"))?;
        if !local {
            crate::barrier::pass(&self.core)
                .await
                .map_err(|error| status::unconfirmed(&error))?;
        }
        let traced = self.core.read_for_caller(move |core, view| {
            let Some(worth) = Worth::read(view)? else {
                return Ok(None);
            };
            let Some(mut trace) = trace::of(view, &worth, &id)? else {
                return Ok(None);
            };
            let charter = core.charters.at(view, view.tree_size()?)?;
            trace.election.clone_from(&core.whoami.election);
            trace.rehearsal = charter.is_some_and(|charter| charter.is_rehearsal());
            Ok(Some(trace))
        });
        let mut trace = traced
            .await?
            .ok_or_else(|| Status::not_found("the roster has no such unit"))?;
        trace.linearizable = !local;
        Ok(Response::new(trace))
    }
}
