//! Devices that do at once what is desired of them, and say so; and the callers who wish it, each of its own device. Between the two is
//! known when a wish began, so that its way to the device can be timed.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use tokio::task::JoinSet;
use tokio::time::Instant;

use super::client::{Client, Word};
use super::{Account, topics};
use crate::callers::Asks;
use crate::error::RunError;
use crate::http_answer::Answer;
use crate::json_field::json_field;
use crate::load::{Outcome, Stop};
use crate::port::Port;
use crate::realer::Visit;
use crate::request::Match;

/// Devices that do what is desired until this is dropped.
#[derive(Debug, Default)]
pub(crate) struct Actuators {
    told: Arc<Mutex<Outcome>>,
    tasks: JoinSet<()>,
}

/// A caller's wishes, each of which notes when it begins.
#[derive(Debug)]
pub(crate) struct TimedWish {
    visit: Visit,
    begun: Begun,
}

/// The wish that is on its way: its number, and when it began.
type Begun = Arc<Mutex<Option<(u64, Instant)>>>;

impl Actuators {
    /// Connects the devices of these accounts; for each a caller, whose `visit` is one to that device.
    pub(crate) async fn connect(
        broker: &Port,
        accounts: &[Account],
        stop: Stop,
        visit: impl Fn(u64) -> Visit,
    ) -> Result<(Self, Vec<TimedWish>), RunError> {
        let (mut actuators, mut wishes) = (Self::default(), Vec::new());
        for account in accounts {
            let device = account.device;
            let mut subscriptions = vec![topics::acks(device)];
            subscriptions.extend((0..COMMANDS).map(|number| topics::desired(device, number)));
            let client = Client::connect(broker, account, &subscriptions).await;
            let client = client.map_err(RunError::io(format!("connect device {device}")))?;
            let begun = Begun::default();
            let (told, wish) = (Arc::clone(&actuators.told), Arc::clone(&begun));
            let actuator = Actuator { client, begun, told, stop, next_id: 1 };
            actuators.tasks.spawn(actuator.run());
            wishes.push(TimedWish { visit: visit(device), begun: wish });
        }
        Ok((actuators, wishes))
    }

    /// How long wishes took to reach their devices, and what went wrong there.
    pub(crate) fn told(self) -> Outcome {
        std::mem::take(&mut *self.told.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Asks for TimedWish {
    fn write(&self, number: u64, out: &mut Vec<u8>) {
        *self.begun.lock().unwrap_or_else(PoisonError::into_inner) = Some((number, Instant::now()));
        self.visit.write(number, out);
    }

    fn judge(&self, number: u64, answer: &Answer<'_>) -> Match {
        self.visit.judge(number, answer)
    }
}

struct Actuator {
    client: Client,
    begun: Begun,
    /// Of all devices.
    told: Arc<Mutex<Outcome>>,
    stop: Stop,
    next_id: u16,
}

impl Actuator {
    async fn run(mut self) {
        // It ends with an error alone: while the devices live, no connection may end.
        if let Err(error) = self.serve().await {
            self.count(|told| told.tally.lose(|| format!("a device with MQTT: {error}")));
        }
    }

    async fn serve(&mut self) -> io::Result<()> {
        loop {
            self.client.read().await?;
            for message in self.take_messages()? {
                self.handle(message)?;
            }
            self.client.flush().await?;
        }
    }

    fn take_messages(&mut self) -> io::Result<Vec<Message>> {
        let mut messages = Vec::new();
        while let Some(word) = self.client.next()? {
            if let Word::Message { topic, id, payload } = word {
                messages.push(Message::of(topic, id, payload));
            }
        }
        Ok(messages)
    }

    fn handle(&mut self, message: Message) -> io::Result<()> {
        if let Some(id) = message.id {
            self.client.acknowledge(id);
        }
        let Some(topic) = topics::answers(&message.topic) else { return message.check_acknowledgement() };
        let answer = report(&message.payload, SystemTime::now()).ok_or(io::ErrorKind::InvalidData)?;
        self.time(&message.payload);
        self.client.publish(self.next_id, &topic, answer.as_bytes());
        self.next_id = self.next_id.checked_add(1).unwrap_or(1);
        Ok(())
    }

    /// A wish has come: how long ago did it begin?
    fn time(&self, desired: &[u8]) {
        let number = json_field(desired, VALUE).and_then(|value| str::from_utf8(value).ok()?.parse().ok());
        let begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.count(|told| match begun {
            Some((begun, begin)) if Some(begun) == number => told.record(self.stop, begin, Instant::now()),
            // It came before.
            _ => told.tally.duplicated += 1,
        });
    }

    fn count(&self, count: impl FnOnce(&mut Outcome)) {
        count(&mut self.told.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// One that was taken out of the client.
struct Message {
    topic: String,
    id: Option<u16>,
    payload: Vec<u8>,
}

impl Message {
    fn of(topic: &str, id: Option<u16>, payload: &[u8]) -> Self {
        Self { topic: topic.to_owned(), id, payload: payload.to_vec() }
    }

    fn check_acknowledgement(&self) -> io::Result<()> {
        let created = json_field(&self.payload, b"\"status\":") == Some(b"created");
        let refused = || io::Error::other(self.payload.escape_ascii().to_string());
        if created { Ok(()) } else { Err(refused()) }
    }
}

/// What a device says that did what is desired.
fn report(desired: &[u8], now: SystemTime) -> Option<String> {
    let text = |key| str::from_utf8(json_field(desired, key)?).ok();
    let (id, value) = (text(b"\"desired_id\":")?, text(VALUE)?);
    let at = humantime::format_rfc3339_millis(now);
    Some(format!(r#"{{"message_id":"{id}","value":"{value}","value_received_at":"{at}","desired_id":"{id}"}}"#))
}

const VALUE: &[u8] = b"\"value\":";

/// Of each device; a caller goes through them in turn.
const COMMANDS: u64 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_names_what_it_answers_and_its_value() {
        let desired = br#"{"desired_id":"des_1","command_id":"cmd_1","value":"15","sequence_number":4}"#;
        assert_eq!(
            report(desired, SystemTime::UNIX_EPOCH).unwrap(),
            r#"{"message_id":"des_1","value":"15","value_received_at":"1970-01-01T00:00:00.000Z","desired_id":"des_1"}"#
        );
        assert_eq!(report(b"hello", SystemTime::UNIX_EPOCH), None);
    }
}
