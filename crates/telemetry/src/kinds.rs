//! Counters, gauges and timers as the rest of the code sees them: no registry, no strings where a
//! closed set will do, no fallible calls.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use prometheus::{
    Gauge as Float, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec,
    Opts, Registry,
};

use crate::labels::Label;
use crate::metrics::MetricsError;

/// Fsyncs, applies, rounds and receipts all lie between these bounds, in seconds.
const SECONDS: [f64; 16] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.035, 0.05, 0.1, 0.2, 0.35, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// Registers metrics; the first failure stops the construction.
pub(crate) struct Builder<'r>(pub(crate) &'r Registry);

/// Goes up only.
#[derive(Debug, Clone)]
pub struct Counter(IntCounter);

/// A whole number now.
#[derive(Debug, Clone)]
pub struct Gauge(IntGauge);

/// A duration or an instant now, in seconds.
#[derive(Debug, Clone)]
pub struct Seconds(Float);

/// A distribution of durations.
#[derive(Debug, Clone)]
pub struct Timer(Histogram);

/// One counter for each value of a closed set.
#[derive(Clone)]
pub struct CounterBy<L>(IntCounterVec, PhantomData<L>);

/// One gauge for each value of a closed set.
#[derive(Clone)]
pub struct GaugeBy<L>(IntGaugeVec, PhantomData<L>);

/// One counter for each name from a set known at start (nodes, refusal codes), with an optional
/// second label from a closed set.
#[derive(Debug, Clone)]
pub struct NamedCounter(IntCounterVec);

/// One gauge for each name from a set known at start.
#[derive(Debug, Clone)]
pub struct NamedGauge(IntGaugeVec);

impl Counter {
    /// One more.
    pub fn increment(&self) {
        self.0.inc();
    }

    /// What it stands at.
    pub fn value(&self) -> u64 {
        self.0.get()
    }
}

impl Gauge {
    /// Sets the value; more than `i64::MAX` is shown as that.
    pub fn set(&self, value: u64) {
        self.0.set(whole(value));
    }

    /// Sets a value that may be negative.
    pub fn set_signed(&self, value: i64) {
        self.0.set(value);
    }

    /// What it stands at.
    pub fn value(&self) -> i64 {
        self.0.get()
    }
}

impl Seconds {
    /// Sets a duration.
    pub fn set(&self, duration: Duration) {
        self.0.set(duration.as_secs_f64());
    }
}

impl Timer {
    /// One observation.
    pub fn observe(&self, duration: Duration) {
        self.0.observe(duration.as_secs_f64());
    }
}

impl<L: Label> CounterBy<L> {
    /// One more of this kind.
    pub fn increment(&self, label: L) {
        self.0.with_label_values(&[label.as_str()]).inc();
    }

    /// What this kind stands at.
    pub fn value(&self, label: L) -> u64 {
        self.0.with_label_values(&[label.as_str()]).get()
    }
}

impl<L: Label> GaugeBy<L> {
    /// Sets this kind's value.
    pub fn set(&self, label: L, value: u64) {
        self.0
            .with_label_values(&[label.as_str()])
            .set(whole(value));
    }
}

impl NamedCounter {
    /// One more under `name`, which comes from the set given at start.
    pub fn increment(&self, name: &str) {
        self.0.with_label_values(&[name]).inc();
    }

    /// One more under `name` and `label`.
    pub fn increment_with<L: Label>(&self, name: &str, label: L) {
        self.0.with_label_values(&[name, label.as_str()]).inc();
    }
}

impl NamedGauge {
    /// Sets the value under `name`.
    pub fn set(&self, name: &str, value: i64) {
        self.0.with_label_values(&[name]).set(value);
    }

    /// Sets the value under two names.
    pub fn set_pair(&self, first: &str, second: &str, value: i64) {
        self.0.with_label_values(&[first, second]).set(value);
    }
}

impl<L> fmt::Debug for CounterBy<L> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("CounterBy").finish_non_exhaustive()
    }
}

impl<L> fmt::Debug for GaugeBy<L> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("GaugeBy").finish_non_exhaustive()
    }
}

