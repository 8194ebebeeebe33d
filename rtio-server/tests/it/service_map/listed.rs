//! The map as operators see it: what `GET /v1/services` and `rtio services` say.

use rtio_server::admin::Guard;
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use super::program::has_logged;
use super::{ONCE, asks, copost};
use crate::program::{Running, TestFile, rtio, run};
use crate::support::configurer::FakeConfigurer;
use crate::support::service::nobody;
use crate::support::{TestHub, eventually, hub};

const TOKEN: &str = "a-token-of-sixteen-or-more";

/// A hub with operators that asks the configurer once, and then at reloads only, and that may have a file with a table.
async fn operated(configurer: &FakeConfigurer, file: Option<&NamedTempFile>) -> TestHub {
    let token = NamedTempFile::new().expect("a file");
    std::fs::write(&token, TOKEN).expect("the file can be written");
    let builder = hub().with_operators(Guard::File(token.path().to_owned())).with_ports_of(|config| {
        config.backend.service_map.file = file.map(|file| file.path().to_owned());
        asks(config, configurer, ONCE);
    });
    let hub = builder.start().await;
    hub.has_polled("changed", 1).await;
    hub
}

async fn answer(hub: &TestHub, query: &str) -> (u16, Value) {
    let authorization = format!("Bearer {TOKEN}");
    let reply = hub.is_operated("GET", &format!("/v1/services{query}"), &[("authorization", &authorization)]).await;
    (reply.status, reply.json())
}

/// What is said of a URI.
async fn shown(hub: &TestHub, uri: &str) -> Value {
    let (status, page) = answer(hub, "").await;
    assert_eq!(status, 200, "{page}");
    let mut found = page["services"].as_array().expect("a list").iter().filter(|service| service["uri"] == uri);
    found.next().cloned().unwrap_or(Value::Null)
}

#[tokio::test]
async fn each_service_is_shown_with_its_source_and_its_limits_and_without_secrets() {
    let configurer = FakeConfigurer::start().await;
    configurer.maps(&json!({"/a": configurer.at("/configurer"), "/aa/bb": configurer.at("/one?token=secret")}));
    let file = NamedTempFile::new().unwrap();
    let narrow = r#"form = "raw", timeout = "20ms", max-in-flight = 3, idempotent = true"#;
    let table = format!("\"/a\" = {{ url = \"{}\", {narrow} }}\n", configurer.at("/file"));
    std::fs::write(&file, format!("[device-services]\n{table}")).unwrap();
    let hub = operated(&configurer, Some(&file)).await;
    let of_file = json!({
        "uri": "/a", "digest": "69707b5c", "source": "file", "url": configurer.at("/file"), "form": "raw", "timeout_ms": 20,
        "max_in_flight": 3, "idempotent": true, "in_flight": 0, "answers": true
    });
    let of_configurer = json!({
        "uri": "/aa/bb", "digest": "a796d057", "source": "configurer", "url": configurer.at("/one?…"), "form": "json",
        "timeout_ms": 5000, "max_in_flight": 256, "idempotent": false, "in_flight": 0, "answers": true
    });
    let own = |uri: &str, digest: &str| json!({"uri": uri, "digest": digest, "source": "hub"});
    let all = [of_file, of_configurer, own("/rtio/time", "415e0f27"), own("/rtio/whoami", "f96a0b0a")];
    assert_eq!(answer(&hub, "").await, (200, json!({ "services": all })));
}

#[tokio::test]
async fn who_says_so_is_shown_also_where_nothing_else_changes() {
    let configurer = FakeConfigurer::start().await;
    configurer.maps(&json!({"/a": configurer.at("/one")}));
    let file = NamedTempFile::new().unwrap();
    let hub = operated(&configurer, Some(&file)).await;
    assert_eq!(shown(&hub, "/a").await["source"], "configurer");
    std::fs::write(&file, format!("[device-services]\n\"/a\" = \"{}\"\n", configurer.at("/one"))).unwrap();
    hub.reload.trigger();
    eventually("the table is read", || hub.mapped() == (1, 0)).await;
    assert_eq!(shown(&hub, "/a").await["source"], "file");
    configurer.maps(&json!({}));
    std::fs::write(&file, "").unwrap();
    hub.reload.trigger();
    hub.has_polled("changed", 2).await;
    eventually("the table is read", || hub.mapped() == (0, 0)).await;
    assert_eq!(shown(&hub, "/a").await, Value::Null);
}

