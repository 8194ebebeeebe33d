//! Figures of several runs, their medians, and the table that goes into RESULTS.md. Knows nothing of how they are measured.

use std::fmt;

use crate::tally::Tally;

/// All figures so far.
#[derive(Debug, Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
    /// Calls and notifications of all runs.
    pub(crate) tally: Tally,
}

/// What a figure is called, and what it must reach.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Figure {
    pub(crate) name: String,
    pub(crate) target: Target,
}

/// What a figure must reach.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Target {
    /// For information.
    None,
    HubAtMost(f64),
    HubAtLeast(f64),
    RatioAtMost(f64),
    RatioAtLeast(f64),
}

/// One measurement of a figure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sample {
    pub(crate) hub: f64,
    /// Taken right before or after, in the same run.
    pub(crate) baseline: Option<f64>,
}

#[derive(Debug)]
struct Row {
    figure: Figure,
    samples: Vec<Sample>,
}

impl Report {
    /// Adds a measurement of a figure that is compared with a bare server.
    pub(crate) fn compare(&mut self, name: impl Into<String>, target: Target, hub: f64, baseline: f64) {
        self.add(Figure { name: name.into(), target }, Sample { hub, baseline: Some(baseline) });
    }

    /// Adds a measurement of a figure that stands alone.
    pub(crate) fn record(&mut self, name: impl Into<String>, target: Target, hub: f64) {
        self.add(Figure { name: name.into(), target }, Sample { hub, baseline: None });
    }

    fn add(&mut self, figure: Figure, sample: Sample) {
        match self.rows.iter_mut().find(|row| row.figure == figure) {
            Some(row) => row.samples.push(sample),
            None => self.rows.push(Row { figure, samples: vec![sample] }),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| figure | hub | spread | bare server | ratio | must reach | |")?;
        writeln!(f, "|---|--:|--:|--:|--:|---|---|")?;
        for row in &self.rows {
            writeln!(f, "{row}")?;
        }
        let Tally { sent, lost, crossed, duplicated, .. } = &self.tally;
        let verdict = verdict(self.tally.is_clean());
        let name = format!("lost · crossed · duplicated, of {sent} calls and notifications");
        write!(f, "| {name} | {lost} · {crossed} · {duplicated} | | | | 0 | {verdict} |")
    }
}

impl Row {
    fn hub(&self) -> f64 {
        median(self.samples.iter().map(|sample| sample.hub))
    }

    fn baseline(&self) -> Option<f64> {
        self.of_baseline(|_, baseline| baseline)
    }

    /// Median of the ratios, not ratio of the medians: what disturbs the machine disturbs both of a pair.
    fn ratio(&self) -> Option<f64> {
        // To nothing there is no ratio: idle servers may use no measurable time at all.
        self.of_baseline(|hub, baseline| hub / baseline).filter(|ratio| ratio.is_finite())
    }

    fn of_baseline(&self, value: impl Fn(f64, f64) -> f64) -> Option<f64> {
        let values: Option<Vec<_>> =
            self.samples.iter().map(|sample| Some(value(sample.hub, sample.baseline?))).collect();
        values.map(median)
    }

    /// Distance of the extremes in parts of the median.
    fn spread(&self) -> f64 {
        let values = || self.samples.iter().map(|sample| sample.hub);
        (values().fold(f64::MIN, f64::max) - values().fold(f64::MAX, f64::min)) / self.hub()
    }

    fn passes(&self) -> Option<bool> {
        match self.figure.target {
            Target::None => None,
            Target::HubAtMost(limit) => Some(self.hub() <= limit),
            Target::HubAtLeast(limit) => Some(self.hub() >= limit),
            Target::RatioAtMost(limit) => self.ratio().map(|ratio| ratio <= limit),
            Target::RatioAtLeast(limit) => self.ratio().map(|ratio| ratio >= limit),
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let optional = |value: Option<f64>| value.map(number).unwrap_or_default();
        let spread = if self.samples.len() > 1 { format!("{:.0} %", self.spread() * 100.0) } else { String::new() };
        let (baseline, ratio) = (optional(self.baseline()), optional(self.ratio()));
        let verdict = self.passes().map(verdict).unwrap_or_default();
        let Figure { name, target } = &self.figure;
        write!(f, "| {name} | {} | {spread} | {baseline} | {ratio} | {target} | {verdict} |", number(self.hub()))
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::None => Ok(()),
            Self::HubAtMost(limit) => write!(f, "≤ {}", number(limit)),
            Self::HubAtLeast(limit) => write!(f, "≥ {}", number(limit)),
            Self::RatioAtMost(limit) => write!(f, "ratio ≤ {limit}"),
            Self::RatioAtLeast(limit) => write!(f, "ratio ≥ {limit}"),
        }
    }
}

fn verdict(passes: bool) -> &'static str {
    if passes { "pass" } else { "miss" }
}

/// The middle one, the mean of the middle two; NaN of none.
fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let (low, high) = (values.len().saturating_sub(1) / 2, values.len() / 2);
    match (values.get(low), values.get(high)) {
        (Some(low), Some(high)) => f64::midpoint(*low, *high),
        _ => f64::NAN,
    }
}

/// Some three digits, thousands apart.
fn number(value: f64) -> String {
    if value.abs() < 100.0 {
        let decimals = if value.abs() < 10.0 { 2 } else { 1 };
        return format!("{value:.decimals$}");
    }
    let digits = format!("{:.0}", value.abs());
    let mut text = String::from(if value < 0.0 { "-" } else { "" });
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_are_reported_with_their_verdict() {
        let mut report = Report::default();
        for (hub, baseline) in [(30.0, 10.0), (80.0, 20.0), (20.0, 10.0)] {
            report.compare("p50", Target::RatioAtMost(3.5), hub, baseline);
        }
        report.record("bytes", Target::HubAtMost(2_048.0), 12_345.0);
        report.compare("idle", Target::HubAtMost(0.5), 0.0, 0.0);
        let text = report.to_string();
        assert!(text.contains("| p50 | 30.0 | 200 % | 10.0 | 3.00 | ratio ≤ 3.5 | pass |"), "{text}");
        assert!(text.contains("| bytes | 12,345 |  |  |  | ≤ 2,048 | miss |"), "{text}");
        assert!(text.contains("| idle | 0.00 |  | 0.00 |  | ≤ 0.50 | pass |"), "{text}");
        assert!(text.ends_with("| 0 · 0 · 0 | | | | 0 | pass |"), "{text}");
    }

    #[test]
    fn numbers_keep_three_digits() {
        for (value, text) in [(0.814, "0.81"), (99.94, "99.9"), (128_999.7, "129,000"), (-1_000.0, "-1,000")] {
            assert_eq!(number(value), text);
        }
    }
}
