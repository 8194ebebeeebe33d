//! Webhooks through real HTTP (docs/backends.md §4): what receivers get, what they may do wrong, and what that costs.

use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use rtio_server::config::Config;
use rustix::process::Signal;
use serde_json::{Value, json};
use sha2::Sha256;
use tempfile::NamedTempFile;

use crate::program::{Running, TestFile, rtio, run};
use crate::support::hub::Builder;
use crate::support::receiver::{Manner, Receiver};
use crate::support::wait::SILENCE;
use crate::support::{Clock, Device, TestHub, eventually, hub};

/// A configuration file with webhooks, each as its name, its receiver and its other keys.
struct Webhooks(NamedTempFile);

impl Webhooks {
    fn new(webhooks: &[(&str, &Receiver, &str)]) -> Self {
        let file = Self(NamedTempFile::new().expect("a file"));
        file.become_(webhooks);
        file
    }

    fn become_(&self, webhooks: &[(&str, &Receiver, &str)]) {
        let entry = |(name, receiver, keys): &(&str, &Receiver, &str)| {
            format!("[webhooks.{name}]\nurl = \"{}\"\nmax-delay = \"0s\"\n{keys}\n", receiver.url())
        };
        self.says(&webhooks.iter().map(entry).collect::<String>());
    }

    fn says(&self, text: &str) {
        std::fs::write(self.0.path(), text).expect("the file can be written");
    }

    fn given_to(&self, hub: Builder) -> Builder {
        hub.with(|config| config.file = Some(self.0.path().to_owned()))
    }

    async fn start(&self, change: impl FnOnce(&mut Config)) -> TestHub {
        self.given_to(hub()).with(change).start().await
    }
}

/// A hub with one webhook, whose receiver has the first batch.
async fn hub_with(receiver: &Receiver, keys: &str) -> (TestHub, Webhooks) {
    let webhooks = Webhooks::new(&[("orders", receiver, keys)]);
    let hub = webhooks.start(|_| ()).await;
    assert_says_hello(receiver).await;
    (hub, webhooks)
}

/// A webhook's first batch: no events yet, and nobody knows what was before.
async fn assert_says_hello(receiver: &Receiver) {
    let first = receiver.gets(1).await.document;
    assert_eq!((&first["dropped"], &first["events"]), (&Value::Null, &json!([])), "{first}");
}

/// The receiver has the batch that says that a device came, and does not answer. The device stays as long as what is returned.
async fn a_batch_hangs(clock: &Clock, receiver: &Receiver, hub: &TestHub) -> Device {
    receiver.becomes(Manner::Hangs);
    let device = hub.device("a").await;
    clock.passes(LOOK).await;
    receiver.gets(2).await;
    device
}

/// A device comes and goes, which is two events.
async fn visits(hub: &TestHub, id: &str) {
    let before = hub.core.events().newest().number();
    drop(hub.device(id).await);
    eventually("the device is gone", || hub.core.events().newest().number() == before + 2).await;
}

fn shows(hub: &TestHub, line: &str) -> bool {
    let line = format!("rtio_webhook_{line}");
    hub.metrics().lines().any(|shown| shown == line)
}

async fn comes_to_show(hub: &TestHub, line: &str) {
    eventually(line, || shows(hub, line)).await;
}

/// A webhook looks for events a hundred times a second at most, which on a clock that stands still takes this.
const LOOK: Duration = Duration::from_millis(12);

