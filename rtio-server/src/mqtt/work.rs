//! What a client's requests need of the runtime, in their order. Publishes in a row go to the store together.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::link::Link;
use super::packet::{PacketId, PublishRefusal, SubscribeRefusal};
use super::session::{Request, Wish};
use crate::hub::{CallError, DeviceLink};
use crate::realer::spacing::{Pace, TooSoon};
use crate::realer::{Ack, MAX_SOURCES, Published, Topic};

/// Sees to all of `requests`; what of the client's bytes waits for that is looked at again.
///
/// # Cancel safety
///
/// What was begun with the store may be done or not; the client has no PUBACK of it and sends it again.
pub(super) async fn work(link: Arc<Link>, requests: Vec<Request>) {
    let mut run = Run::default();
    for request in requests {
        match request {
            Request::Feed { id, item } => run.feed(id, item),
            Request::Settled { id, refusal } => run.turns.push(Turn::Settled(id, refusal)),
            Request::Subscribe { id, wishes } => {
                std::mem::take(&mut run).settle(&link).await;
                subscribe(&link, id, &wishes).await;
            }
            Request::Unsubscribe { id, filters } => {
                std::mem::take(&mut run).settle(&link).await;
                link.with(|session| session.unsubscribe(id, &filters));
            }
            Request::Leave { session_expiry } => {
                std::mem::take(&mut run).settle(&link).await;
                link.with(|session| session.leave(session_expiry));
            }
        }
    }
    run.settle(&link).await;
    link.with(|session| session.handle_bytes(Instant::now(), &[]));
}

/// Publishes that came one after the other.
#[derive(Debug, Default)]
struct Run {
    turns: Vec<Turn>,
    items: Vec<Published>,
}

#[derive(Debug)]
enum Turn {
    /// The next of the items.
    Fed(Option<PacketId>),
    Settled(PacketId, Option<PublishRefusal>),
}

impl Run {
    fn feed(&mut self, id: Option<PacketId>, item: Published) {
        self.turns.push(Turn::Fed(id));
        self.items.push(item);
    }

    /// Hands the items to the store, and settles all once it has them.
    async fn settle(self, link: &Link) {
        let Self { turns, items } = self;
        if turns.is_empty() {
            return;
        }
        let edge = link.edge();
        let acks = if items.is_empty() { Vec::new() } else { edge.realer.feed_published(link.device(), items).await };
        acks.iter().for_each(|ack| edge.metrics.published(ack.outcome));
        let mut acks = acks.into_iter().map(|Ack { payload, .. }| payload);
        link.with(|session| {
            for turn in turns {
                match turn {
                    Turn::Fed(id) => session.settle(id, None, acks.next()),
                    Turn::Settled(id, refusal) => session.settle(Some(id), refusal, None),
                }
            }
        });
    }
}

async fn subscribe(link: &Link, id: PacketId, wishes: &[Wish]) {
    let topics: Vec<Topic> = wishes.iter().filter_map(|wish| wish.topic.clone()).collect();
    let reads = topics.iter().any(|topic| matches!(topic, Topic::Desired { .. }));
    while reads && let Err(TooSoon { retry_after }) = link.take_turn(PACE, Instant::now()) {
        sleep(retry_after).await;
    }
    if link.ended().is_some() {
        return;
    }
    let known = known(link, wishes, &topics).await;
    link.with(|session| session.subscribe(id, wishes, &known));
    tell_open(link, &topics).await;
    if reads {
        // The store reads without a pause, so that others of the thread would wait for all of many.
        tokio::task::yield_now().await;
    }
}

/// Whether the catalog has what is wished for, one for each.
async fn known(link: &Link, wishes: &[Wish], topics: &[Topic]) -> Vec<Result<bool, SubscribeRefusal>> {
    if topics.is_empty() {
        return vec![Ok(false); wishes.len()];
    }
    match link.edge().realer.known_topics(link.device(), topics).await {
        Ok(known) => {
            let mut known = known.into_iter();
            let of = |wish: &Wish| Ok(wish.topic.is_some() && known.next().unwrap_or(false));
            wishes.iter().map(of).collect()
        }
        // It has been logged.
        Err(_) => vec![Err(SubscribeRefusal::Unavailable); wishes.len()],
    }
}

/// Tells what is open of these topics, where the client listens to them. (Contract §7.3.)
async fn tell_open(link: &Link, topics: &[Topic]) {
    if !topics.iter().any(|topic| matches!(topic, Topic::Desired { .. })) {
        return;
    }
    let realer = &link.edge().realer;
    let is_all_told = match realer.open_on(link.device(), topics).await {
        Ok(open) => open.iter().all(|(topic, payload)| !matches!(link.tell(topic, payload), Err(CallError::Busy(_)))),
        // It has been logged.
        Err(_) => false,
    };
    if !is_all_told {
        realer.look_again(link.device());
    }
}

/// SUBSCRIBEs of one connection that read the catalog: as many at once as a device can have commands, one at a time, and those
/// that come after that wait for their turn.
const PACE: Pace = Pace { interval: Duration::from_millis(20), burst: 256 };

const _: () = assert!(PACE.burst as usize == MAX_SOURCES, "a device subscribes to all that it has without a pause");
