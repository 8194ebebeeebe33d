//! What the hub does not have yet. Pure: the time is an argument. (Contract §7.4, §7.5, §11.)

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

/// Items that wait for their acknowledgement, oldest first. A real device keeps them where they survive a loss of power.
#[derive(Debug)]
pub(crate) struct Queue {
    items: VecDeque<Item>,
    /// Names this start of the device, so that no message id is made twice.
    start: String,
    made: u64,
}

/// One thing that the device tells.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) topic: String,
    pub(crate) payload: Value,
    /// Command or sensor: a message id means something beside its source only.
    source: String,
    /// When it is to be published; of one that is on its way, when it is to be published again.
    due: Instant,
    on_its_way: bool,
}

impl Queue {
    pub(crate) fn new(start: String) -> Self {
        Self { items: VecDeque::new(), start, made: 0 }
    }

    /// Puts an item of a route of the catalog in the queue. With `answers`, it is the answer to a desired state.
    pub(crate) fn tell(&mut self, route: &Value, value: &str, answers: Option<Value>, now: Instant) {
        self.made += 1;
        let mut payload = json!({
            "message_id": format!("{}-{}", self.start, self.made),
            "value": value,
            "value_received_at": jiff::Timestamp::now().strftime("%FT%T%.3fZ").to_string(),
        });
        for (name, value) in answers.iter().filter_map(Value::as_object).flatten() {
            payload[name] = value.clone();
        }
        self.push(route, payload, now);
    }

    /// Puts an item with this payload in the queue: a new one, or one that was answered before and is asked for again.
    pub(crate) fn push(&mut self, route: &Value, payload: Value, now: Instant) {
        if self.items.len() == MAX_ITEMS {
            self.make_room();
        }
        let source = ["command_id", "sensor_id"].iter().find_map(|name| route[name].as_str());
        self.items.push_back(Item {
            topic: route["feed_data_topic"].as_str().unwrap_or_default().to_owned(),
            payload,
            source: source.unwrap_or_default().to_owned(),
            due: now,
            on_its_way: false,
        });
    }

    /// The payload of the item that was put in last.
    pub(crate) fn last(&self) -> Option<&Value> {
        self.items.back().map(|item| &item.payload)
    }

    /// The next item to publish, if there is one while so many may be on their way; it is on its way then.
    pub(crate) fn next(&mut self, max_on_their_way: usize, now: Instant) -> Option<&Item> {
        let on_their_way = self.items.iter().filter(|item| item.on_its_way && item.due > now).count();
        if on_their_way >= max_on_their_way {
            return None;
        }
        let item = self.items.iter_mut().find(|item| item.due <= now)?;
        (item.due, item.on_its_way) = (now + ACK_TIMEOUT, true);
        Some(item)
    }

    /// The hub has said what became of an item: it is gone, unless the same may be published again.
    pub(crate) fn acknowledged(&mut self, ack: &Value, now: Instant) {
        let source = ["command_id", "sensor_id"].iter().find_map(|name| ack[name].as_str());
        let is_it = |item: &Item| Some(&*item.source) == source && item.payload["message_id"] == ack["message_id"];
        let Some(index) = self.items.iter().position(is_it) else { return };
        if ack["retryable"] == true {
            let pause = ack["error"]["retry_after"].as_u64().map_or(RETRY_PAUSE, Duration::from_secs);
            (self.items[index].due, self.items[index].on_its_way) = (now + pause, false);
        } else {
            self.items.remove(index);
        }
    }

    /// The connection is gone: what was on its way is published again, under the same message ids.
    pub(crate) fn connection_lost(&mut self, now: Instant) {
        for item in self.items.iter_mut().filter(|item| item.on_its_way) {
            (item.due, item.on_its_way) = (now, false);
        }
    }

    /// Drops the oldest reading; answers only where there is nothing else.
    fn make_room(&mut self) {
        let reading = self.items.iter().position(|item| item.payload.get("desired_id").is_none());
        self.items.remove(reading.unwrap_or(0));
    }
}

/// Most items that wait.
const MAX_ITEMS: usize = 1000;

/// Contract §7.5: after so long without an acknowledgement, again.
const ACK_TIMEOUT: Duration = Duration::from_secs(30);

/// Before the same again, where the hub does not say how long.
const RETRY_PAUSE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    fn route() -> Value {
        json!({"sensor_id": "sns_1", "feed_data_topic": "t"})
    }

    fn queue(items: usize, now: Instant) -> Queue {
        let mut queue = Queue::new("boot7".to_owned());
        (0..items).for_each(|_| queue.tell(&route(), "1", None, now));
        queue
    }

    fn next(queue: &mut Queue, max: usize, now: Instant) -> Option<String> {
        queue.next(max, now).map(|item| item.payload["message_id"].to_string())
    }

    #[test]
    fn items_go_oldest_first_and_only_so_many_at_once_10_6() {
        let now = Instant::now();
        let mut queue = queue(3, now);
        assert_eq!(next(&mut queue, 2, now).as_deref(), Some("\"boot7-1\""));
        assert_eq!(next(&mut queue, 2, now).as_deref(), Some("\"boot7-2\""));
        assert_eq!(next(&mut queue, 2, now), None);
        queue.acknowledged(&json!({"message_id": "boot7-1", "sensor_id": "sns_1", "status": "created"}), now);
        assert_eq!(next(&mut queue, 2, now).as_deref(), Some("\"boot7-3\""));
    }

    #[test]
    fn what_is_not_acknowledged_goes_again_and_what_is_for_another_source_changes_nothing_7_5() {
        let now = Instant::now();
        let mut queue = queue(1, now);
        assert!(next(&mut queue, 2, now).is_some());
        queue.acknowledged(&json!({"message_id": "boot7-1", "command_id": "cmd_1", "status": "created"}), now);
        assert_eq!(next(&mut queue, 2, now + ACK_TIMEOUT).as_deref(), Some("\"boot7-1\""));
        queue.connection_lost(now);
        assert_eq!(next(&mut queue, 2, now).as_deref(), Some("\"boot7-1\""));
        let ack =
            json!({"message_id": "boot7-1", "sensor_id": "sns_1", "retryable": true, "error": {"retry_after": 7}});
        queue.acknowledged(&ack, now);
        assert_eq!(next(&mut queue, 2, now + Duration::from_secs(6)), None);
        assert!(next(&mut queue, 2, now + Duration::from_secs(7)).is_some());
    }

    #[test]
    fn a_full_queue_loses_readings_and_no_answers_11() {
        let now = Instant::now();
        let mut queue = queue(0, now);
        queue.tell(&route(), "1", Some(json!({"desired_id": "des_1"})), now);
        (0..=MAX_ITEMS).for_each(|_| queue.tell(&route(), "2", None, now));
        assert_eq!(queue.items.len(), MAX_ITEMS);
        assert_eq!(queue.items[0].payload["desired_id"], "des_1");
        assert_eq!(queue.items[1].payload["message_id"], "boot7-4");
    }
}