#[tokio::test]
async fn a_batch_is_json_with_a_number_and_the_events() {
    let receiver = Receiver::start().await;
    let (hub, _file) = hub_with(&receiver, "").await;
    let device = hub.device("PRINTER-001").await;
    let post = receiver.gets(2).await;
    assert_eq!(post.header("content-type"), "application/json");
    let number = post.header("idempotency-key");
    assert_eq!((number.len(), number.as_bytes()[14]), (36, b'7'), "a UUID of version 7: {number}");
    assert_eq!(post.document["batch"], number);
    assert_eq!((&post.document["hook"], &post.document["dropped"]), (&json!("orders"), &json!(0)));
    drop(device);
    receiver.takes(&["PRINTER-001 online", "PRINTER-001 offline"]).await;
    let [online, offline] = &receiver.events()[..] else { panic!("two events") };
    assert_eq!(online["epoch"], offline["epoch"]);
    assert_eq!(offline["cause"], "closed_by_device");
    assert_ne!(receiver.posts()[2].header("idempotency-key"), number, "another batch");
}

#[tokio::test]
async fn a_batch_is_signed_and_its_repeat_anew() {
    let receiver = Receiver::start().await;
    receiver.becomes(Manner::Refuses(500));
    let key = TestFile::new("webhooks-key", KEY);
    let file = Webhooks::new(&[("orders", &receiver, "")]);
    let _hub = file.given_to(hub().with_signing_keys(&key.0)).start().await;
    let first = receiver.gets(1).await;
    receiver.becomes(Manner::Takes);
    assert_eq!(receiver.gets(2).await.bytes, first.bytes);
    for post in receiver.posts() {
        let signature = post.header("rtio-signature");
        let (time, given) = signature.strip_prefix("t=").and_then(|rest| rest.split_once(",v1=")).expect("t and v1");
        let mut mac = Hmac::<Sha256>::new_from_slice(KEY.as_bytes()).expect("any length is fine");
        let number = post.header("idempotency-key").as_bytes();
        mac.update(&[time.as_bytes(), b"\n\n\n", number, b"\n", &post.bytes].concat());
        let expected: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(given, expected);
    }
}

const KEY: &str = "0123456789abcdef0123456789abcdef";

