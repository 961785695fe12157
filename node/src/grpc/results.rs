//! `Results`: the three data sets of the night, once or as a stream. The figures are computed
//! from one state, at most once for each tree size, however many ask.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use caucus::{Kind, ResultRow, Results, Roster, Rules, Sde, Totals, unit_sdes};
use futures::Stream;
use ledger::{Fault, Tables, UnitView, View};
use proto::v1::results_server::Results as ResultsService;
use proto::v1::{
    AreaResult, GetResultsRequest, GroupResult, ResultsSnapshot, UnitResult, WatchResultsRequest,
};
use replica::Role;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use super::status;
use crate::core::{Core, ReadError};

/// Between two snapshots of one stream: ten a second.
const PACE: Duration = Duration::from_millis(100);

/// Decimals of a state delegate equivalent, as the party published them.
const PLACES: u8 = 4;

/// The service.
#[derive(Debug)]
pub(crate) struct Service {
    core: Arc<Core>,
    /// The newest snapshots without and with units.
    newest: [Arc<Mutex<Option<Arc<ResultsSnapshot>>>>; 2],
}

impl Service {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self {
            core,
            newest: [Arc::default(), Arc::default()],
        }
    }

    fn board(&self, units: bool) -> Board {
        let [without, with] = &self.newest;
        let newest = Arc::clone(if units { with } else { without });
        Board {
            core: Arc::clone(&self.core),
            units,
            newest,
        }
    }
}

/// One kind of snapshot, computed when the tree has grown.
#[derive(Debug, Clone)]
struct Board {
    core: Arc<Core>,
    units: bool,
    newest: Arc<Mutex<Option<Arc<ResultsSnapshot>>>>,
}

impl Board {
    async fn snapshot(&self, linearizable: bool) -> Result<ResultsSnapshot, ReadError> {
        let size = self.core.applied_size().get();
        let known = self
            .newest
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let snapshot = if let Some(known) = known.filter(|known| known.tree_size == size) {
            known
        } else {
            let units = self.units;
            let made = self
                .core
                .read(move |core, view| figures(core, view, units))
                .await?;
            let made = Arc::new(made);
            let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
            *newest = Some(Arc::clone(&made));
            made
        };
        let mut snapshot = ResultsSnapshot::clone(&snapshot);
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
        let _place = self.core.admission.read().map_err(status::rejected)?;
        if !self.core.initialized() {
            return Err(status::not_initialized());
        }
        let GetResultsRequest { units, local } = request.into_inner();
        if !local {
            crate::barrier::pass(&self.core)
                .await
                .map_err(|error| status::unconfirmed(&error))?;
        }
        let snapshot = self.board(units).snapshot(!local).await?;
        Ok(Response::new(snapshot))
    }

    type WatchResultsStream =
        Pin<Box<dyn Stream<Item = Result<ResultsSnapshot, Status>> + Send + 'static>>;

