//! Messages of a device that are not through yet: published, and not yet accepted by the broker or not yet acknowledged by the hub. Pure.

use tokio::time::Instant;

/// Those of one device, the oldest first.
#[derive(Debug)]
pub(super) struct InFlight {
    messages: Vec<Message>,
    /// Whether an acknowledgement of the hub follows, after the broker's word.
    acknowledged: bool,
    next_id: u16,
}

/// One of them.
#[derive(Debug, Clone, Copy)]
struct Message {
    id: u16,
    number: u64,
    begin: Instant,
    accepted: bool,
    acknowledged: bool,
}

/// A word about a message that is not in flight, or that came before.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stranger;

impl InFlight {
    /// None yet. `acknowledged` where the hub's word is to be waited for.
    pub(super) const fn new(acknowledged: bool) -> Self {
        Self { messages: Vec::new(), acknowledged, next_id: 1 }
    }

    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }

    /// Message `number` goes out; returns its id.
    pub(super) fn begin(&mut self, number: u64, now: Instant) -> u16 {
        let id = self.next_id;
        self.next_id = id.checked_add(1).unwrap_or(1);
        self.messages.push(Message { id, number, begin: now, accepted: false, acknowledged: !self.acknowledged });
        id
    }

    /// The broker took it: when it went out.
    pub(super) fn accept(&mut self, id: u16) -> Result<Instant, Stranger> {
        self.tick_off(|message| message.id == id, |message| &mut message.accepted)
    }

    /// The hub says what became of it: when it went out.
    pub(super) fn acknowledge(&mut self, number: u64) -> Result<Instant, Stranger> {
        self.tick_off(|message| message.number == number, |message| &mut message.acknowledged)
    }

    fn tick_off(
        &mut self,
        is_it: impl Fn(&Message) -> bool,
        mark: impl Fn(&mut Message) -> &mut bool,
    ) -> Result<Instant, Stranger> {
        let at = self.messages.iter().position(is_it).ok_or(Stranger)?;
        let message = &mut self.messages[at];
        if std::mem::replace(mark(message), true) {
            return Err(Stranger);
        }
        let begin = message.begin;
        if message.accepted && message.acknowledged {
            self.messages.remove(at);
        }
        Ok(begin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_message_is_through_after_both_words_in_any_order() {
        let (mut in_flight, now) = (InFlight::new(true), Instant::now());
        let (one, two) = (in_flight.begin(40, now), in_flight.begin(41, now));
        assert_eq!(in_flight.accept(one), Ok(now));
        assert_eq!(in_flight.accept(one), Err(Stranger), "twice");
        assert_eq!(in_flight.acknowledge(41), Ok(now));
        assert_eq!(in_flight.len(), 2);
        assert_eq!(in_flight.accept(two), Ok(now));
        assert_eq!(in_flight.acknowledge(40), Ok(now));
        assert_eq!(in_flight.len(), 0);
        assert_eq!(in_flight.acknowledge(40), Err(Stranger), "not any more");
    }

    #[tokio::test]
    async fn where_nothing_is_acknowledged_the_brokers_word_is_enough() {
        let (mut in_flight, now) = (InFlight::new(false), Instant::now());
        in_flight.next_id = u16::MAX;
        assert_eq!((in_flight.begin(1, now), in_flight.begin(2, now)), (u16::MAX, 1), "there is no id 0");
        assert_eq!(in_flight.accept(u16::MAX), Ok(now));
        assert_eq!(in_flight.acknowledge(2), Err(Stranger));
        assert_eq!(in_flight.len(), 1);
    }
}
