//! Devices that publish readings as fast as they are let: each has so many in flight, and sends the next when one is through. At the hub
//! that is when the broker's PUBACK and the hub's acknowledgement have come, which says `created`; at another broker PUBACK is all.

use std::io;
use std::io::Write;
use std::sync::Arc;

use tokio::task::JoinSet;
use tokio::time::Instant;

use super::client::{Client, Word};
use super::in_flight::{InFlight, Stranger};
use super::{Account, topics};
use crate::error::RunError;
use crate::json_field::json_field;
use crate::load::{Outcome, Progress, Stop};
use crate::port::Port;

/// How the devices publish.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// Of each device.
    pub(crate) in_flight: usize,
    /// Whether the broker is the hub, which acknowledges.
    pub(crate) acknowledged: bool,
    pub(crate) stop: Stop,
}

/// Devices at work.
#[derive(Debug)]
pub(crate) struct Publishers {
    tasks: JoinSet<Published>,
    progress: Arc<Progress>,
}

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Published {
    /// Until the hub's acknowledgement, with the tally; without a time where there is none.
    pub(crate) acknowledged: Outcome,
    /// Until PUBACK.
    pub(crate) accepted: Outcome,
}

impl Publishers {
    /// Connects all devices, then lets them begin.
    pub(crate) async fn start(broker: &Port, accounts: &[Account], plan: Plan) -> Result<Self, RunError> {
        let progress = Arc::new(Progress::default());
        let mut publishers = Vec::new();
        for account in accounts {
            let publisher = Publisher::connect(broker, account, plan).await;
            publishers.push(publisher.map_err(RunError::io(format!("connect device {}", account.device)))?);
        }
        let tasks = publishers.into_iter().map(|publisher| publisher.run(Arc::clone(&progress))).collect();
        Ok(Self { tasks, progress })
    }

    /// Waits until they have stopped. A device that hangs has lost a message.
    pub(crate) async fn join(self) -> Published {
        let (each, stuck) = self.progress.join(self.tasks).await;
        let mut all = Published::default();
        for published in each {
            all.acknowledged.add(published.acknowledged);
            all.accepted.add(published.accepted);
        }
        all.acknowledged.lose_stuck(stuck);
        all
    }
}

struct Publisher {
    client: Client,
    device: u64,
    /// One for each sensor.
    topics: Vec<String>,
    plan: Plan,
    in_flight: InFlight,
    payload: Vec<u8>,
    published: Published,
}

impl Publisher {
    async fn connect(broker: &Port, account: &Account, plan: Plan) -> io::Result<Self> {
        let device = account.device;
        let client = Client::connect(broker, account, &[topics::acks(device)]).await?;
        let topics = (0..SENSORS).map(|number| topics::readings(device, number)).collect();
        let in_flight = InFlight::new(plan.acknowledged);
        Ok(Self { client, device, topics, plan, in_flight, payload: Vec::new(), published: Published::default() })
    }

    async fn run(mut self, progress: Arc<Progress>) -> Published {
        if let Err(error) = self.publish_all(&progress).await {
            let (device, open) = (self.device, self.in_flight.len());
            let tally = &mut self.published.acknowledged.tally;
            (0..open.max(1)).for_each(|_| tally.lose(|| format!("device {device}: {error}")));
        }
        self.published
    }

    async fn publish_all(&mut self, progress: &Progress) -> io::Result<()> {
        loop {
            self.publish_more(progress);
            if self.in_flight.len() == 0 {
                return Ok(());
            }
            self.client.flush().await?;
            self.client.read().await?;
            self.take_words()?;
        }
    }

    /// As many as may be in flight.
    fn publish_more(&mut self, progress: &Progress) {
        while self.in_flight.len() < self.plan.in_flight {
            let now = Instant::now();
            let Some(number) = progress.next_call(self.plan.stop, now) else { return };
            self.payload.clear();
            write_reading(number, &mut self.payload);
            let id = self.in_flight.begin(number, now);
            let sensor = usize::try_from(number % SENSORS).expect("a few");
            self.client.publish(id, &self.topics[sensor], &self.payload);
            self.published.acknowledged.tally.sent += 1;
        }
    }

    fn take_words(&mut self) -> io::Result<()> {
        let now = Instant::now();
        let (stop, Published { acknowledged, accepted }) = (self.plan.stop, &mut self.published);
        // Acknowledged once all were looked at: until then they lie in the client.
        let mut to_acknowledge = Vec::new();
        while let Some(word) = self.client.next()? {
            match word {
                Word::Accepted(id) => match self.in_flight.accept(id) {
                    Ok(begin) => accepted.record(stop, begin, now),
                    Err(Stranger) => acknowledged.tally.duplicated += 1,
                },
                Word::Message { id, payload, .. } => {
                    to_acknowledge.extend(id);
                    match created(payload).map(|number| self.in_flight.acknowledge(number)) {
                        Some(Ok(begin)) => acknowledged.record(stop, begin, now),
                        Some(Err(Stranger)) => acknowledged.tally.cross(|| payload.escape_ascii().to_string()),
                        None => return Err(io::Error::other(payload.escape_ascii().to_string())),
                    }
                }
            }
        }
        to_acknowledge.into_iter().for_each(|id| self.client.acknowledge(id));
        Ok(())
    }
}

/// As the contract's example is, §7.4, but for the number.
fn write_reading(number: u64, out: &mut Vec<u8>) {
    write!(
        out,
        r#"{{"message_id":"{MESSAGE_ID}{number:09}","value":"20.75","value_received_at":"2026-05-12T08:31:10Z"}}"#
    )
    .expect("a Vec takes all");
}

/// The number of the message that was stored; `None` where it was not.
fn created(acknowledgement: &[u8]) -> Option<u64> {
    let text = |key| str::from_utf8(json_field(acknowledgement, key)?).ok();
    let number = text(b"\"message_id\":")?.strip_prefix(MESSAGE_ID)?.parse().ok()?;
    (text(b"\"status\":")? == "created").then_some(number)
}

const MESSAGE_ID: &str = "boot7-temp-";

/// Of each device, in turn.
const SENSORS: u64 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_is_known_again_in_its_acknowledgement() {
        let mut reading = Vec::new();
        write_reading(258, &mut reading);
        let ack = |status: &str| {
            let id = str::from_utf8(json_field(&reading, b"\"message_id\":").unwrap()).unwrap();
            format!(r#"{{"message_id":"{id}","sensor_id":"sns_1","status":"{status}","retryable":false}}"#)
        };
        assert_eq!(created(ack("created").as_bytes()), Some(258));
        assert_eq!(created(ack("rejected").as_bytes()), None);
        assert_eq!(created(br#"{"message_id":null,"status":"rejected"}"#), None);
    }
}
