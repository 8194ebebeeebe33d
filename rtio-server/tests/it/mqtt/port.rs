//! The port for MQTT: which flags it needs, its address, TLS, its caps, its end.

use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use rtio_server::net::proxy::TrustedProxies;
use rtio_server::realer::Protocols;
use rustix::process::Signal;
use tokio::io::AsyncReadExt;

use crate::program::{Running, rtio, run};
use crate::support::realer::control_device_with;
use crate::support::tls::{PortFiles, TlsClient};
use crate::support::{Ca, Peer, TestHub, eventually, hub, within};

/// What every run of the program needs beside.
const FREE_PORTS: &str = "--device-addr 127.0.0.1:0 --http-addr 127.0.0.1:0 --admin-addr off";

#[test]
fn flags_that_do_not_fit_together_are_refused_with_what_is_missing() {
    let addr = "--mqtt-addr 127.0.0.1:0";
    let tls = "--device-tls-cert c.pem --device-tls-key k.pem";
    for (flags, expected) in [
        (format!("--dev {addr}"), "--mqtt-addr needs --data-dir"),
        (format!("--open-callers --verifier any {addr}"), "--mqtt-addr needs --data-dir"),
        (
            format!("--open-callers --data-dir d {addr}"),
            "--mqtt-addr needs TLS: give --mqtt-tls-cert and --mqtt-tls-key",
        ),
        (format!("--open-callers --data-dir d {tls} {addr}"), "--mqtt-addr needs --realer-mqtt-url"),
        (
            format!("--dev --data-dir d {addr} --mqtt-tls-cert c.pem"),
            "--mqtt-tls-cert is set, but --mqtt-tls-key is not",
        ),
        ("--dev --data-dir d --mqtt-tls-cert c.pem --mqtt-tls-key k.pem".to_owned(), "of no use without --mqtt-addr"),
    ] {
        let (code, stdout, stderr) = run(&mut rtio(&format!("serve {FREE_PORTS} {flags}")));
        assert_eq!((code, stdout.as_str()), (Some(64), ""), "{flags}");
        assert!(stderr.contains(expected), "{flags}: {stderr}");
    }
}

#[test]
fn a_port_in_use_is_named_with_its_flag() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let (addr, dir) = (taken.local_addr().unwrap(), folder.path().display());
    let (code, stdout, stderr) =
        run(&mut rtio(&format!("serve --dev {FREE_PORTS} --data-dir {dir} --mqtt-addr {addr}")));
    assert_eq!((code, stdout.as_str()), (Some(1), ""), "{stderr}");
    assert!(stderr.contains(&format!("cannot bind {addr} (--mqtt-addr)")), "{stderr}");
}

/// The program with MQTT and these flags, and where its port is as it said.
fn serve(flags: &str) -> (Running, String) {
    let mut hub = Running::start(&mut rtio(&format!("serve {FREE_PORTS} {flags}")));
    hub.value_of("devices ");
    let addr = hub.value_of("mqtt ");
    hub.value_of("callers ");
    (hub, addr)
}

#[test]
fn it_says_where_it_listens_and_ends_at_once_with_clients_connected() {
    let folder = tempfile::tempdir().unwrap();
    let (hub, addr) = serve(&format!("--dev --data-dir {} --mqtt-addr 127.0.0.1:0", folder.path().display()));
    let addr = addr.strip_prefix("mqtt://").unwrap().to_owned();
    assert!(addr.starts_with("127.0.0.1:") && !addr.ends_with(":0"), "{addr}");
    let mut clients: Vec<_> = (0..3).map(|_| TcpStream::connect(&addr).unwrap()).collect();
    let (code, logs) = hub.end_by(Signal::TERM);
    assert_eq!(code, Some(0), "{logs}");
    assert!(!logs.contains("outlive") && !logs.contains("INSECURE"), "{logs}");
    for client in &mut clients {
        client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        assert!(client.read(&mut [0]).map_or(true, |len| len == 0), "it is closed");
    }
}

