//! What an item of feed data does: it is new, a repeat, or refused; it may close a desired state, become the reported value, and be
//! adopted as the desired one. Pure: a store asks inside its transaction, and does what it is told. (Contract §5.1, §6.4, §6.5.)

#[cfg(test)]
mod tests;

use super::desired::{DesiredState, Lifecycle};
use super::value::ValueType;
use super::{Adoption, Answer, DesiredId, Item, Refusal, Warning, Warnings};

/// When it is, and how far ahead of that an observation may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// In milliseconds since 1970.
    pub ms: i64,
    /// An observation that is further ahead is ordered by its arrival.
    pub future_tolerance_ms: i64,
}

/// What is known of an item's source and of what it names.
#[derive(Debug, Clone, PartialEq)]
pub struct Known {
    /// What came with the same message id of the same source, if anything did.
    pub earlier: Option<Earlier>,
    /// The source.
    pub source: KnownSource,
    /// What the newest observation of the source is ordered by.
    pub latest_ms: Option<i64>,
    /// The desired state that the item names, if it is one of this very command.
    pub named: Option<DesiredState>,
    /// Open desired states of this command, whatever their resource; needed only where it adopts.
    pub open: Vec<DesiredState>,
}

/// An item that was accepted before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Earlier {
    /// Its number.
    pub feed_data: u64,
    /// What it said.
    pub fingerprint: [u8; 16],
    /// What was odd about it.
    pub warnings: Warnings,
}

/// The source of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KnownSource {
    /// A command.
    Command {
        /// How its values are read.
        value_type: ValueType,
        /// Whether it adopts.
        adoption: Adoption,
    },
    /// A sensor.
    Sensor,
}

/// What is to be done about an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing: this one came before.
    Replay(Earlier),
    /// Nothing: it is refused.
    Refuse(Refusal),
    /// It is kept, with these effects.
    Keep(Effects),
}

/// What an item that is kept does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effects {
    /// What was odd about it.
    pub warnings: Warnings,
    /// What it is ordered by, in milliseconds since 1970.
    pub order_ms: i64,
    /// Whether it is the newest observation of its source now.
    pub is_latest: bool,
    /// How the desired state that it names ends, if it was open.
    pub closes: Option<Lifecycle>,
    /// The value becomes the desired one, and these open desired states are superseded.
    pub adopts: Option<Vec<DesiredId>>,
}

/// What `item` does.
pub fn decide(item: &Item, known: &Known, now: Now) -> Verdict {
    if let Some(earlier) = known.earlier.filter(|earlier| earlier.fingerprint == item.fingerprint()) {
        return Verdict::Replay(earlier);
    }
    if let Err(refusal) = check(item, known) {
        return Verdict::Refuse(refusal);
    }
    if known.earlier.is_some() {
        return Verdict::Refuse(Refusal::Conflict);
    }
    let mut effects = order(item, known.latest_ms, now);
    if let (Some(answer), Some(named)) = (&item.answer, &known.named) {
        close(item, answer, named, now, &mut effects);
    } else if effects.is_latest {
        effects.adopts = adopt(known, effects.order_ms, now);
    }
    Verdict::Keep(effects)
}

/// What can be told only by who knows the source.
fn check(item: &Item, known: &Known) -> Result<(), Refusal> {
    let value_type = match known.source {
        KnownSource::Command { value_type, .. } => value_type,
        KnownSource::Sensor => ValueType::NumericRange,
    };
    if !value_type.fits(item.value.as_str()) {
        return Err(Refusal::invalid("value", value_type.problem()));
    }
    if item.answer.is_some() && known.named.is_none() {
        return Err(Refusal::invalid("desired_id", "unknown"));
    }
    Ok(())
}

/// The place of an observation among those of its source: ties go to the one that comes later. (§6.5)
fn order(item: &Item, latest_ms: Option<i64>, now: Now) -> Effects {
    let mut warnings = item.warnings;
    let mut order_ms = item.observed_ms;
    if order_ms > now.ms.saturating_add(now.future_tolerance_ms) {
        warnings = warnings.with(Warning::ObservedInFuture);
        order_ms = now.ms;
    }
    let is_latest = latest_ms.is_none_or(|latest| order_ms >= latest);
    if !is_latest {
        warnings = warnings.with(Warning::OutOfOrder);
    }
    Effects { warnings, order_ms, is_latest, closes: None, adopts: None }
}

/// The first answer closes; what comes later, or too late, is kept and changes nothing. (§5.1)
fn close(item: &Item, answer: &Answer, named: &DesiredState, now: Now, effects: &mut Effects) {
    if named.at(now.ms).is_open() {
        effects.closes = Some(answer.status.into());
    } else {
        effects.warnings = effects.warnings.with(Warning::DesiredStateClosed);
    }
    if item.sequence.is_some_and(|sequence| sequence != named.sequence) {
        effects.warnings = effects.warnings.with(Warning::SequenceNumberMismatch);
    }
}

/// What was observed after every wish that is open takes the place of them all; a wish that was made later stands. One whose time is
/// over counts no more, even if no store has closed it yet: it neither stands in the way nor is superseded. (§5.1, §6.5)
fn adopt(known: &Known, order_ms: i64, now: Now) -> Option<Vec<DesiredId>> {
    let adopts = matches!(known.source, KnownSource::Command { adoption: Adoption::On, .. });
    let open = || known.open.iter().filter(|open| open.at(now.ms).is_open());
    let is_newest = open().all(|open| open.issued_ms <= order_ms);
    (adopts && is_newest).then(|| open().map(|open| open.id.clone()).collect())
}
