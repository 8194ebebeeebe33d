//! A control device that speaks MQTT, as firmware would: a fan behind a relay, and a thermistor in the soil. With the third device of
//! `examples/realer/greenhouse.toml`, whose id and secret `rtio realer apply` tells:
//!
//! ```text
//! rtio serve --dev --data-dir data --mqtt-addr 127.0.0.1:1883
//! rtio realer apply examples/realer/greenhouse.toml --data-dir data
//! cargo run --bin mqtt_greenhouse -- --server localhost:17917 --id cdv_… --secret …
//! ```
//!
//! It asks for a token, its catalog and a credential over HTTP, and holds an MQTT connection from then on (contract §10). A hub with `--dev` is reached
//! without TLS, and so is this one; what a real device has in place of `TcpStream` and `MqttOptions::new` is the same over TLS.
//!
//! Beside what is desired it answers calls: `curl http://localhost:17917/cdv_…/fan/speed -d now`.
#![allow(clippy::print_stdout, reason = "an example shows what happens")]

mod calls;
mod queue;
mod relay;

use std::error::Error;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use examples::Arguments;
use examples::iot_api::{IotApi, seconds};
use rumqttc::{AsyncClient, ConnectionError, Event, EventLoop, MqttOptions, Packet, Publish, QoS, SubscribeFilter};
use serde_json::Value;
use tokio::time::{Instant, MissedTickBehavior, sleep};

use queue::Queue;
use relay::{Answer, Relay};

#[tokio::main]
async fn main() {
    let arguments = Arguments::parse();
    let mut api = IotApi::new(&arguments.server, &arguments.id, &arguments.secret, SCOPES);
    let mut greenhouse = Greenhouse {
        relay: Relay::new(),
        queue: Queue::new(start()),
        is_connected: false,
        has_told: Told::Nothing,
        failures: 0,
    };
    loop {
        match greenhouse.live(&mut api).await {
            Ok(()) => println!("the credential is to be renewed"),
            Err(error) => greenhouse.pause(&*error).await,
        }
    }
}

/// What outlives connections and credentials.
struct Greenhouse {
    relay: Relay,
    queue: Queue,
    is_connected: bool,
    has_told: Told,
    /// In a row, of tries to connect.
    failures: u32,
}

/// After a start, a device does what is desired first, and then says once what is so: the other way round, a command that adopts would
/// take what is so for what is desired. (Contract §11.)
enum Told {
    Nothing,
    /// It is to be told then.
    At(Instant),
    All,
}

/// What the hub has said about the device.
struct Catalog {
    /// The MQTT catalog as it is.
    document: Value,
    /// Topics and ids of the relay on pin 6 and the thermistor on pin 5.
    fan: Value,
    thermistor: Value,
    /// From one reading to the next.
    interval: Duration,
}

impl Greenhouse {
    /// Lives with one credential, until that is to be renewed.
    async fn live(&mut self, api: &mut IotApi) -> Result<(), Box<dyn Error>> {
        self.disconnects();
        let catalog = Catalog::read(api).await?;
        let document = &catalog.document;
        let endpoint = document["credential_endpoint"].as_str().ok_or("the device has no MQTT")?;
        let credential = api.post(endpoint, &document["credential_request"]).await?;
        let renewal = sleep(seconds(&credential["renew_after"]));
        println!("credential, to be renewed in {} s", credential["renew_after"]);
        let (client, mut connection) = connect(document, &credential)?;
        let mut readings = tokio::time::interval(catalog.interval);
        readings.set_missed_tick_behavior(MissedTickBehavior::Skip);
        tokio::pin!(renewal);
        loop {
            // Never dropped before it is done: a connection that has begun would be given up with it.
            let event = connection.poll();
            tokio::pin!(event);
            let event = loop {
                tokio::select! {
                    event = &mut event => break event,
                    () = &mut renewal => return Ok(()),
                    _ = readings.tick() => self.queue.tell(&catalog.thermistor, "17.5", None, Instant::now()),
                    // For what waits for a moment of its own.
                    () = sleep(Duration::from_secs(1)) => {}
                }
                self.publish(&client, &catalog)?;
            };
            match event {
                Ok(event) => self.is_told(&client, &catalog, event)?,
                Err(refused @ ConnectionError::ConnectionRefused(_)) => return Err(refused.into()),
                // The tuple is good for another connection, which the next poll makes.
                Err(error) => self.pause(&error).await,
            }
            self.publish(&client, &catalog)?;
        }
    }

    fn is_told(&mut self, client: &AsyncClient, catalog: &Catalog, event: Event) -> Result<(), Box<dyn Error>> {
        match event {
            Event::Incoming(Packet::ConnAck(_)) => {
                println!("connected");
                (self.is_connected, self.failures) = (true, 0);
                client.try_subscribe_many(catalog.subscriptions())?;
                if matches!(self.has_told, Told::Nothing) {
                    self.has_told = Told::At(Instant::now() + SETTLING);
                }
            }
            Event::Incoming(Packet::Publish(message)) => self.hears(client, catalog, &message)?,
            // What this end sends, and acknowledgements of the transport, which say nothing about items.
            Event::Incoming(_) | Event::Outgoing(_) => {}
        }
        Ok(())
    }

    fn hears(&mut self, client: &AsyncClient, catalog: &Catalog, message: &Publish) -> Result<(), Box<dyn Error>> {
        if message.topic == catalog.requests() {
            let answer = calls::answer(&message.payload, &self.relay.value);
            return answer.map_or(Ok(()), |answer| {
                Ok(client.try_publish(catalog.responses(), QoS::AtMostOnce, false, answer)?)
            });
        }
        let Ok(document) = serde_json::from_slice::<Value>(&message.payload) else { return Ok(()) };
        if catalog.document["feed_data_ack_topic"] == *message.topic {
            println!("{} {}", text(&document["status"]), text(&document["message_id"]));
            self.queue.acknowledged(&document, Instant::now());
        } else if catalog.fan["desired_topic"] == *message.topic {
            self.is_desired(&catalog.fan, &document);
        }
        Ok(())
    }

