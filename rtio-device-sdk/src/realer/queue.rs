//! What waits to be sent: bounded, oldest first. Pure. (Contract §11, "Offline queue".)

use std::collections::VecDeque;

use super::item::Item;

/// Items that wait, oldest first. When full, the oldest reading makes room, else the oldest local change of a command; answers to desired
/// states never do. Full of answers, it takes answers only from who asked [`has_room_for_answer`](Self::has_room_for_answer) before.
#[derive(Debug)]
pub(super) struct Queue {
    items: VecDeque<Waiting>,
    cap: usize,
}

/// An item that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Waiting {
    pub(super) item: Item,
    /// Whether it was given another message id once; then it is not given a third.
    pub(super) is_renamed: bool,
}

/// What became of an item that was put into the queue.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Pushed {
    Kept,
    /// It is kept; the one with this message id was forgotten for it.
    InPlaceOf(String),
    Refused,
}

/// How much one request bears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Room {
    pub(super) bytes: usize,
    pub(super) items: usize,
}

/// What is sent in one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Batch {
    /// Message ids, in the order of the request.
    pub(super) ids: Vec<String>,
    pub(super) body: Vec<u8>,
}

/// What there is to send.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    Nothing,
    Send(Batch),
    /// The oldest fits no request.
    TooLarge {
        message_id: String,
        len: usize,
    },
}

impl Queue {
    pub(super) fn new(cap: usize) -> Self {
        Self { items: VecDeque::new(), cap }
    }

    /// Puts an item at the end.
    pub(super) fn push(&mut self, waiting: Waiting) -> Pushed {
        if self.items.len() < self.cap {
            self.items.push_back(waiting);
            return Pushed::Kept;
        }
        let reading = self.oldest(Item::is_reading);
        let oldest = if waiting.item.is_reading() { reading } else { reading.or_else(|| self.oldest_droppable()) };
        let pushed = match oldest.and_then(|at| self.items.remove(at)) {
            Some(forgotten) => Pushed::InPlaceOf(forgotten.item.told.message_id),
            None if waiting.item.is_answer() => Pushed::Kept,
            None => return Pushed::Refused,
        };
        self.items.push_back(waiting);
        pushed
    }

    /// Takes an item away, wherever it stands.
    pub(super) fn remove(&mut self, message_id: &str) -> Option<Waiting> {
        let at = self.items.iter().position(|waiting| waiting.item.told.message_id == message_id)?;
        self.items.remove(at)
    }

    /// The oldest items, as many as one request bears: one goes as it is, more go as a batch.
    pub(super) fn next(&self, room: Room) -> Next {
        let Some(first) = self.items.front() else { return Next::Nothing };
        let mut ids = vec![first.item.told.message_id.clone()];
        let single = encoded(&first.item);
        if single.len() > room.bytes {
            return Next::TooLarge { message_id: ids.remove(0), len: single.len() };
        }
        let mut body = [BATCH_START, &single].concat();
        for Waiting { item, .. } in self.items.iter().take(room.items).skip(1) {
            let more = encoded(item);
            let fits = body.len() + more.len() + 1 + BATCH_END.len() <= room.bytes;
            // What answers a batch is about as long as the batch, at least where items are short.
            if !fits || (ids.len() + 1) * RESULT_BYTES > room.bytes {
                break;
            }
            body.push(b',');
            body.extend(more);
            ids.push(item.told.message_id.clone());
        }
        if ids.len() == 1 {
            return Next::Send(Batch { ids, body: single });
        }
        body.extend(BATCH_END);
        Next::Send(Batch { ids, body })
    }

    /// Whether one more answer can be kept, if need be in the place of something else.
    pub(super) fn has_room_for_answer(&self) -> bool {
        self.items.len() < self.cap || self.oldest_droppable().is_some()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Waiting> {
        self.items.iter()
    }

    pub(super) fn contains(&self, message_id: &str) -> bool {
        self.items.iter().any(|waiting| waiting.item.told.message_id == message_id)
    }

    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    fn oldest_droppable(&self) -> Option<usize> {
        self.oldest(|item| !item.is_answer())
    }

    fn oldest(&self, is: impl Fn(&Item) -> bool) -> Option<usize> {
        self.items.iter().position(|waiting| is(&waiting.item))
    }
}

impl From<Item> for Waiting {
    fn from(item: Item) -> Self {
        Self { item, is_renamed: false }
    }
}

fn encoded(item: &Item) -> Vec<u8> {
    serde_json::to_vec(item).expect("texts and numbers")
}

const BATCH_START: &[u8] = br#"{"items":["#;
const BATCH_END: &[u8] = b"]}";

/// Bytes that one result of a batch has in its answer, with a message id of the SDK and a long number. (Contract §6.3.)
const RESULT_BYTES: usize = 150;

#[cfg(test)]
mod tests {
    use super::super::desired::{Answer, Desired};
    use super::super::item::Source;
    use super::*;