#[tokio::test]
async fn the_events_of_all_devices_come_once_and_in_order() {
    let receiver = Receiver::start().await;
    let (hub, _file) = hub_with(&receiver, "max-batch = 3").await;
    for round in 0..10 {
        visits(&hub, &format!("a{}", round % 2)).await;
        // Of several devices, as a hub slows those that take each other over again and again.
        let id = format!("b{}", round % 3);
        let first = hub.device(&id).await;
        let _newer = hub.device(&id).await;
        drop(first);
    }
    eventually("the devices are gone", || hub.core.devices_online() == 0).await;
    let newest = hub.core.events().newest().number();
    let last = || receiver.events().last().is_some_and(|event| event["id"] == newest);
    eventually("the receiver has all", last).await;
    let ids: Vec<u64> = receiver.events().iter().map(|event| event["id"].as_u64().unwrap()).collect();
    assert!(ids.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{ids:?}");
    assert!(receiver.posts().iter().all(|post| post.document["events"].as_array().unwrap().len() <= 3));
}

#[tokio::test]
async fn a_batch_that_is_not_taken_comes_again_byte_by_byte() {
    let clock = Clock::stopped();
    for manner in [Manner::Refuses(500), Manner::Refuses(410), Manner::Refuses(302), Manner::Closes] {
        let receiver = Receiver::start().await;
        let (hub, _file) = hub_with(&receiver, "").await;
        receiver.becomes(manner.clone());
        let _device = hub.device("a").await;
        clock.passes(LOOK).await;
        let first = receiver.gets(2).await;
        clock.passes(Duration::from_millis(1010)).await;
        let second = receiver.gets(3).await;
        receiver.becomes(Manner::Takes);
        let _other = hub.device("b").await;
        clock.passes(Duration::from_millis(2010)).await;
        clock.passes(LOOK).await;
        receiver.takes(&["a online", "b online"]).await;
        for again in [&second, &receiver.posts()[3]] {
            assert_eq!(
                (&again.bytes, again.header("idempotency-key")),
                (&first.bytes, first.header("idempotency-key"))
            );
        }
        assert_eq!(receiver.posts().len(), 5, "{manner:?}");
        let outcome = if manner == Manner::Closes { "broken" } else { "status" };
        comes_to_show(&hub, "batches_total{hook=\"orders\",outcome=\"delivered\"} 3").await;
        assert!(shows(&hub, &format!("batches_total{{hook=\"orders\",outcome=\"{outcome}\"}} 2")), "{manner:?}");
    }
}

#[tokio::test]
async fn a_receiver_that_is_not_there_is_tried_again() {
    let clock = Clock::stopped();
    let receiver = Receiver::start().await;
    let file = Webhooks::new(&[]);
    file.says(&format!(
        "[webhooks.orders]\nurl = \"{}\"",
        receiver.url().replace("http://127.0.0.1", "http://127.0.0.9")
    ));
    let hub = file.start(|_| ()).await;
    clock.passes(Duration::from_millis(110)).await;
    comes_to_show(&hub, "failing{hook=\"orders\"} 1").await;
    clock.passes(Duration::from_millis(1010)).await;
    comes_to_show(&hub, "batches_total{hook=\"orders\",outcome=\"unreachable\"} 2").await;
}

#[tokio::test]
async fn a_receiver_that_hangs_for_an_hour_costs_one_request_and_no_other_webhook() {
    let clock = Clock::stopped();
    let (hung, well) = (Receiver::start().await, Receiver::start().await);
    let file = Webhooks::new(&[("hung", &hung, ""), ("well", &well, "")]);
    let hub = file.start(|_| ()).await;
    assert_says_hello(&hung).await;
    assert_says_hello(&well).await;
    hung.becomes(Manner::Hangs);
    visits(&hub, "a").await;
    clock.passes(Duration::from_secs(9)).await;
    assert_eq!(hung.posts().len(), 2, "one request is in flight");
    assert!(shows(&hub, "failing{hook=\"hung\"} 0"));
    clock.passes(Duration::from_secs(2)).await;
    comes_to_show(&hub, "failing{hook=\"hung\"} 1").await;
    clock.leaps(Duration::from_secs(3600)).await;
    let posts = hung.posts();
    assert!((16..=28).contains(&posts.len()), "10 s each, and pauses of up to 5 minutes: {}", posts.len());
    assert!(posts[1..].windows(2).all(|pair| pair[0].bytes == pair[1].bytes));
    assert!(shows(&hub, "backlog_events{hook=\"hung\"} 2") && shows(&hub, "backlog_events{hook=\"well\"} 0"));
    visits(&hub, "b").await;
    clock.passes(LOOK).await;
    well.takes(&["a online", "a offline", "b online", "b offline"]).await;
    hung.becomes(Manner::Takes);
    clock.leaps(Duration::from_secs(312)).await;
    hung.takes(&["a online", "a offline", "b online", "b offline"]).await;
    comes_to_show(&hub, "failing{hook=\"hung\"} 0").await;
}

#[tokio::test]
async fn a_receiver_is_left_alone_as_long_as_it_asks() {
    let clock = Clock::stopped();
    let receiver = Receiver::start().await;
    let (hub, _file) = hub_with(&receiver, "").await;
    receiver.becomes(Manner::AsksForPause(60));
    let _device = hub.device("a").await;
    clock.passes(LOOK).await;
    receiver.gets(2).await;
    clock.passes(Duration::from_secs(59)).await;
    receiver.gets(2).await;
    receiver.becomes(Manner::Takes);
    clock.passes(Duration::from_secs(2)).await;
    receiver.takes(&["a online"]).await;
}

#[tokio::test]
async fn whatever_a_receiver_says_beside_200_is_nobodys_business() {
    let receiver = Receiver::start().await;
    let (hub, _file) = hub_with(&receiver, "").await;
    receiver.becomes(Manner::TakesAndTalks);
    visits(&hub, "a").await;
    receiver.takes(&["a online", "a offline"]).await;
    assert!(shows(&hub, "failing{hook=\"orders\"} 0"));
}

#[tokio::test]
async fn a_receiver_that_was_away_for_too_long_hears_how_many_events_it_missed() {
    let clock = Clock::stopped();
    let receiver = Receiver::start().await;
    let file = Webhooks::new(&[("orders", &receiver, "")]);
    let hub = file.start(|config| config.hub.max_events = 4).await;
    assert_says_hello(&receiver).await;
    receiver.becomes(Manner::Refuses(503));
    let _first = hub.device("first").await;
    clock.passes(LOOK).await;
    receiver.gets(2).await;
    for _ in 0..5 {
        visits(&hub, "a").await;
    }
    receiver.becomes(Manner::Takes);
    clock.passes(Duration::from_secs(2)).await;
    receiver.takes(&["a online", "a offline", "a online", "a offline"]).await;
    assert_eq!(receiver.gets(3).await.document["dropped"], 7, "the first one, and 6 of the 10 after it");
    assert!(shows(&hub, "events_dropped_total{hook=\"orders\"} 7"));
    comes_to_show(&hub, "events_total{hook=\"orders\"} 4").await;
    let _last = hub.device("last").await;
    clock.passes(LOOK).await;
    receiver.takes(&["a online", "a offline", "a online", "a offline", "last online"]).await;
    assert_eq!(receiver.gets(4).await.document["dropped"], 0, "it is told once");
}

#[tokio::test]
async fn a_receiver_gets_what_its_filters_take() {
    let (offline, printers, all) = (Receiver::start().await, Receiver::start().await, Receiver::start().await);
    let file = Webhooks::new(&[
        ("offline", &offline, "kinds = [\"offline\"]"),
        ("printers", &printers, "devices = [\"PRINTER-*\", \"x\"]\nkinds = [\"online\", \"replaced\"]"),
        ("all", &all, ""),
    ]);
    let hub = file.start(|_| ()).await;
    visits(&hub, "SCANNER-1").await;
    let _first = hub.device("PRINTER-1").await;
    let _newer = hub.device("PRINTER-1").await;
    visits(&hub, "x").await;
    all.takes(&[
        "SCANNER-1 online",
        "SCANNER-1 offline",
        "PRINTER-1 online",
        "PRINTER-1 offline",
        "PRINTER-1 replaced",
        "x online",
        "x offline",
    ])
    .await;
    offline.takes(&["SCANNER-1 offline", "PRINTER-1 offline", "x offline"]).await;
    printers.takes(&["PRINTER-1 online", "PRINTER-1 replaced", "x online"]).await;
    let no_event = |receiver: &Receiver| {
        let posts = receiver.posts();
        posts.iter().filter(|post| post.document["events"] == json!([]) && post.document["dropped"] == 0).count()
    };
    assert_eq!([&offline, &printers, &all].map(no_event), [0, 0, 0], "there is no post about nothing");
}

#[tokio::test]
async fn events_wait_for_company_as_long_as_max_delay_says() {
    let clock = Clock::stopped();
    let receiver = Receiver::start().await;
    let file = Webhooks::new(&[]);
    file.says(&format!("[webhooks.orders]\nurl = \"{}\"\nmax-delay = \"5s\"\nmax-batch = 3", receiver.url()));
    let hub = file.start(|_| ()).await;
    let _a = hub.device("a").await;
    clock.passes(Duration::from_millis(4800)).await;
    assert!(receiver.posts().is_empty());
    clock.passes(Duration::from_millis(300)).await;
    receiver.takes(&["a online"]).await;
    assert_eq!(receiver.gets(1).await.document["dropped"], Value::Null);
    visits(&hub, "b").await;
    clock.passes(Duration::from_secs(1)).await;
    receiver.takes(&["a online"]).await;
    visits(&hub, "c").await;
    clock.passes(Duration::from_millis(20)).await;
    receiver.takes(&["a online", "b online", "b offline", "c online"]).await;
    clock.passes(Duration::from_millis(5100)).await;
    receiver.takes(&["a online", "b online", "b offline", "c online", "c offline"]).await;
}

#[tokio::test]
async fn a_reload_keeps_the_place_of_what_stays_begins_what_is_new_and_ends_what_is_gone() {
    let clock = Clock::stopped();
    let (stays, goes, comes) = (Receiver::start().await, Receiver::start().await, Receiver::start().await);
    let file = Webhooks::new(&[("stays", &stays, ""), ("goes", &goes, "")]);
    let hub = file.start(|_| ()).await;
    assert_says_hello(&goes).await;
    assert_says_hello(&stays).await;
    stays.becomes(Manner::Refuses(500));
    let _a = hub.device("a").await;
    clock.passes(LOOK).await;
    let batch = stays.gets(2).await;
    goes.takes(&["a online"]).await;
    file.become_(&[("stays", &stays, ""), ("comes", &comes, "")]);
    hub.reload.trigger();
    assert_says_hello(&comes).await;
    let _b = hub.device("b").await;
    clock.passes(LOOK).await;
    comes.takes(&["b online"]).await;
    stays.becomes(Manner::Takes);
    clock.passes(Duration::from_secs(2)).await;
    stays.takes(&["a online", "b online"]).await;
    assert_eq!(stays.posts()[2].bytes, batch.bytes, "it goes on with what it had begun");
    goes.takes(&["a online"]).await;
    assert!(!hub.metrics().contains("hook=\"goes\""));
}

#[tokio::test]
async fn a_webhook_that_changes_begins_anew() {
    let receiver = Receiver::start().await;
    let (hub, file) = hub_with(&receiver, "").await;
    file.become_(&[("orders", &receiver, "kinds = [\"offline\"]")]);
    hub.reload.trigger();
    assert_eq!(receiver.gets(2).await.document["dropped"], Value::Null);
    visits(&hub, "a").await;
    receiver.takes(&["a offline"]).await;
    comes_to_show(&hub, "events_total{hook=\"orders\"} 1").await;
}

#[tokio::test]
async fn a_webhook_that_changes_while_its_receiver_hangs_asks_it_one_thing_at_a_time() {
    let clock = Clock::stopped();
    let receiver = Receiver::start().await;
    let (hub, file) = hub_with(&receiver, "").await;
    let _a = a_batch_hangs(&clock, &receiver, &hub).await;
    file.become_(&[("orders", &receiver, "kinds = [\"online\"]")]);
    hub.reload.trigger();
    clock.passes(Duration::from_secs(9)).await;
    receiver.gets(2).await;
    receiver.becomes(Manner::Takes);
    clock.passes(Duration::from_secs(2)).await;
    assert_eq!(receiver.gets(3).await.document["dropped"], Value::Null);
}

#[tokio::test]
async fn a_webhook_that_is_removed_waits_for_the_answer_that_is_on_its_way() {
    let clock = Clock::stopped();
    let receiver = Receiver::start().await;
    let (hub, file) = hub_with(&receiver, "").await;
    let _a = a_batch_hangs(&clock, &receiver, &hub).await;
    file.says("");
    hub.reload.trigger();
    eventually("it is not shown any more", || !hub.metrics().contains("rtio_webhook")).await;
    clock.passes(Duration::from_secs(60)).await;
    receiver.becomes(Manner::Takes);
    let _b = hub.device("b").await;
    clock.passes(Duration::from_secs(60)).await;
    receiver.gets(2).await;
}

#[tokio::test]
async fn a_file_that_cannot_be_read_again_changes_nothing() {
    let receiver = Receiver::start().await;
    let (hub, file) = hub_with(&receiver, "").await;
    for text in
        ["[webhooks", "webhooks = 1", "[webhooks.orders]", "[webhooks.orders]\nurl = \"http://a\"\nmax-batch = 0"]
    {
        file.says(text);
        hub.reload.trigger();
        // Nothing tells that the file was read: that is what the pause is for.
        tokio::time::sleep(SILENCE).await;
        visits(&hub, "a").await;
    }
    receiver.takes(&["a online", "a offline"].repeat(4)).await;
    assert_eq!(receiver.posts().iter().filter(|post| post.document["dropped"] == Value::Null).count(), 1);
}

#[tokio::test]
async fn at_the_end_receivers_hear_of_the_sessions_that_the_drain_ended() {
    let receiver = Receiver::start().await;
    let (hub, _file) = hub_with(&receiver, "max-batch = 1").await;
    let _devices = [hub.device("a").await, hub.device("b").await];
    receiver.takes(&["a online", "b online"]).await;
    hub.stops().await;
    let events = receiver.events();
    let mut drained: Vec<_> =
        events[2..].iter().map(|event| (event["device"].as_str(), event["cause"].as_str())).collect();
    drained.sort_unstable();
    assert_eq!(drained, [(Some("a"), Some("drained")), (Some("b"), Some("drained"))]);
}

#[tokio::test]
async fn at_the_end_a_receiver_that_was_ill_is_asked_once_more() {
    let receiver = Receiver::start().await;
    let (hub, _file) = hub_with(&receiver, "").await;
    receiver.becomes(Manner::Refuses(500));
    let _device = hub.device("a").await;
    comes_to_show(&hub, "failing{hook=\"orders\"} 1").await;
    receiver.becomes(Manner::Takes);
    hub.stops().await;
    receiver.takes(&["a online", "a offline"]).await;
}

#[tokio::test]
async fn a_receiver_that_refuses_or_hangs_does_not_hold_the_end_for_long() {
    let clock = Clock::stopped();
    for manner in [Manner::Refuses(500), Manner::Hangs] {
        let receiver = Receiver::start().await;
        let (hub, _file) = hub_with(&receiver, "").await;
        receiver.becomes(manner);
        let _device = hub.device("a").await;
        clock.passes(LOOK).await;
        receiver.gets(2).await;
        hub.shutdown.trigger();
        clock.passes(Duration::from_millis(2100)).await;
        hub.has_stopped().await;
    }
}

#[test]
fn a_hub_does_not_start_with_webhooks_that_are_wrong() {
    let file = TestFile::new("webhooks-wrong", "[webhooks.orders]\nurl = \"http://a\"\nkinds = [\"gone\"]\n");
    let (code, stdout, stderr) = run(&mut rtio(&format!("--config {} serve --dev", file.0.display())));
    let expected = format!(
        "rtio: the hub cannot start: [webhooks] in {}, line 1: \"orders\": `kinds` has `gone`; expected some of online, offline and \
         replaced\n",
        file.0.display()
    );
    assert_eq!((code, stdout.as_str(), stderr.as_str()), (Some(64), "", expected.as_str()));
}

#[test]
fn a_wrong_table_at_a_reload_is_logged_and_does_not_end_the_hub() {
    let file =
        TestFile::new("webhooks-reload", "[webhooks.orders]\nurl = \"http://127.0.0.9:1/\"\nkinds = [\"offline\"]\n");
    let flags = "serve --dev --device-addr 127.0.0.1:0 --http-addr 127.0.0.1:0 --admin-addr off --log-format json";
    let mut hub = Running::start(&mut rtio(&format!("--config {} {flags}", file.0.display())));
    hub.value_of("devices ");
    std::fs::write(&file.0, "[webhooks.orders]\nurl = \"ftp://a\"\n").unwrap();
    hub.sends(Signal::HUP);
    let error = std::iter::repeat_with(|| hub.log_line()).find(|line| line.contains("ERROR")).unwrap();
    assert!(error.contains("the old ones stay") && error.contains(r#"line 1: \"orders\": `url`"#), "{error}");
    assert_eq!(hub.end_by(Signal::TERM).0, Some(0));
}
