//! Many clients at once, and many attempts of one: who is let in is there once, and who is not costs little.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

use std::time::Duration;

use tokio::task::JoinSet;

use crate::support::mqtt::{CONNACK, Connect, DISCONNECT, MqttClient, MqttDevice, Version, item, mqtt_device, packet};
use crate::support::{Clock, Peer, TestHub, eventually, hub, within};

async fn hub_with_mqtt() -> TestHub {
    hub().with_realer().with_mqtt().start().await
}

/// So many devices with their credentials.
async fn devices(hub: &TestHub, count: usize) -> Vec<MqttDevice<'_>> {
    let mut devices = Vec::new();
    for _ in 0..count {
        devices.push(mqtt_device(hub).await);
    }
    devices
}

/// Sends a CONNECT over a new connection; what it is told, and the client if it is in.
async fn tries(addr: std::net::SocketAddr, connect: Connect) -> (Option<u8>, MqttClient) {
    let mut client = MqttClient::over(tokio::net::TcpStream::connect(addr).await.unwrap(), connect.version);
    client.tries_to_send(&connect.bytes()).await;
    let connack = client.tries_to_hear().await.filter(|packet| packet.kind() == CONNACK);
    (connack.map(|packet| packet.body[1]), client)
}

/// All at once, each as it says; in their order.
async fn storm(hub: &TestHub, connects: impl IntoIterator<Item = Connect>) -> Vec<(Option<u8>, MqttClient)> {
    let all: Vec<_> = connects.into_iter().map(|connect| tokio::spawn(tries(hub.mqtt_addr(), connect))).collect();
    let mut told = Vec::new();
    for one in all {
        told.push(within("a storm", one).await.unwrap());
    }
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_site_that_comes_back_at_once_is_let_in_as_often_as_it_does_and_ends_with_the_hub() {
    let hub = hub_with_mqtt().await;
    let site = devices(&hub, 200).await;
    for round in 1..=2 {
        let clients = storm(&hub, site.iter().map(MqttDevice::connect)).await;
        assert!(clients.iter().all(|(code, _)| *code == Some(0)));
        let accepted = hub.counts("mqtt_connects_total{result=\"accepted\"}");
        assert_eq!((hub.core.devices_online(), accepted), (200, 200 * round));
        clients.into_iter().for_each(|(_, client)| client.resets());
        eventually("all are gone", || hub.core.devices_online() == 0).await;
    }
    // The hub ends while all of them are busy.
    let mut busy = JoinSet::new();
    for ((code, client), device) in storm(&hub, site.iter().map(MqttDevice::connect)).await.into_iter().zip(&site) {
        assert_eq!(code, Some(0));
        busy.spawn(publishes_to_the_end(client, device.readings()));
    }
    hub.shutdown.trigger();
    within("all connections to end", busy.join_all()).await;
    drop(site);
    hub.has_stopped().await;
}

async fn publishes_to_the_end(mut client: MqttClient, topic: String) {
    let item = item("m", "1.0");
    let bytes: Vec<_> = (1..=50).flat_map(|id| client.publish(0x32, id, &topic, item.as_bytes())).collect();
    client.tries_to_send(&bytes).await;
    client.rest().await;
}

/// §7.2: a password is not to be guessed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guesses_are_slowed_by_id_and_by_network_and_the_device_elsewhere_is_not() {
    let hub = hub_with_mqtt().await;
    let (device, bystander) = (mqtt_device(&hub).await, mqtt_device(&hub).await);
    let mut other = bystander.connects().await;
    let guess = |connect: Connect, number: u32| Connect { password: format!("mqc_{number:032}"), ..connect };
    let told = storm(&hub, (0..100).map(|number| guess(device.connect(), number))).await;
    let count = |code| told.iter().filter(|(told, _)| *told == Some(code)).count();
    assert_eq!((count(4), count(3)), (5, 95), "five are looked up, and the others come too soon");
    // Names that there are not, from the same network.
    let strange = |number: u32| {
        let id = format!("cdv_{number:026}");
        Connect { id: id.clone(), name: id, ..guess(device.connect5(), number) }
    };
    let told = storm(&hub, (0..500).map(strange)).await;
    let looked_up = told.iter().filter(|(told, _)| *told == Some(0x86)).count();
    assert!((200..=320).contains(&looked_up), "{looked_up}");
    assert!(told.iter().all(|(told, _)| [Some(0x86), Some(0x88)].contains(told)));
    assert_eq!(hub.core.devices_online(), 1);
    other.pings().await;
    hub.stops().await;
}

