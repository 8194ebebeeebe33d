//! What reports do to desired states and to what is known of a source, through real HTTP and the real store. (Contract §5.1, §5.2, §6.4, §6.5.)
#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

use std::time::Duration;

use rtio_server::realer::document::utc;
use rtio_server::realer::ports::CatalogChange;
use rtio_server::realer::{Adoption, Command, DesiredId, DesiredState, NewDesired, SourceState};
use serde_json::{Value, json};

use super::https_admission::is_refused;
use crate::support::realer::{ControlDevice, control_device};
use crate::support::{Reply, TestHub, hub};

struct Greenhouse {
    hub: TestHub,
    device: ControlDevice,
    token: String,
}

impl Greenhouse {
    async fn new() -> Self {
        let hub = hub().with_realer().start().await;
        let device = control_device(&hub).await;
        let token = device.token(&hub).await;
        Self { hub, device, token }
    }

    async fn with_adoption() -> Self {
        let this = Self::new().await;
        let command = Command { adoption: Adoption::On, ..this.device.command() };
        let device = this.device.id.clone();
        this.hub.changes_catalog(vec![CatalogChange::PutCommand { device, command }]).await;
        this
    }

    /// A report of the relay, observed so long after now, and what else it says.
    async fn reports(&self, message_id: &str, value: &str, after_ms: i64, more: Value) -> Reply {
        let mut report = json!({
            "command_id": self.device.relay.as_str(),
            "message_id": message_id,
            "value": value,
            "value_received_at": utc(self.now_ms() + after_ms),
        });
        report.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.device.posts(&self.hub, &self.token, "/feed-data", &report).await
    }

    async fn wishes(&self, value: &str) -> DesiredState {
        self.device.is_wished(&self.hub, value).await
    }

    /// A wish whose time was over when it came.
    async fn wished_too_late(&self, value: &str) -> DesiredState {
        let (command, now_ms) = (self.device.relay.clone(), self.now_ms());
        let (id, value, expires_ms) = (DesiredId::new(now_ms).unwrap(), value.to_owned(), Some(now_ms - 1));
        let wish = NewDesired { id, command, resource: None, value, issued_ms: now_ms - 1000, expires_ms };
        self.hub.realer().store().set_desired(&self.device.id, wish).await.unwrap().unwrap()
    }

    /// How a desired state stands.
    async fn status(&self, desired: &DesiredState) -> &'static str {
        let outcome = self.hub.realer().outcome(&self.device.id, &desired.id, Duration::ZERO).await;
        outcome.unwrap().lifecycle.name()
    }

    /// The relay's desired value, and what was reported last.
    async fn relay(&self) -> (String, Option<String>) {
        let state = self.hub.realer().store().state(&self.device.id, 0).await.unwrap().unwrap();
        let relay = state.sources.into_iter().find_map(|source| match source {
            SourceState::Command { value, reported, .. } => Some((value, reported)),
            SourceState::Sensor { .. } => None,
        });
        let (value, reported) = relay.unwrap();
        (value, reported.map(|reported| reported.value.as_str().to_owned()))
    }

    fn now_ms(&self) -> i64 {
        self.hub.realer().now_ms()
    }
}

fn answers(desired: &DesiredState, status: &str) -> Value {
    json!({ "desired_id": desired.id.as_str(), "report_status": status })
}

fn warnings(reply: &Reply) -> Vec<String> {
    assert_eq!(reply.status, 201, "{reply:?}");
    let warnings = reply.json()["warnings"].as_array().unwrap().clone();
    warnings.iter().map(|warning| warning["type"].as_str().unwrap().to_owned()).collect()
}

fn no_warnings() -> Vec<String> {
    Vec::new()
}