    fn is_desired(&mut self, fan: &Value, desired: &Value) {
        let now = Instant::now();
        match self.relay.is_desired(desired) {
            Answer::Again(report) => self.queue.push(fan, report, now),
            Answer::New(answer) => {
                let status = answer["report_status"].as_str().unwrap_or("applied");
                println!("{status} {}: the fan is {}", text(&desired["value"]), self.relay.value);
                self.queue.tell(fan, &self.relay.value, Some(answer), now);
                if let Some(report) = self.queue.last() {
                    self.relay.has_reported(desired, report);
                }
            }
        }
    }

    /// Publishes what is due, and no more at once than the catalog allows.
    fn publish(&mut self, client: &AsyncClient, catalog: &Catalog) -> Result<(), Box<dyn Error>> {
        if !self.is_connected {
            return Ok(());
        }
        let now = Instant::now();
        if matches!(self.has_told, Told::At(moment) if moment <= now) {
            self.has_told = Told::All;
            self.queue.tell(&catalog.fan, &self.relay.value, None, now);
        }
        let max_inflight = catalog.document["limits"]["max_inflight"].as_u64().unwrap_or(1).try_into()?;
        while let Some(item) = self.queue.next(max_inflight, now) {
            client.try_publish(&item.topic, QoS::AtLeastOnce, false, item.payload.to_string())?;
        }
        Ok(())
    }

    /// What was on its way may be lost with the connection.
    fn disconnects(&mut self) {
        self.is_connected = false;
        self.queue.connection_lost(Instant::now());
    }

    /// Waits after a failure, each time longer: anything up to a ceiling that doubles, so that a thousand devices do not come back at
    /// once. (Contract §11.)
    async fn pause(&mut self, error: &dyn Error) {
        self.disconnects();
        let ceiling = (2000 << self.failures.min(8)).min(300_000);
        self.failures += 1;
        let pause = Duration::from_millis(start_ns() % ceiling);
        println!("{error}; again in {pause:.1?}");
        sleep(pause).await;
    }
}

impl Catalog {
    /// Steps 1 and 2.
    async fn read(api: &mut IotApi) -> Result<Self, Box<dyn Error>> {
        let bootstrap = api.get("bootstrap").await?;
        println!("bootstrap {} {}", text(&bootstrap["catalog_revision"]), text(&bootstrap["runtime_revision"]));
        let document = api.get("mqtt").await?;
        let route = |list: &str, kind: &str, pin: &str, id: &str| {
            let source = bootstrap[list].as_array()?.iter().find(|it| it["kind"] == kind && it["pin_port"] == pin)?;
            document["routes"].as_array()?.iter().find(|route| route[id] == source["id"]).cloned()
        };
        Ok(Self {
            fan: route("commands", "relay", "6", "command_id").ok_or("the catalog has no fan")?,
            thermistor: route("sensors", "thermistor", "5", "sensor_id").ok_or("the catalog has no thermistor")?,
            interval: seconds(&bootstrap["cadence"]["feed_data"]["expected_interval"]).max(Duration::from_secs(1)),
            document,
        })
    }

    /// Acknowledgements first, then what is desired, then calls.
    fn subscriptions(&self) -> Vec<SubscribeFilter> {
        let topics = [&self.document["feed_data_ack_topic"], &self.fan["desired_topic"]].map(text);
        let contract = topics.map(|topic| SubscribeFilter::new(topic.to_owned(), QoS::AtLeastOnce));
        contract.into_iter().chain([SubscribeFilter::new(self.requests(), QoS::AtMostOnce)]).collect()
    }

    fn requests(&self) -> String {
        format!("iot/v1/devices/{}/rtio/requests", text(&self.document["device_id"]))
    }

    fn responses(&self) -> String {
        format!("iot/v1/devices/{}/rtio/responses", text(&self.document["device_id"]))
    }
}

/// Step 4, with exactly the three words that were issued. Each subscribes and publishes once it is connected.
fn connect(document: &Value, credential: &Value) -> Result<(AsyncClient, EventLoop), Box<dyn Error>> {
    let url = text(&document["broker_url"]);
    let address = url.strip_prefix("mqtt://").ok_or_else(|| format!("{url} wants TLS, which this example has not"))?;
    let (host, port) = address.rsplit_once(':').unwrap_or((address, "1883"));
    let mut options = MqttOptions::new(text(&credential["mqtt_client_id"]), host, port.parse()?);
    options.set_credentials(text(&credential["mqtt_username"]), text(&credential["mqtt_credential"]));
    options.set_clean_session(true);
    options.set_keep_alive(seconds(&document["limits"]["keep_alive"]).max(Duration::from_secs(1)));
    Ok(AsyncClient::new(options, MAX_WAITING))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Another for each start. A real device counts its starts.
fn start() -> String {
    format!("start{:x}", start_ns())
}

fn start_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_secs() * 1_000_000_000 + u64::from(since.subsec_nanos())
}

/// What a device with MQTT may ask for. One without commands does without the last.
const SCOPES: &str =
    "iot:catalog:read iot:mqtt:connect iot:mqtt:ack:read iot:mqtt:feed-data:write iot:mqtt:desired:read";

/// From the connection until what is desired has come.
const SETTLING: Duration = Duration::from_secs(1);

/// Packets that wait for the connection: above what may be on its way, with the subscriptions.
const MAX_WAITING: usize = 64;