#[test]
fn its_certificate_is_that_of_the_other_devices_unless_it_has_its_own() {
    let (ca, folder) = (Ca::new(), tempfile::tempdir().unwrap());
    let (devices, own) = (PortFiles::new(&ca.server()), PortFiles::new(&ca.server()));
    let flags = |port: &str, files: &PortFiles| {
        format!(
            "--{port}-tls-cert {} --{port}-tls-key {}",
            files.path("cert.pem").display(),
            files.path("key.pem").display()
        )
    };
    let shared = format!(
        "--open-callers --data-dir {} --mqtt-addr 127.0.0.1:0 --realer-mqtt-url mqtts://hub.example {}",
        folder.path().display(),
        flags("device", &devices),
    );
    for (flags, files) in [(shared.clone(), &devices), (format!("{shared} {}", flags("mqtt", &own)), &own)] {
        let (hub, addr) = serve(&flags);
        let addr = addr.strip_prefix("mqtts://").unwrap().parse().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let shown = runtime.block_on(shown(addr, &ca.trusted()));
        assert!(files.holds(&shown), "another certificate");
        let (code, logs) = hub.end_by(Signal::TERM);
        assert_eq!(code, Some(0), "{logs}");
    }
}

/// The certificate that a new connection sees.
async fn shown(addr: std::net::SocketAddr, client: &TlsClient) -> Vec<u8> {
    let stream = client.connects(addr).await;
    stream.get_ref().1.peer_certificates().expect("a certificate")[0].to_vec()
}

fn files(hub: &TestHub) -> &PortFiles {
    hub.mqtt_tls.as_ref().expect("the port for MQTT has TLS")
}

#[tokio::test]
async fn a_client_shakes_hands_with_the_name_of_the_protocol_or_without() {
    let ca = Ca::new();
    let hub = hub().with_realer().with_mqtt_tls(&ca).start().await;
    for (client, agreed) in [(ca.trusted(), None), (ca.trusted().with_alpn(&[b"mqtt"]), Some(&b"mqtt"[..]))] {
        let stream = client.connects(hub.mqtt_addr()).await;
        assert_eq!(stream.get_ref().1.alpn_protocol(), agreed);
    }
    let other = ca.trusted().with_alpn(&[b"h2"]).tries_to_connect(hub.mqtt_addr()).await;
    other.expect_err("another protocol is none of this port");
    eventually("handshakes are counted", || {
        hub.metrics().contains("rtio_tls_handshakes_total{port=\"mqtt\",result=\"done\"} 2")
    })
    .await;
}

#[tokio::test]
async fn a_client_is_not_asked_for_a_certificate_where_other_devices_are() {
    let ca = Ca::new();
    let hub = hub().with_device_client_certificates(&ca).with_realer().with_mqtt_tls(&ca).start().await;
    let mut stream = ca.trusted().connects(hub.mqtt_addr()).await;
    // With TLS 1.3 a refusal would come with the first read.
    let silence = tokio::time::timeout(Duration::from_millis(200), stream.read(&mut [0])).await;
    assert!(silence.is_err(), "{silence:?}");
}

#[tokio::test]
async fn a_new_certificate_is_shown_after_a_reload() {
    let ca = Ca::new();
    let hub = hub().with_realer().with_mqtt_tls(&ca).start().await;
    let client = ca.trusted().without_resumption();
    let before = shown(hub.mqtt_addr(), &client).await;
    files(&hub).hold(&ca.server());
    hub.reload.trigger();
    within("another certificate", async { while shown(hub.mqtt_addr(), &client).await == before {} }).await;
}

#[tokio::test]
async fn plain_bytes_to_a_port_with_tls_are_turned_away() {
    let ca = Ca::new();
    let hub = hub().with_realer().with_mqtt_tls(&ca).start().await;
    let mut peer = Peer::connect(hub.mqtt_addr()).await;
    // A CONNECT of MQTT 3.1.1 begins so.
    peer.sends(b"\x10\x0c\x00\x04MQTT\x04\x02").await;
    peer.is_closed().await;
    assert_eq!(hub.counts("connections_refused_total{port=\"mqtt\",cause=\"not_tls\"}"), 1);
}

#[tokio::test]
async fn one_client_too_many_that_has_not_said_who_it_is_is_closed() {
    let hub = hub().with_realer().with_mqtt().with(|config| mqtt(config).max_unverified = 2).start().await;
    let first = Peer::connect(hub.mqtt_addr()).await;
    let _second = Peer::connect(hub.mqtt_addr()).await;
    eventually("two are there", || hub.counts("mqtt_unverified_connections") == 2).await;
    Peer::connect(hub.mqtt_addr()).await.is_closed().await;
    assert_eq!((hub.counts("mqtt_unverified_refused_total"), hub.counts("unverified_refused_total")), (1, 0));
    let _device = hub.device("dev").await;
    drop(first);
    eventually("its place is free", || hub.counts("mqtt_unverified_connections") == 1).await;
    let _third = Peer::connect(hub.mqtt_addr()).await;
    eventually("it is taken again", || hub.counts("mqtt_unverified_connections") == 2).await;
}

