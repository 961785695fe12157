//! The thread that carries packets between the devices.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tun_rs::{AsyncDevice, SyncDevice};

use super::link::{Fate, Links};

/// Packets that wait on one link; more are lost, as in a router.
const QUEUE: usize = 1_000;

/// Larger than any packet of a device.
const LARGEST: usize = 2_048;

/// The running switch; it ends when dropped.
#[derive(Debug)]
pub(super) struct Switch {
    stop: CancellationToken,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// A packet on its way.
struct Packet {
    bytes: Vec<u8>,
    due: Instant,
    rate: Option<u64>,
}

impl Switch {
    /// Starts to carry. The devices are those of the parties in their order, the test's first.
    pub(super) fn start(
        devices: Vec<SyncDevice>,
        subnet: [u8; 3],
        links: Arc<Links>,
    ) -> anyhow::Result<Self> {
        let stop = CancellationToken::new();
        let stopping = stop.clone();
        // A thread of its own: a busy test must not look like a slow network.
        let thread = std::thread::Builder::new()
            .name("switch".to_owned())
            .spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build();
                match runtime {
                    Ok(runtime) => runtime.block_on(carry(devices, subnet, links, stopping)),
                    Err(error) => anstream::eprintln!("the switch cannot run: {error}"),
                }
            })
            .context("start the switch")?;
        Ok(Self {
            stop,
            thread: Some(thread),
        })
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

async fn carry(
    devices: Vec<SyncDevice>,
    subnet: [u8; 3],
    links: Arc<Links>,
    stop: CancellationToken,
) {
    let opened: Result<Vec<_>, _> = devices.into_iter().map(AsyncDevice::new).collect();
    let devices = match opened {
        Ok(devices) => Arc::new(devices),
        Err(error) => {
            anstream::eprintln!("the switch cannot read its devices: {error}");
            return;
        }
    };
    let receiving = (0..devices.len()).map(|from| {
        let port = Port {
            from,
            devices: Arc::clone(&devices),
            subnet,
            links: Arc::clone(&links),
            queues: BTreeMap::new(),
        };
        port.run()
    });
    tokio::select! {
        _ended = futures::future::join_all(receiving) => {}
        () = stop.cancelled() => {}
    }
}

/// One device, and the links that lead away from it.
struct Port {
    from: usize,
    devices: Arc<Vec<AsyncDevice>>,
    subnet: [u8; 3],
    links: Arc<Links>,
    queues: BTreeMap<usize, mpsc::Sender<Packet>>,
}

impl Port {
    async fn run(mut self) {
        let devices = Arc::clone(&self.devices);
        let Some(device) = devices.get(self.from) else {
            return;
        };
        let mut buffer = vec![0; LARGEST];
        loop {
            match device.recv(&mut buffer).await {
                Ok(length) => self.take(buffer.get(..length).unwrap_or_default()),
                // A device whose namespace is going away.
                Err(_gone) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    }

    fn take(&mut self, packet: &[u8]) {
        let Some(to) = self.destination(packet) else {
            return;
        };
        let party = |index: usize| u64::try_from(index).unwrap_or(u64::MAX);
        let Fate::Arrives {
            after,
            twice,
            in_order,
            rate,
        } = self.links.fate(party(self.from), party(to))
        else {
            return;
        };
        let copies = if twice { 2 } else { 1 };
        for _copy in 0..copies {
            let packet = Packet {
                bytes: packet.to_vec(),
                due: Instant::now() + after,
                rate,
            };
            if in_order {
                // What does not fit is lost, as in a router.
                drop(self.queue(to).try_send(packet));
            } else {
                tokio::spawn(deliver(Arc::clone(&self.devices), to, packet));
            }
        }
    }

    /// The party an IPv4 packet goes to: addresses count from one.
    fn destination(&self, packet: &[u8]) -> Option<usize> {
        let address: [u8; 4] = packet.get(16..20)?.try_into().ok()?;
        let [a, b, c, host] = address;
        let known = packet.first()? >> 4 == 4 && [a, b, c] == self.subnet;
        let to = usize::from(host).checked_sub(1)?;
        (known && to < self.devices.len()).then_some(to)
    }

    /// The queue of the link to `to`; its packets keep their order.
    fn queue(&mut self, to: usize) -> &mpsc::Sender<Packet> {
        self.queues.entry(to).or_insert_with(|| {
            let (sender, mut receiver) = mpsc::channel::<Packet>(QUEUE);
            let devices = Arc::clone(&self.devices);
            tokio::spawn(async move {
                let mut free = Instant::now();
                while let Some(mut packet) = receiver.recv().await {
                    if let Some(rate) = packet.rate {
                        packet.due = packet.due.max(free);
                        free = packet.due + duration(packet.bytes.len(), rate);
                    }
                    deliver(Arc::clone(&devices), to, packet).await;
                }
            });
            sender
        })
    }
}

/// Hands a packet over when it is due. A device that does not take it loses it.
async fn deliver(devices: Arc<Vec<AsyncDevice>>, to: usize, packet: Packet) {
    if packet.due > Instant::now() {
        tokio::time::sleep_until(packet.due).await;
    }
    if let Some(device) = devices.get(to) {
        drop(device.send(&packet.bytes).await);
    }
}

fn duration(bytes: usize, rate: u64) -> Duration {
    let micros = u64::try_from(bytes)
        .unwrap_or(u64::MAX)
        .saturating_mul(1_000_000);
    Duration::from_micros(micros.checked_div(rate).unwrap_or_default())
}
