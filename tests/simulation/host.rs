//! The program of a node's host: opens what its disk holds and serves until it is killed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use replica::seams::{Lane, Transport};
use replica::{Error, PeerNode, Replica, ReplicaConfig, fetch_missing_state};

use crate::damage::Damaging;
use crate::desk::Desk;
use crate::place::{Order, Place, Tracer};
use crate::sim::net::{self, SimTransport, host};
use crate::stage::Stage;

/// What every member is to the others.
pub fn members(nodes: u64) -> BTreeMap<u64, PeerNode> {
    let node = |ordinal| PeerNode {
        name: host(ordinal),
        peer_address: format!("{}:7000", host(ordinal)),
        api_address: format!("{}:443", host(ordinal)),
        ..PeerNode::default()
    };
    (1..=nodes)
        .map(|ordinal| (ordinal, node(ordinal)))
        .collect()
}

/// Runs a node; never returns while the host is up.
pub async fn run(
    place: Place,
    stage: Arc<Stage>,
    config: ReplicaConfig,
) -> Result<(), Box<dyn std::error::Error>> {
    let start = place.starts.fetch_add(1, Ordering::Relaxed) + 1;
    // The door of `node::admitted`, in short: a directory is let in before the cluster starts, and
    // an empty one that comes later neither speaks nor is heard.
    if start == 1 {
        place.disk.admit();
    }
    if !place.disk.is_admitted() && !mutant("node-id-reuse") {
        place.turned_away.fetch_add(1, Ordering::Relaxed);
        return std::future::pending().await;
    }
    let tracer = Arc::new(Tracer {
        place: place.clone(),
        incarnation: start,
    });
    let fresh = start == 1 || mutant("node-id-reuse");
    let mut config = config;
    config.ordinal = place.ordinal;
    config.observer = Arc::clone(&tracer) as _;
    config.seed = config
        .seed
        .wrapping_mul(1_000)
        .wrapping_add(place.ordinal * 100 + start);
    let log = Arc::new(place.disk.log());
    let state = Arc::new(place.disk.state());
    let transport = Arc::new(Faulty {
        inner: SimTransport {
            from: place.ordinal,
        },
        place: place.clone(),
    });
    loop {
        match fetch_missing_state(&config, &*log, &state, &*transport).await {
            Ok(from) => {
                place
                    .fetched
                    .fetch_add(from.is_some().into(), Ordering::Relaxed);
                break;
            }
            Err(Error::Unavailable { .. }) => tokio::time::sleep(Duration::from_millis(50)).await,
            Err(error) => return Err(error.into()),
        }
    }
    let replica = Replica::start(config, log, state, transport).await?;
    if start == 1 && place.ordinal == 1 {
        replica.initialize(members(stage.nodes)).await?;
    }
    let desk = Desk::open(&place, &stage, replica.clone(), tracer, fresh)?;
    *place.running.lock().unwrap() = Some(replica.clone());
    tokio::spawn(obey(place.clone(), replica.clone()));
    tokio::spawn(Arc::clone(&desk).rounds());
    tokio::spawn(desk.serve());
    tokio::spawn(net::serve(replica.clone()));
    let end = replica.fatal().await;
    *place.ended.lock().unwrap() = Some(end.to_string());
    std::future::pending().await
}

/// The defect that is asked for by its name.
pub fn mutant(name: &str) -> bool {
    std::env::var("TALLY_MUTANT").is_ok_and(|named| named == name)
}

async fn obey(place: Place, replica: Replica<crate::sim::disk::SimState>) {
    loop {
        place.orders.1.notified().await;
        let orders = std::mem::take(&mut *place.orders.0.lock().unwrap());
        for order in orders {
            // Whether it works in time is not the point: nothing may be lost by it.
            let _ = match order {
                Order::HandOver => replica.transfer_leadership().await,
                Order::Snapshot => replica.snapshot().await,
            };
        }
    }
}

/// The simulated network, whose snapshots may be damaged on the way.
struct Faulty {
    inner: SimTransport,
    place: Place,
}

impl Transport for Faulty {
    type Peer = Damaging;

    fn peer(&self, ordinal: u64, node: &PeerNode, lane: Lane) -> Damaging {
        Damaging {
            inner: self.inner.peer(ordinal, node, lane),
            place: self.place.clone(),
        }
    }
}
