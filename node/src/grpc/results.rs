//! `Results`: the three data sets of the night, once or as a stream. The figures are computed
//! from one state, at most ten times a second for all who ask.

use std::pin::Pin;
use std::sync::Arc;

use futures::Stream;
use ledger::{Fault, Tables, View};
use proto::v1::results_server::Results as ResultsService;
use proto::v1::{
    GetOutlookRequest, GetResultsRequest, Outlook, ResultsSnapshot, WatchResultsRequest,
};
use replica::Role;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use super::newest::{Newest, PACE};
use super::status;
use crate::admission::sources::Source;
use crate::core::{Core, ReadError};
use crate::figures::{Shown, outlook, snapshot};

/// Units listed for a contest total when the caller does not say, and at most.
const OPEN_UNITS: usize = 50;
const MOST_OPEN_UNITS: usize = 2_000;

/// The service.
#[derive(Debug)]
pub(crate) struct Service {
    core: Arc<Core>,
    /// The newest snapshot of each kind: without and with units, of what is released and of everything.
    newest: [[Arc<Newest<ResultsSnapshot>>; 2]; 2],
}

impl Service {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self {
            core,
            newest: Default::default(),
        }
    }

    fn board(&self, units: bool, unreleased: bool) -> Board {
        let [released, everything] = &self.newest;
        let (shown, [without, with]) = if unreleased {
            (Shown::Everything, everything)
        } else {
            (Shown::Released, released)
        };
        let newest = Arc::clone(if units { with } else { without });
        Board {
            core: Arc::clone(&self.core),
            units,
            shown,
            newest,
        }
    }
}

/// One kind of snapshot.
#[derive(Debug, Clone)]
struct Board {
    core: Arc<Core>,
    units: bool,
    shown: Shown,
    newest: Arc<Newest<ResultsSnapshot>>,
}

impl Board {
    async fn snapshot(&self, linearizable: bool) -> Result<ResultsSnapshot, ReadError> {
        let size = self.core.applied_size().get();
        let (units, shown) = (self.units, self.shown);
        let make = async || {
            let made = self
                .core
                .read_for_caller(move |core, view| figures(core, view, units, shown))
                .await?;
            Ok::<_, ReadError>((made.tree_size, made))
        };
        let newest = self.newest.get(size, make).await?;
        let mut snapshot = ResultsSnapshot::clone(&newest);
        snapshot.linearizable = linearizable;
        snapshot.leader_heard_ms_ago = confirmed_ms_ago(&self.core);
        Ok(snapshot)
    }
}

#[tonic::async_trait]
impl ResultsService for Service {
    async fn get_results(
        &self,
        request: Request<GetResultsRequest>,
    ) -> Result<Response<ResultsSnapshot>, Status> {
        let _place = self
            .core
            .admission
            .read(Source::of(request.extensions()))
            .map_err(status::rejected)?;
        if !self.core.initialized() {
            return Err(status::not_initialized());
        }
        let GetResultsRequest {
            units,
            local,
            unreleased,
        } = request.into_inner();
        if !local {
            crate::barrier::pass(&self.core)
                .await
                .map_err(|error| status::unconfirmed(&error))?;
        }
        let snapshot = self.board(units, unreleased).snapshot(!local).await?;
        Ok(Response::new(snapshot))
    }

    async fn get_outlook(
        &self,
        request: Request<GetOutlookRequest>,
    ) -> Result<Response<Outlook>, Status> {
        let _place = self
            .core
            .admission
            .read(Source::of(request.extensions()))
            .map_err(status::rejected)?;
        if !self.core.initialized() {
            return Err(status::not_initialized());
        }
        let GetOutlookRequest { local, units } = request.into_inner();
        if !local {
            crate::barrier::pass(&self.core)
                .await
                .map_err(|error| status::unconfirmed(&error))?;
        }
        let listed = match usize::try_from(units).unwrap_or(MOST_OPEN_UNITS) {
            0 => OPEN_UNITS,
            asked => asked.min(MOST_OPEN_UNITS),
        };
        let mut outlook = self
            .core
            .read_for_caller(move |_, view| outlook::of(view, listed))
            .await?;
        outlook.linearizable = !local;
        Ok(Response::new(outlook))
    }

    type WatchResultsStream =
        Pin<Box<dyn Stream<Item = Result<ResultsSnapshot, Status>> + Send + 'static>>;

    async fn watch_results(
        &self,
        request: Request<WatchResultsRequest>,
    ) -> Result<Response<Self::WatchResultsStream>, Status> {
        let place = self
            .core
            .admission
            .watcher(Source::of(request.extensions()))
            .map_err(status::rejected)?;
        if !self.core.initialized() {
            return Err(status::not_initialized());
        }
        let WatchResultsRequest { units, unreleased } = request.into_inner();
        let board = self.board(units, unreleased);
        // One snapshot waits for a slow reader; the next is made when it has been taken.
        let (sender, receiver) = tokio::sync::mpsc::channel(1);
        // Ends with its reader or with the node's draining; how many there are is limited above.
        tokio::spawn(async move {
            let _place = place;
            watch(&board, &sender).await;
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }
}

/// Sends a snapshot now and after each change, until the reader goes or the node drains.
async fn watch(board: &Board, sender: &tokio::sync::mpsc::Sender<Result<ResultsSnapshot, Status>>) {
    let mut applied = board.core.replica.applied_watch();
    let mut sent = None;
    loop {
        let size = applied.borrow_and_update().tree_size;
        if sent != Some(size) {
            let snapshot = board.snapshot(false).await.map_err(Status::from);
            let failed = snapshot.is_err();
            if sender.send(snapshot).await.is_err() || failed {
                return;
            }
            sent = Some(size);
        }
        let paced = async {
            tokio::time::sleep(PACE).await;
            applied.changed().await.is_ok()
        };
        tokio::select! {
            going_on = paced => if !going_on { return },
            () = sender.closed() => return,
            () = board.core.draining.cancelled() => return,
        }
    }
}

/// Since a leader last confirmed what this node shows, in milliseconds; zero on the leader.
fn confirmed_ms_ago(core: &Core) -> u64 {
    let leads = core.replica.watch().borrow().role == Role::Leader;
    if leads && core.has_leader() {
        return 0;
    }
    u64::try_from(core.unconfirmed_for().as_millis()).unwrap_or(u64::MAX)
}

fn figures<T: Tables>(
    core: &Core,
    view: &View<'_, T>,
    units: bool,
    shown: Shown,
) -> Result<ResultsSnapshot, Fault> {
    let size = view.tree_size()?;
    let charter = core.charters.at(view, size)?;
    let mut made = ResultsSnapshot {
        election: core.whoami.election.clone(),
        rehearsal: charter.is_some_and(|charter| charter.is_rehearsal()),
        tree_size: size.get(),
        root: view.root()?.as_bytes().to_vec().into(),
        node: core.whoami.id.clone(),
        ..ResultsSnapshot::default()
    };
    snapshot::fill(&mut made, view, units, shown)?;
    Ok(made)
}