#[tokio::test]
async fn a_report_closes_a_desired_state_as_it_says_and_the_first_one_counts_5_1() {
    let this = Greenhouse::new().await;
    for (number, status) in ["applied", "rejected", "stale"].into_iter().enumerate() {
        let desired = this.wishes("1.0").await;
        assert_eq!(this.status(&desired).await, "pending");
        let value = format!("0.{number}");
        let reply = this.reports(&format!("first-{status}"), &value, 0, answers(&desired, status)).await;
        assert_eq!((warnings(&reply), this.status(&desired).await), (no_warnings(), status));
        assert_eq!(this.relay().await.1, Some(value), "§6.5: whatever it says, its value is the physical one");
        let other = if status == "applied" { "rejected" } else { "applied" };
        let late = this.reports(&format!("late-{status}"), "0.9", 1, answers(&desired, other)).await;
        assert_eq!((warnings(&late), this.status(&desired).await), (vec!["desired_state_closed".to_owned()], status));
        assert_eq!(this.relay().await.1.as_deref(), Some("0.9"));
    }
}

#[tokio::test]
async fn a_late_report_does_not_change_what_was_superseded_or_has_expired_5_1() {
    let this = Greenhouse::new().await;
    let (old, new) = (this.wishes("1.0").await, this.wishes("0.0").await);
    let over = this.wished_too_late("0.5").await;
    assert_eq!(
        this.status(&new).await,
        "superseded",
        "a wish takes the place of the one before, however short it lives"
    );
    for (desired, status) in [(old, "superseded"), (over, "expired")] {
        let reply = this.reports(&format!("late-{status}"), "1.0", 0, answers(&desired, "applied")).await;
        assert_eq!(warnings(&reply), ["desired_state_closed"]);
        assert_eq!(this.status(&desired).await, status);
    }
}

#[tokio::test]
async fn an_answer_names_a_desired_state_of_this_very_command_5_1() {
    let this = Greenhouse::new().await;
    let stranger = control_device(&this.hub).await;
    let of_stranger = stranger.is_wished(&this.hub, "1.0").await;
    let reply = this.reports("m", "1.0", 0, answers(&of_stranger, "applied")).await;
    is_refused(&reply, 422, 4022, "validation_failed");
    assert_eq!(reply.json()["error"]["details"][0], json!({ "field": "desired_id", "problem": "unknown" }));
    assert_eq!(this.relay().await.1, None, "nothing was kept");
    let same_id = this.reports("m", "1.0", 0, json!({})).await;
    assert_eq!(same_id.status, 201, "§6.4: what is refused takes no message id");
}

#[tokio::test]
async fn sequence_numbers_grow_and_another_echo_is_a_warning_5_2() {
    let this = Greenhouse::new().await;
    let first = this.wishes("1.0").await;
    let second = this.wishes("1.0").await;
    assert_eq!((first.sequence, second.sequence), (1, 2));
    let mut answer = answers(&second, "applied");
    answer["sequence_number"] = json!(1);
    let reply = this.reports("m", "1.0", 0, answer).await;
    assert_eq!(warnings(&reply), ["sequence_number_mismatch"]);
    assert_eq!(this.status(&second).await, "applied");
}

#[tokio::test]
async fn the_same_message_with_any_other_field_is_a_conflict_6_4() {
    let this = Greenhouse::new().await;
    let desired = this.wishes("1.0").await;
    let body = json!({
        "command_id": this.device.relay.as_str(),
        "message_id": "m",
        "value": "1.0",
        "value_received_at": utc(this.now_ms()),
        "desired_id": desired.id.as_str(),
    });
    let posts = async |body: &Value| this.device.posts(&this.hub, &this.token, "/feed-data", body).await;
    assert_eq!(posts(&body).await.status, 201);
    let mut same = body.clone();
    same["report_status"] = json!("applied");
    assert_eq!(posts(&same).await.field("status"), "replayed", "which is what its absence says");
    for (field, value) in [
        ("value", json!("1")),
        ("value_received_at", json!(utc(this.now_ms() - 60_000))),
        ("report_status", json!("stale")),
        ("sequence_number", json!(1)),
        ("desired_id", json!(null)),
    ] {
        let mut other = body.clone();
        other[field] = value;
        is_refused(&posts(&other).await, 409, 4009, "message_conflict");
    }
    assert_eq!(posts(&body).await.field("status"), "replayed", "the original stands");
    assert_eq!(this.status(&desired).await, "applied");
}

