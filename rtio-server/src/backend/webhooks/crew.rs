//! The couriers at work: who begins, goes on and ends when the operator's list changes, and how all end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::super::Client;
use super::courier::{Courier, Order};
use super::definition::{Definition, Definitions};
use super::delivery::Delivery;
use super::metrics::Metrics;
use crate::hub::Hub;

/// All couriers. Dropping it ends them at once.
#[derive(Debug)]
pub(super) struct Crew {
    hub: Arc<Hub>,
    client: Client,
    metrics: Metrics,
    members: BTreeMap<String, Member>,
    /// Those of the members, and of former ones that wait for the answer to their last post.
    tasks: JoinSet<()>,
}

#[derive(Debug)]
struct Member {
    definition: Definition,
    orders: watch::Sender<Order>,
}

impl Crew {
    /// Nobody yet.
    pub(super) fn new(hub: Arc<Hub>, client: Client, metrics: Metrics) -> Self {
        Self { hub, client, metrics, members: BTreeMap::new(), tasks: JoinSet::new() }
    }

    /// Makes the webhooks those of `definitions`. One that has not changed goes on from its place; a changed one ends, and begins anew
    /// once the answer to its last post is there, so that a receiver has one request at a time and no old batch comes after a new one.
    pub(super) fn change_to(&mut self, mut definitions: Definitions) {
        // Ended ones are not kept until the hub's end.
        while self.tasks.try_join_next().is_some() {}
        let stays = |name: &String, member: &mut Member| definitions.get(name) == Some(&member.definition);
        let mut leaving: BTreeMap<_, _> = self.members.extract_if(.., |name, member| !stays(name, member)).collect();
        for (name, member) in &leaving {
            tracing::info!(hook = name, "a webhook ends");
            member.orders.send_replace(Order::Stop);
            self.metrics.forget(name);
        }
        definitions.retain(|name, _| !self.members.contains_key(name));
        for (name, definition) in definitions {
            let before = leaving.remove(&name);
            self.begin(name, definition, before);
        }
    }

    /// Everybody offers what is left, and ends.
    pub(super) async fn finish(mut self) {
        for member in self.members.values() {
            member.orders.send_replace(Order::OfferTheRest);
        }
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(FINISH_TIME, all).await.is_err() {
            let left = self.tasks.len();
            tracing::warn!(webhooks = left, "the hub ends while receivers of webhooks do not answer");
        }
    }

    /// Begins a webhook, after `before` of the same name has ended.
    fn begin(&mut self, name: String, definition: Definition, before: Option<Member>) {
        tracing::info!(hook = name, "a webhook begins");
        let (now, newest) = (Instant::now(), self.hub.events().newest());
        let metrics = self.metrics.of(&name);
        metrics.reached(newest);
        let courier = Courier {
            name: name.clone(),
            url: definition.url.clone(),
            delivery: Delivery::new(name.clone(), definition.clone(), newest, now),
            hub: Arc::clone(&self.hub),
            client: self.client.clone(),
            metrics,
            looked: now,
        };
        let (orders, received) = watch::channel(Order::Deliver);
        self.tasks.spawn(async move {
            if let Some(before) = before {
                // Closed once its courier, which receives the orders, is gone.
                before.orders.closed().await;
            }
            courier.run(received).await;
        });
        self.members.insert(name, Member { definition, orders });
    }
}

/// Events of the drain are worth a moment: a service manager gives the whole shutdown 30 s (deploy/systemd).
const FINISH_TIME: Duration = Duration::from_secs(2);
