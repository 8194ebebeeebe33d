//! What came of a group call, as a table (pure).

use std::collections::BTreeMap;
use std::fmt;

/// How many devices had which outcome, and the names of those that failed.
#[derive(Debug, Default)]
pub(super) struct Table {
    outcomes: BTreeMap<String, Row>,
}

#[derive(Debug, Default)]
struct Row {
    devices: u64,
    /// The first of them.
    names: Vec<String>,
}

impl Table {
    /// One more device.
    pub(super) fn count(&mut self, outcome: String, device: &str) {
        let is_full = self.outcomes.len() >= MAX_OUTCOMES && !self.outcomes.contains_key(&outcome);
        let row = self.outcomes.entry(if is_full { OTHERS.to_owned() } else { outcome }).or_default();
        row.devices += 1;
        if row.names.len() < MAX_NAMES {
            row.names.push(device.to_owned());
        }
    }

    pub(super) fn devices(&self) -> u64 {
        self.outcomes.values().map(|row| row.devices).sum()
    }

    /// Devices that did not answer with OK.
    pub(super) fn failed(&self) -> u64 {
        self.devices() - self.outcomes.get(OK).map_or(0, |row| row.devices)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let devices = self.devices();
        let mut rows: Vec<_> = self.outcomes.iter().collect();
        rows.sort_by_key(|(outcome, row)| (*outcome != OK, std::cmp::Reverse(row.devices)));
        let width = rows.iter().map(|(outcome, _)| outcome.chars().count()).max().unwrap_or(0).max("OUTCOME".len());
        writeln!(out, "\n{:width$}  {:>8}   SHARE", "OUTCOME", "DEVICES")?;
        for (outcome, row) in &rows {
            let per_mille = (row.devices * 1000 + devices / 2) / devices.max(1);
            writeln!(out, "{outcome:width$}  {:>8}  {:>3}.{} %", row.devices, per_mille / 10, per_mille % 10)?;
        }
        writeln!(out, "{:width$}  {devices:>8}", "all")?;
        for (outcome, row) in rows.iter().filter(|(outcome, _)| *outcome != OK) {
            write!(out, "\n{outcome}: {}", row.names.join(", "))?;
            match row.devices - row.names.len() as u64 {
                0 => writeln!(out)?,
                more => writeln!(out, " and {more} more")?,
            }
        }
        Ok(())
    }
}

const OK: &str = "OK";

/// Names of devices that are shown of each outcome.
const MAX_NAMES: usize = 20;

/// Twice as many as a hub has: what comes is somebody else's text.
const MAX_OUTCOMES: usize = 32;

const OTHERS: &str = "(others)";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_counted_and_those_that_failed_are_named() {
        let mut table = Table::default();
        (0..75).for_each(|_| table.count("OK".into(), "x"));
        (0..24).for_each(|number| table.count("DEVICEID_OFFLINE".into(), &format!("d-{number}")));
        table.count("BAD_REQUEST missing uri".into(), "e");
        let names: Vec<_> = (0..20).map(|number| format!("d-{number}")).collect();
        let expected = format!(
            "
OUTCOME                   DEVICES   SHARE
OK                             75   75.0 %
DEVICEID_OFFLINE               24   24.0 %
BAD_REQUEST missing uri         1    1.0 %
all                           100

DEVICEID_OFFLINE: {} and 4 more

BAD_REQUEST missing uri: e
",
            names.join(", ")
        );
        assert_eq!((table.to_string(), table.failed(), table.devices()), (expected, 25, 100));
    }

    #[test]
    fn a_group_of_nobody_is_a_table_of_nothing() {
        let table = Table::default();
        assert_eq!(table.to_string(), "\nOUTCOME   DEVICES   SHARE\nall             0\n");
        assert_eq!(table.failed(), 0);
    }

    #[test]
    fn outcomes_that_no_hub_has_do_not_pile_up() {
        let mut table = Table::default();
        (0..1000).for_each(|number| table.count(number.to_string(), "x"));
        assert_eq!((table.outcomes.len(), table.devices()), (MAX_OUTCOMES + 1, 1000));
    }
}