#[tokio::test]
async fn messages_at_a_service_and_one_that_does_not_answer_are_shown() {
    let configurer = FakeConfigurer::start().await;
    let (hangs, gone) = (configurer.at("/hangs"), format!("http://{}/", nobody().await));
    let quick = json!({"url": gone, "timeout": "10ms"});
    configurer.maps(&json!({"/hangs": hangs, "/same": hangs, "/gone": quick}));
    let hub = operated(&configurer, None).await;
    let mut device = hub.device("dev").await;
    for _ in 0..5 {
        assert_eq!(shown(&hub, "/gone").await["answers"], true);
        assert_eq!(device.asks("/gone").await, b"\x21");
    }
    assert_eq!(shown(&hub, "/gone").await["answers"], false);
    let before = device.reports(&copost("/hangs")).await;
    eventually("it is posted", || configurer.questions().iter().any(|asked| asked["method"] == "copost")).await;
    for uri in ["/hangs", "/same"] {
        assert_eq!(shown(&hub, uri).await["in_flight"], 1, "{uri}");
    }
    configurer.lets_go();
    device.receives_answer(before, b"\x22/hangs:hi").await;
    assert_eq!(shown(&hub, "/hangs").await["in_flight"], 0);
}

#[tokio::test]
async fn a_full_map_is_shown_in_order_page_by_page() {
    let configurer = FakeConfigurer::start().await;
    let map = (0..65_536).map(|nth| (format!("/uris/{nth:05}"), json!(configurer.at("/one")))).collect();
    configurer.maps(&Value::Object(map));
    let hub = operated(&configurer, None).await;
    let (mut seen, mut after, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let (status, page) = answer(&hub, &format!("?limit=1000{after}")).await;
        assert_eq!(status, 200, "{page}");
        let services = page["services"].as_array().unwrap();
        seen.extend(services.iter().map(|service| service["uri"].as_str().unwrap().to_owned()));
        pages += 1;
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    let own = ["/rtio/time", "/rtio/whoami"].map(str::to_owned);
    let expected: Vec<_> = own.into_iter().chain((0..65_536).map(|nth| format!("/uris/{nth:05}"))).collect();
    assert!(seen == expected, "{} URIs", seen.len());
    assert_eq!(pages, 66);
    // The last page is full, and nothing comes after it.
    let (_, page) = answer(&hub, "?limit=2&after=/uris/65533").await;
    assert_eq!((page["services"].as_array().unwrap().len(), &page["next"]), (2, &Value::Null));
    assert_eq!(answer(&hub, "?after=/zzz").await, (200, json!({"services": []})));
}

#[tokio::test]
async fn a_question_that_makes_no_sense_is_refused_with_its_reason() {
    let configurer = FakeConfigurer::start().await;
    let hub = operated(&configurer, None).await;
    for (query, part) in [
        ("limit=0", "limit is from 1 to 1000"),
        ("limit=1001", "limit is from 1 to 1000"),
        ("limit=x", "limit"),
        ("uri=/a", "unknown field `uri`"),
    ] {
        let (status, problem) = answer(&hub, &format!("?{query}")).await;
        let detail = problem["detail"].as_str().unwrap();
        assert_eq!(status, 400, "{query}");
        assert!(detail.contains(part), "{query}: {detail}");
    }
    assert_eq!(hub.is_operated("GET", "/v1/services", &[]).await.status, 401);
}

#[test]
fn the_command_prints_a_line_for_each_service_and_the_log_no_secret() {
    let table = "[device-services]\n\"/a b\" = \"http://127.0.0.1:9/x?token=secret\"\n";
    let file = TestFile::new("table-listed", table);
    let flags = "serve --dev --device-addr 127.0.0.1:0 --http-addr 127.0.0.1:0 --admin-addr 127.0.0.1:0";
    let configurer = "--configurer-url http://127.0.0.1:9/y?token=secret";
    let mut serving = Running::start(&mut rtio(&format!("{flags} {configurer} --config {}", file.0.display())));
    let [_, _, admin] = ["devices", "callers", "admin"].map(|name| serving.value_of(name));
    let (code, stdout, stderr) = run(&mut rtio(&format!("services --admin {admin}")));
    assert_eq!(code, Some(0), "{stderr}");
    let lines: Vec<_> = stdout.lines().collect();
    let [mapped, time, who] = lines[..] else { panic!("{stdout}") };
    assert!(mapped.starts_with("/a b  ") && mapped.contains("  file  http://127.0.0.1:9/x?…  json  timeout 5000 ms  "));
    assert!(mapped.ends_with("  in flight 0 of 256  answers"), "{mapped}");
    assert!(time.starts_with("/rtio/time  ") && who.ends_with("  hub"), "{stdout}");
    let (_, stdout, _) = run(&mut rtio(&format!("services --json --admin {admin}")));
    let shown: Vec<Value> = stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((shown.len(), &shown[0]["max_in_flight"], &shown[2]["uri"]), (3, &json!(256), &json!("/rtio/whoami")));
    let logs = has_logged(&mut serving, "no map from the configurer");
    assert!(logs.contains("url=http://127.0.0.1:9/y?…") && !logs.contains("secret"), "{logs}");
}