#[tokio::test]
async fn reported_is_what_was_observed_last_whenever_it_came_6_5() {
    let this = Greenhouse::new().await;
    let day = 24 * 3600 * 1000;
    for (message, value, after_ms, warning, reported) in [
        ("now", "0.5", -1000, None, "0.5"),
        ("before", "0.1", -2000, Some("out_of_order"), "0.5"),
        ("soon", "0.6", 60_000, None, "0.6"),
        ("now-again", "0.2", 0, Some("out_of_order"), "0.6"),
        ("tomorrow", "0.7", day, Some("observed_in_future"), "0.6"),
        ("next-week", "0.8", 7 * day, Some("observed_in_future"), "0.6"),
    ] {
        let told = warnings(&this.reports(message, value, after_ms, json!({})).await);
        assert_eq!(told.first().map(String::as_str), warning, "{message}");
        assert_eq!(this.relay().await, ("0.0".to_owned(), Some(reported.to_owned())), "{message}");
    }
}

#[tokio::test]
async fn what_a_device_says_by_itself_is_adopted_where_that_is_on_and_audited_6_5() {
    let this = Greenhouse::with_adoption().await;
    let before = this.wishes("1.0").await;
    assert_eq!(warnings(&this.reports("old", "0.3", -60_000, json!({})).await), no_warnings());
    assert_eq!(this.status(&before).await, "pending", "it was observed before the wish");
    assert_eq!(this.relay().await, ("1.0".to_owned(), Some("0.3".to_owned())));
    assert_eq!(warnings(&this.reports("new", "0.4", 60_000, json!({})).await), no_warnings());
    assert_eq!(this.status(&before).await, "superseded");
    assert_eq!(this.relay().await, ("0.4".to_owned(), Some("0.4".to_owned())));
    let list = this.device.gets(&this.hub, &this.token, "/desired-states").await.json();
    assert_eq!(list["desired_states"], json!([]), "nothing is sent to the device for it");
    assert_eq!(this.reports("late", "0.2", 0, json!({})).await.status, 201);
    assert_eq!(this.relay().await.0, "0.4", "what is not the newest is not adopted");
    let adoptions = this.hub.realer().store().adoptions(&this.device.id, 0, 10).await.unwrap();
    let audited: Vec<_> = adoptions.iter().map(|adoption| (&*adoption.before, &*adoption.after)).collect();
    assert_eq!(audited, [("1.0", "0.4")]);
}

#[tokio::test]
async fn a_wish_whose_time_is_over_is_in_no_adoptions_way_6_5() {
    let this = Greenhouse::with_adoption().await;
    let over = this.wished_too_late("1.0").await;
    this.reports("m", "0.4", -60_000, json!({})).await;
    assert_eq!(this.relay().await, ("0.4".to_owned(), Some("0.4".to_owned())));
    assert_eq!(this.status(&over).await, "expired");
}

#[tokio::test]
async fn what_becomes_of_a_wish_is_told_as_soon_as_the_device_answers_5() {
    let this = Greenhouse::new().await;
    let wish = json!({ "command_id": this.device.relay.as_str(), "value": "1.0", "expires_in": 60 });
    let realer = this.hub.realer();
    let desired = realer.wish(&this.device.id, wish.to_string().as_bytes()).await.unwrap();
    let waits = realer.outcome(&this.device.id, &desired.id, Duration::from_secs(30));
    let (outcome, reply) = tokio::join!(waits, this.reports("m", "0.0", 0, answers(&desired, "rejected")));
    assert_eq!((outcome.unwrap().lifecycle.name(), reply.status), ("rejected", 201));
}