impl Builder<'_> {
    pub(crate) fn counter(&self, name: &str, help: &str) -> Result<Counter, MetricsError> {
        let counter = IntCounter::new(name, help)?;
        self.0.register(Box::new(counter.clone()))?;
        Ok(Counter(counter))
    }

    pub(crate) fn gauge(&self, name: &str, help: &str) -> Result<Gauge, MetricsError> {
        let gauge = IntGauge::new(name, help)?;
        self.0.register(Box::new(gauge.clone()))?;
        Ok(Gauge(gauge))
    }

    pub(crate) fn seconds(&self, name: &str, help: &str) -> Result<Seconds, MetricsError> {
        let gauge = Float::new(name, help)?;
        self.0.register(Box::new(gauge.clone()))?;
        Ok(Seconds(gauge))
    }

    pub(crate) fn timer(&self, name: &str, help: &str) -> Result<Timer, MetricsError> {
        let options = HistogramOpts::new(name, help).buckets(SECONDS.to_vec());
        let histogram = Histogram::with_opts(options)?;
        self.0.register(Box::new(histogram.clone()))?;
        Ok(Timer(histogram))
    }

    pub(crate) fn counter_by<L: Label>(
        &self,
        name: &str,
        label: &str,
        help: &str,
    ) -> Result<CounterBy<L>, MetricsError> {
        let family = self.counter_family(name, &[label], help)?;
        for value in L::ALL {
            family.with_label_values(&[value.as_str()]);
        }
        Ok(CounterBy(family, PhantomData))
    }

    pub(crate) fn gauge_by<L: Label>(
        &self,
        name: &str,
        label: &str,
        help: &str,
    ) -> Result<GaugeBy<L>, MetricsError> {
        let family = self.gauge_family(name, &[label], help)?;
        for value in L::ALL {
            family.with_label_values(&[value.as_str()]);
        }
        Ok(GaugeBy(family, PhantomData))
    }

    pub(crate) fn named_counter(
        &self,
        name: &str,
        label: &str,
        values: &[&str],
        help: &str,
    ) -> Result<NamedCounter, MetricsError> {
        let family = self.counter_family(name, &[label], help)?;
        for value in values {
            family.with_label_values(&[value]);
        }
        Ok(NamedCounter(family))
    }

    pub(crate) fn named_counter_by<L: Label>(
        &self,
        name: &str,
        labels: [&str; 2],
        values: &[&str],
        help: &str,
    ) -> Result<NamedCounter, MetricsError> {
        let family = self.counter_family(name, &labels, help)?;
        for value in values {
            for label in L::ALL {
                family.with_label_values(&[value, label.as_str()]);
            }
        }
        Ok(NamedCounter(family))
    }

    pub(crate) fn named_gauge(
        &self,
        name: &str,
        label: &str,
        values: &[&str],
        help: &str,
    ) -> Result<NamedGauge, MetricsError> {
        let family = self.gauge_family(name, &[label], help)?;
        for value in values {
            family.with_label_values(&[value]);
        }
        Ok(NamedGauge(family))
    }

    /// A gauge with two labels whose values become known later; it has no series until then.
    pub(crate) fn info(
        &self,
        name: &str,
        labels: &[&str],
        help: &str,
    ) -> Result<NamedGauge, MetricsError> {
        Ok(NamedGauge(self.gauge_family(name, labels, help)?))
    }

    fn counter_family(
        &self,
        name: &str,
        labels: &[&str],
        help: &str,
    ) -> Result<IntCounterVec, MetricsError> {
        let family = IntCounterVec::new(Opts::new(name, help), labels)?;
        self.0.register(Box::new(family.clone()))?;
        Ok(family)
    }

    fn gauge_family(
        &self,
        name: &str,
        labels: &[&str],
        help: &str,
    ) -> Result<IntGaugeVec, MetricsError> {
        let family = IntGaugeVec::new(Opts::new(name, help), labels)?;
        self.0.register(Box::new(family.clone()))?;
        Ok(family)
    }
}

fn whole(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