/// §7.3: one session per client id, and a dispute does not make the hub spin.
#[tokio::test]
async fn two_clients_that_take_an_id_from_each_other_are_slowed_and_one_is_there() {
    let hub = hub_with_mqtt().await;
    let device = mqtt_device(&hub).await;
    let clock = Clock::stopped();
    let mut clients = Vec::<MqttClient>::new();
    for number in 0..120_u64 {
        let version = if number % 2 == 0 { Version::V3 } else { Version::V5 };
        let mut client = MqttClient::dials(&hub, version).await;
        client.sends(&Connect { version, ..device.connect() }.bytes()).await;
        clock.leaps(Duration::from_secs(5)).await;
        assert_eq!(client.packet_of(CONNACK).await.body[1], 0);
        if let Some(mut before) = clients.pop() {
            let last = before.rest().await;
            let told: Vec<_> = last.iter().map(|packet| (packet.kind(), packet.body[0])).collect();
            let expected = (before.version() == Version::V5).then_some((DISCONNECT, 0x8e));
            assert_eq!(told, expected.into_iter().collect::<Vec<_>>(), "{number}");
        }
        clients.push(client);
        assert_eq!(hub.core.devices_online(), 1);
        assert_eq!(hub.core.metrics().take_overs.get(), number);
    }
    assert_eq!(hub.core.metrics().take_overs_slowed.get(), 119 - 4);
    clients[0].pings().await;
    drop(clients);
    drop(clock);
    eventually("nobody is there", || hub.core.devices_online() == 0).await;
    eventually("no connection is left", || hub.counts("connections_open{port=\"mqtt\"}") == 0).await;
    hub.stops().await;
}

/// §7.3: of connections that come at the same moment one is the session, and what was subscribed before is its.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_connections_that_come_at_once_one_lives_and_has_the_session() {
    let hub = hub_with_mqtt().await;
    for (round, at_once) in (0..20).map(|round| (round, if round == 0 { 20 } else { 4 })) {
        let device = mqtt_device(&hub).await;
        let lasting = Connect { starts_clean: false, session_expiry: 600, ..device.connect5() };
        let mut first = device.connects_as(lasting.clone()).await;
        assert_eq!(first.subscribes(&[&device.acks()]).await, [1]);
        first.sends(&packet(0xe0, &[])).await;
        first.rest().await;
        let told = storm(&hub, vec![lasting.clone(); at_once]).await;
        assert!(told.iter().all(|(code, _)| *code == Some(0)), "{round}");
        assert!(hub.core.is_online(&device.it.id));
        let mut alive = 0;
        for (_, mut client) in told {
            client.says_no_more().await;
            // Whoever was replaced has been told; the last one just ends.
            alive += usize::from(!client.rest().await.iter().any(|packet| packet.kind() == DISCONNECT));
        }
        assert_eq!(alive, 1, "{round}");
        eventually("it is gone", || hub.core.devices_online() == 0).await;
        eventually("its session waits, once", || hub.counts("mqtt_parked_sessions") == 1).await;
        let (mut last, connack) = device.tries(lasting).await;
        assert_eq!(connack.body[0], 1, "the session is present");
        last.publishes_and_hears(&device.readings(), &item("m", "20.5")).await;
        last.sends(&packet(0xe0, &[0, 5, 0x11, 0, 0, 0, 0])).await;
        last.rest().await;
        eventually("nothing is kept", || hub.counts("mqtt_parked_sessions") == 0).await;
    }
    hub.stops().await;
}

/// While a client is looked up it can leave and does not stay.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_leave_before_they_hear_leave_nothing_behind() {
    let hub = hub_with_mqtt().await;
    let site = devices(&hub, 20).await;
    for _ in 0..5 {
        for device in &site {
            let mut peer = Peer::connect(hub.mqtt_addr()).await;
            peer.sends(&device.connect().bytes()).await;
            peer.resets();
        }
    }
    eventually("none is left", || {
        hub.counts("mqtt_unverified_connections") == 0
            && hub.counts("connections_open{port=\"mqtt\"}") == 0
            && hub.core.devices_online() == 0
    })
    .await;
    hub.stops().await;
}