    fn reading(id: &str) -> Waiting {
        Item::observed(Source::Sensor("sns_1"), id.into(), "20.5".into(), 0).into()
    }

    fn change(id: &str) -> Waiting {
        Item::observed(Source::Command("cmd_1"), id.into(), "1".into(), 0).into()
    }

    fn answer(id: &str) -> Waiting {
        let text = r#"{"desired_id":"des_1","command_id":"cmd_1","value":"1","sequence_number":1}"#;
        let desired: Desired = serde_json::from_str(text).unwrap();
        Item::answering(&desired, Answer::applied("1"), id.into(), 0).into()
    }

    fn ids(queue: &Queue) -> Vec<&str> {
        queue.iter().map(|waiting| waiting.item.told.message_id.as_str()).collect()
    }

    /// §11: the oldest readings first, never answers.
    #[test]
    fn when_full_the_oldest_reading_makes_room_then_the_oldest_change_and_never_an_answer() {
        let mut queue = Queue::new(4);
        for waiting in [answer("a1"), reading("r1"), change("c1"), reading("r2")] {
            assert_eq!(queue.push(waiting), Pushed::Kept);
        }
        assert_eq!(queue.push(answer("a2")), Pushed::InPlaceOf("r1".into()));
        assert_eq!(queue.push(change("c2")), Pushed::InPlaceOf("r2".into()));
        assert_eq!(ids(&queue), ["a1", "c1", "a2", "c2"]);
        assert_eq!(queue.push(reading("r3")), Pushed::Refused, "a reading takes no change's place");
        assert_eq!(queue.push(answer("a3")), Pushed::InPlaceOf("c1".into()));
        assert_eq!(queue.push(answer("a4")), Pushed::InPlaceOf("c2".into()));
        assert!(!queue.has_room_for_answer());
        assert_eq!(queue.push(change("c3")), Pushed::Refused);
        assert_eq!(queue.push(answer("a5")), Pushed::Kept, "what was done is not forgotten");
        assert_eq!(ids(&queue), ["a1", "a2", "a3", "a4", "a5"]);
    }

    #[test]
    fn one_goes_as_it_is_and_more_go_as_a_batch_that_fits() {
        let room = Room { bytes: 507, items: 100 };
        let mut queue = Queue::new(100);
        assert_eq!(queue.next(room), Next::Nothing);
        for number in 0..20 {
            queue.push(reading(&format!("m{number}")));
        }
        let Next::Send(batch) = queue.next(room) else { panic!() };
        assert_eq!(batch.ids, ["m0", "m1", "m2"]);
        assert!(batch.body.len() <= room.bytes);
        let body: serde_json::Value = serde_json::from_slice(&batch.body).unwrap();
        assert_eq!(body["items"][2]["message_id"], "m2");
        let Next::Send(one) = queue.next(Room { items: 1, ..room }) else { panic!() };
        assert_eq!(one.ids, ["m0"]);
        assert_eq!(serde_json::from_slice::<Item>(&one.body).unwrap(), reading("m0").item);
        let Next::Send(many) = queue.next(Room { bytes: 4091, items: 15 }) else { panic!() };
        assert_eq!(many.ids.len(), 15);
        assert_eq!(queue.next(Room { bytes: 50, items: 9 }), Next::TooLarge { message_id: "m0".into(), len: 101 });
    }

    #[test]
    fn an_item_is_taken_away_wherever_it_stands() {
        let mut queue = Queue::new(3);
        for waiting in [reading("r1"), answer("a1"), reading("r2")] {
            assert_eq!(queue.push(waiting), Pushed::Kept);
        }
        assert_eq!(queue.remove("a1"), Some(answer("a1")));
        assert_eq!(queue.remove("a1"), None);
        assert_eq!((ids(&queue), queue.contains("r2"), queue.len()), (vec!["r1", "r2"], true, 2));
    }
}
