//! Chairs who report without pause while something is done to the cluster, and what they saw of it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, ensure};
use client::answer::Effect;
use client::chair::Report;
use client::clock::Clock;
use futures::stream::{FuturesUnordered, StreamExt};
use merkle::LeafHash;

use crate::stage::Stage;

/// The seed of the ids of these reports.
const SEED: u64 = 11;

/// How hard the chairs work.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// Chairs at work at the same time; each corrects the figures of a unit of its own again and again.
    pub chairs: usize,
    /// How long each rests between a receipt and the next report.
    pub rest: Duration,
}

impl Load {
    /// Enough receipts that a pause of some milliseconds is seen, little enough that two cores are not busy.
    pub const STEADY: Self = Self {
        chairs: 8,
        rest: Duration::from_millis(25),
    };
}

/// What chairs saw.
#[derive(Debug, Default)]
pub struct Seen {
    /// When each receipt had verified, by the desk's clock, in order.
    pub receipts: Vec<Duration>,
}

impl Seen {
    /// From the first receipt to the last.
    pub fn lasted(&self) -> Duration {
        let (first, last) = (self.receipts.first(), self.receipts.last());
        let times = first.zip(last);
        times.map_or(Duration::ZERO, |(first, last)| last.saturating_sub(*first))
    }
}

/// The receipts as they come in, for whoever acts on the cluster meanwhile.
#[derive(Debug, Default)]
pub struct Tally {
    receipts: Mutex<Vec<Duration>>,
    stop: AtomicBool,
}

impl Tally {
    /// Receipts so far.
    pub fn count(&self) -> usize {
        self.receipts().len()
    }

    /// The longest time without a receipt between two moments of the desk's clock.
    pub fn longest_gap(&self, from: Duration, to: Duration) -> Duration {
        longest_gap(&self.receipts(), from, to)
    }

    /// Waits until `more` receipts have come after now; false when `patience` is over before.
    pub async fn wait_for(&self, more: usize, patience: Duration) -> bool {
        let wanted = self.count() + more;
        let deadline = tokio::time::Instant::now() + patience;
        while self.count() < wanted {
            if tokio::time::Instant::now() > deadline {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        true
    }

    fn receipts(&self) -> std::sync::MutexGuard<'_, Vec<Duration>> {
        self.receipts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn longest_gap(receipts: &[Duration], from: Duration, to: Duration) -> Duration {
    let within = receipts.iter().filter(|at| (from..=to).contains(*at));
    let mut longest = Duration::ZERO;
    let mut last = from;
    for at in within.chain([&to]) {
        longest = longest.max(at.saturating_sub(last));
        last = *at;
    }
    longest
}

impl Load {
    /// Lets the chairs report while `work` goes on, and until each has the receipt it waits for. Every
    /// report must get its receipt in the end.
    pub async fn during<T>(
        self,
        stage: &Stage,
        work: impl AsyncFnOnce(&Tally) -> anyhow::Result<T>,
    ) -> anyhow::Result<(T, Seen)> {
        let tally = Tally::default();
        let chairs = async {
            let mut working: FuturesUnordered<_> = (0..self.chairs)
                .map(|number| self.chair(stage, &tally, number))
                .collect();
            while let Some(ended) = working.next().await {
                ended?;
            }
            anyhow::Ok(())
        };
        let acting = async {
            let done = work(&tally).await;
            tally.stop.store(true, Ordering::Relaxed);
            done
        };
        let (done, chairs) = tokio::join!(acting, chairs);
        let done = done?;
        chairs?;
        let receipts = std::mem::take(&mut *tally.receipts());
        Ok((done, Seen { receipts }))
    }

    /// One chair: the first report of a unit, then corrections of it.
    async fn chair(self, stage: &Stage, tally: &Tally, number: usize) -> anyhow::Result<()> {
        let (unit, sheet) = stage.unit(number)?;
        let (_, other_sheet) = stage.unit(number + self.chairs)?;
        let key = stage.chair(&unit)?;
        let (mut seq, mut supersedes) = (0, None);
        while !tally.stop.load(Ordering::Relaxed) {
            seq += 1;
            let sheet = if seq % 2 == 1 { &sheet } else { &other_sheet };
            let mut report = Report::first(unit.clone(), sheet.clone());
            report.seq = seq;
            report.supersedes = supersedes;
            let note = stage.desk.sign(report, key, SEED)?;
            let sent = stage.desk.send(&note).await?.receipted();
            let receipted = sent.with_context(|| format!("report {seq} of `{unit}`"))?;
            ensure!(
                !matches!(receipted.effect, Effect::Rival),
                "report {seq} of `{unit}` became a rival of what it corrects"
            );
            supersedes = Some(LeafHash::from_hash(
                *receipted.receipt.leaf_hash().as_hash(),
            ));
            tally.receipts().push(stage.desk.clock.monotonic());
            tokio::time::sleep(self.rest).await;
        }
        Ok(())
    }
}

/// Times, sorted, for their percentiles.
#[derive(Debug, Clone, Default)]
pub struct Times(Vec<Duration>);

impl Times {
    /// Takes a time in.
    pub fn push(&mut self, time: Duration) {
        let place = self.0.partition_point(|earlier| *earlier <= time);
        self.0.insert(place, time);
    }

    /// Takes all of `others` in.
    pub fn append(&mut self, others: &Self) {
        self.0.extend(&others.0);
        self.0.sort_unstable();
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The time that `percent` of a hundred do not exceed (nearest rank); zero where there is none.
    pub fn percentile(&self, percent: usize) -> Duration {
        let rank = (self.0.len() * percent).div_ceil(100).max(1);
        self.0.get(rank - 1).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_gap_reaches_to_the_edges_of_the_time_looked_at() {
        let receipts = [ms(10), ms(20), ms(90), ms(100)];
        assert_eq!(longest_gap(&receipts, ms(15), ms(100)), ms(70));
        assert_eq!(longest_gap(&receipts, ms(0), ms(15)), ms(10));
        assert_eq!(longest_gap(&receipts, ms(95), ms(195)), ms(95));
    }

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let mut times = Times::default();
        for one in [5, 1, 4, 2, 3] {
            times.push(ms(one));
        }
        assert_eq!(
            (
                times.percentile(50),
                times.percentile(99),
                times.percentile(1)
            ),
            (ms(3), ms(5), ms(1))
        );
    }
}