    async fn watch_results(
        &self,
        request: Request<WatchResultsRequest>,
    ) -> Result<Response<Self::WatchResultsStream>, Status> {
        let place = self.core.admission.watcher().map_err(status::rejected)?;
        if !self.core.initialized() {
            return Err(status::not_initialized());
        }
        let board = self.board(request.into_inner().units);
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
) -> Result<ResultsSnapshot, Fault> {
    let size = view.tree_size()?;
    let charter = core.charters.at(view, size)?;
    let mut snapshot = ResultsSnapshot {
        election: core.whoami.election.clone(),
        rehearsal: charter.is_some_and(|charter| charter.is_rehearsal()),
        tree_size: size.get(),
        root: view.root()?.as_bytes().to_vec().into(),
        node: core.whoami.id.clone(),
        ..ResultsSnapshot::default()
    };
    let (Some(results), Some(roster), Some(rules)) =
        (view.results()?, view.roster()?, view.rules()?)
    else {
        return Ok(snapshot);
    };
    let counts = view.counts()?;
    snapshot.units_total = u64::try_from(roster.unit_count()).unwrap_or(u64::MAX);
    snapshot.units_reported = counts.reported;
    snapshot.units_held = counts.held;
    snapshot.statewide = groups(&rules, &results.statewide);
    let totals = view.totals()?;
    areas(&mut snapshot, &results, &totals, &roster, &rules);
    if units {
        for unit in view.units()? {
            let recorded = view
                .unit(&unit.id)?
                .and_then(|unit| unit_result(unit, &totals, &roster, &rules));
            snapshot.units.extend(recorded);
        }
    }
    Ok(snapshot)
}

fn areas(
    snapshot: &mut ResultsSnapshot,
    results: &Results,
    totals: &Totals,
    roster: &Roster,
    rules: &Rules,
) {
    for county in roster.counties() {
        let reported = totals
            .counties
            .get(&county.id)
            .map_or(0, |total| total.units);
        let rows = results.counties.get(&county.id);
        snapshot.counties.push(AreaResult {
            id: county.id.to_string(),
            name: county.name.clone(),
            units_total: count(
                roster,
                |kind| matches!(kind, Kind::Precinct { county: id, .. } if *id == county.id),
            ),
            units_reported: reported,
            groups: rows.map(|rows| groups(rules, rows)).unwrap_or_default(),
        });
    }
    for pool in rules.pools() {
        let reported = totals.pools.get(&pool.id).map_or(0, |total| total.units);
        let rows = results.pools.get(&pool.id);
        snapshot.pools.push(AreaResult {
            id: pool.id.to_string(),
            name: pool.name.clone(),
            units_total: count(
                roster,
                |kind| matches!(kind, Kind::Satellite { pool: id } if *id == pool.id),
            ),
            units_reported: reported,
            groups: rows.map(|rows| groups(rules, rows)).unwrap_or_default(),
        });
    }
}

fn count(roster: &Roster, belongs: impl Fn(&Kind) -> bool) -> u64 {
    u64::try_from(roster.units().filter(|unit| belongs(&unit.kind)).count()).unwrap_or(u64::MAX)
}

fn groups(rules: &Rules, rows: &[ResultRow]) -> Vec<GroupResult> {
    let row = |row: &ResultRow| GroupResult {
        group: row.group.to_string(),
        name: rules
            .group(&row.group)
            .map(|group| group.name.clone())
            .unwrap_or_default(),
        first_alignment: row.first.get(),
        final_alignment: row.last.get(),
        sde_exact: row.sde.exact(),
        sde: row.sde.decimal(PLACES),
        delegates: row.delegates.get(),
    };
    rows.iter().map(row).collect()
}

/// A unit that has a record, with its figures as reported and what they are worth now: a
/// satellite's equivalents move with the attendance of its whole pool.
fn unit_result(
    unit: UnitView,
    totals: &Totals,
    roster: &Roster,
    rules: &Rules,
) -> Option<UnitResult> {
    let head = unit.head?;
    let sheet = unit.worksheet.as_ref()?;
    let worth = unit_sdes(&unit.unit, sheet, totals, roster, rules);
    let groups = rules.groups().iter().map(|group| {
        let sde = worth.get(&group.id).cloned().unwrap_or_else(Sde::zero);
        GroupResult {
            group: group.id.to_string(),
            name: group.name.clone(),
            first_alignment: sheet.first.get(&group.id).get(),
            final_alignment: sheet.last.get(&group.id).get(),
            delegates: sheet.reported.get(&group.id).get(),
            sde_exact: sde.exact(),
            sde: sde.decimal(PLACES),
        }
    });
    Some(UnitResult {
        unit: unit.unit.id.to_string(),
        name: unit.unit.name.clone(),
        standing: unit.standing.as_str().to_owned(),
        leaf_index: head.index.get(),
        seq: head.seq,
        rivals: u64::try_from(unit.rivals.len()).unwrap_or(u64::MAX),
        attendees: sheet.attendees.get(),
        groups: groups.collect(),
        findings: unit.held_for,
    })
}
