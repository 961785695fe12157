//! The night itself: chairs report in the order of their arrival, the leader is killed at 40 % of the reports
//! and started again at 70 %.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use client::Client;
use client::answer::Effect;
use client::chair;
use client::clock::{Clock, SystemClock};
use client::election::Made;
use futures::StreamExt;
use indicatif::{ProgressBar, ProgressStyle};
use receipt::leaf::Role;
use testkit::Night;
use tokio::sync::watch;

use super::options::Options;
use crate::chairs::{Desk, Receipted};
use crate::cluster::Cluster;

/// The leader is killed when this share of the reports has its receipts.
const KILL_AT_PERCENT: usize = 40;
/// And its node is started again at this one.
const RESTART_AT_PERCENT: usize = 70;
/// The kill belongs to the longest gap within this time of it.
const AROUND_THE_KILL: Duration = Duration::from_secs(5);

/// What happened, by the demo's own clock.
#[derive(Debug)]
pub(super) struct Course {
    /// Reports in the order in which their receipts came.
    pub receipted: Vec<Receipted>,
    /// Who led when the night began, and who after the kill.
    pub leaders: (u64, u64),
    /// When the leader was killed.
    pub killed: Duration,
    /// How long the reporting took, first send to last receipt.
    pub took: Duration,
}

impl Course {
    /// The longest time without a receipt around the kill.
    pub(super) fn gap(&self) -> Duration {
        let from = self.killed.saturating_sub(AROUND_THE_KILL);
        let to = self.killed + AROUND_THE_KILL;
        let mut last = None;
        let mut longest = Duration::ZERO;
        for receipted in &self.receipted {
            let now = receipted.receipted;
            if let Some(last) = last
                && now >= from
                && last <= to
            {
                longest = longest.max(now.saturating_sub(last));
            }
            last = Some(now);
        }
        longest
    }
}

/// Holds the night: every unit reports, and every report gets its receipt.
pub(super) async fn hold(
    cluster: &mut Cluster,
    night: &Night,
    folder: &Path,
    options: &Options,
) -> anyhow::Result<Course> {
    let made = Arc::clone(&cluster.made);
    let client = Client::new(cluster.connections.clone(), Arc::clone(&cluster.election));
    let desk = Desk::open(client, folder)?;
    let clock = desk.clock;
    publish(cluster, folder).await?;
    let bar = progress(night.reports.len(), options);
    let (count, counted) = watch::channel(0);

    let began = clock.monotonic();
    let (receipted, fault) = tokio::try_join!(
        report_all(&desk, &made, night, options, |done| {
            bar.inc(1);
            count.send_replace(done);
        }),
        kill_and_restart(cluster, &clock, night.reports.len(), counted, &bar),
    )?;
    let took = clock.monotonic().saturating_sub(began);
    bar.finish_and_clear();
    Ok(Course {
        receipted,
        leaders: fault.leaders,
        killed: fault.killed,
        took,
    })
}

/// The publishers let everything be shown as it comes in. Their note is kept beside the chairs' outbox.
async fn publish(cluster: &Cluster, folder: &Path) -> anyhow::Result<()> {
    let client = Client::new(cluster.connections.clone(), Arc::clone(&cluster.election));
    let desk = Desk::open(client, &folder.with_extension("publishers"))?;
    let publishers = cluster.made.people.get(&Role::Publisher);
    desk.publish_all(publishers.context("there are no publishers")?)
        .await?;
    Ok(())
}

/// Every chair reports, in the order of arrival, a bounded number at a time.
async fn report_all(
    desk: &Desk,
    made: &Made,
    night: &Night,
    options: &Options,
    tell: impl Fn(usize),
) -> anyhow::Result<Vec<Receipted>> {
    let reports = night.reports.iter().map(|report| async move {
        let keys = made
            .units
            .get(&report.unit)
            .context("a unit without keys")?;
        let first = chair::Report::first(report.unit.clone(), report.worksheet.clone());
        let note = desk.sign(first, &keys.a, options.seed)?;
        let sent = desk
            .send(&note)
            .await
            .with_context(|| format!("unit {}", report.unit))?;
        sent.receipted()
            .with_context(|| format!("unit {}", report.unit))
    });
    let mut under_way =
        futures::stream::iter(reports).buffer_unordered(usize::from(options.chairs));
    let mut all = Vec::with_capacity(night.reports.len());
    while let Some(receipted) = under_way.next().await {
        let receipted: Receipted = receipted?;
        ensure!(
            receipted.effect != Effect::Rival,
            "a first report was taken for a rival"
        );
        all.push(receipted);
        tell(all.len());
    }
    Ok(all)
}

/// What was done to the cluster.
struct Fault {
    leaders: (u64, u64),
    killed: Duration,
}

/// Kills the leader and starts its node again when the reports are that far.
async fn kill_and_restart(
    cluster: &mut Cluster,
    clock: &SystemClock,
    units: usize,
    mut counted: watch::Receiver<usize>,
    bar: &ProgressBar,
) -> anyhow::Result<Fault> {
    counted
        .wait_for(|done| done * 100 >= units * KILL_AT_PERCENT)
        .await?;
    let first = cluster.leader().await.context("nobody leads")?;
    let killed = clock.monotonic();
    cluster.kill(first).await?;
    bar.set_message(format!("n{first}, the leader, was killed"));

    counted
        .wait_for(|done| done * 100 >= units * RESTART_AT_PERCENT)
        .await?;
    let second = cluster
        .leader()
        .await
        .context("nobody leads after the kill")?;
    cluster.start_node(first)?;
    bar.set_message(format!("n{second} leads, n{first} was started again"));
    Ok(Fault {
        leaders: (first, second),
        killed,
    })
}

fn progress(units: usize, options: &Options) -> ProgressBar {
    if options.json {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} receipts  {elapsed}  {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(u64::try_from(units).unwrap_or(u64::MAX)).with_style(style)
}