#[tokio::test]
async fn one_client_too_many_from_an_address_is_closed_and_the_other_port_has_places_of_its_own() {
    let hub = hub().with_realer().with_mqtt();
    let hub = hub.with(|config| mqtt(config).max_connections_per_peer = 2).start().await;
    let first = Peer::connect(hub.mqtt_addr()).await;
    let _second = Peer::connect(hub.mqtt_addr()).await;
    eventually("two are there", || hub.counts("mqtt_unverified_connections") == 2).await;
    Peer::connect(hub.mqtt_addr()).await.is_closed().await;
    assert_eq!(hub.counts("connections_refused_total{port=\"mqtt\",cause=\"per_peer\"}"), 1);
    let _device = hub.device("dev").await;
    drop(first);
    eventually("its place is free", || hub.counts("mqtt_unverified_connections") == 1).await;
    let _third = Peer::connect(hub.mqtt_addr()).await;
    eventually("it is taken again", || hub.counts("mqtt_unverified_connections") == 2).await;
}

#[tokio::test]
async fn with_dev_devices_are_told_the_address_unless_the_operator_says_another_7_1() {
    let ca = Ca::new();
    let elsewhere = "mqtts://broker.example:8883";
    for (hub, expected) in [
        (hub().with_realer().with_mqtt(), "mqtt://ADDR"),
        (hub().with_realer().with_mqtt_tls(&ca), "mqtts://ADDR"),
        (
            hub().with(|config| config.realer.broker_url = elsewhere.to_owned().into()).with_realer().with_mqtt(),
            elsewhere,
        ),
    ] {
        let hub = hub.start().await;
        let protocols = Protocols { mqtt: true, ..Protocols::default() };
        let device = control_device_with(&hub, |settings| settings.protocols = protocols).await;
        let token = device.token(&hub).await;
        let told = device.gets(&hub, &token, "/mqtt").await.json();
        assert_eq!(told["broker_url"], expected.replace("ADDR", &hub.mqtt_addr().to_string()));
        let bootstrap = device.gets(&hub, &token, "/bootstrap").await.json();
        assert!(bootstrap["available_protocols"].as_array().expect("a list").contains(&"mqtt".into()), "{bootstrap}");
    }
}

#[tokio::test]
async fn a_trusted_proxy_says_whose_connection_it_is_or_is_turned_away() {
    let here = "127.0.0.1/32".parse().expect("a network");
    let hub = hub().with_realer().with_mqtt().with(|config| {
        config.proxies = TrustedProxies::new(vec![here]);
        mqtt(config).max_connections_per_peer = 1;
    });
    let hub = hub.start().await;
    let (mut peers, header) = (Vec::new(), |last| format!("PROXY TCP4 192.0.2.{last} 198.51.100.2 50001 8883\r\n"));
    for last in [1, 2] {
        let mut peer = Peer::connect(hub.mqtt_addr()).await;
        peer.sends(header(last).as_bytes()).await;
        peers.push(peer);
        eventually("it is let in", || hub.counts("mqtt_unverified_connections") == last).await;
    }
    let mut third = Peer::connect(hub.mqtt_addr()).await;
    third.sends(header(2).as_bytes()).await;
    third.is_closed().await;
    let mut silent_about_it = Peer::connect(hub.mqtt_addr()).await;
    silent_about_it.sends(b"\x10\x0c\x00\x04MQTT\x04\x02").await;
    silent_about_it.is_closed().await;
    for cause in ["per_peer", "proxy_header"] {
        assert_eq!(hub.counts(&format!("connections_refused_total{{port=\"mqtt\",cause=\"{cause}\"}}")), 1, "{cause}");
    }
}

fn mqtt(config: &mut rtio_server::config::Config) -> &mut rtio_server::mqtt::Config {
    config.mqtt.as_mut().expect("the hub has MQTT")
}

#[tokio::test]
async fn a_shutdown_closes_clients_that_have_not_said_who_they_are() {
    let hub = hub().with_realer().with_mqtt().start().await;
    let mut peer = Peer::connect(hub.mqtt_addr()).await;
    eventually("it is there", || hub.counts("mqtt_unverified_connections") == 1).await;
    hub.stops().await;
    peer.is_closed().await;
}
