//! What outlives a connection, and how sessions end.

use super::*;

#[test]
fn what_a_persistent_session_waits_for_comes_with_the_next_connection() {
    for client in [Client { starts_clean: false, ..V3 }, Client { starts_clean: false, session_expiry: 60, ..V5 }] {
        let mut session = subscribed(client, &[&acks(), &heater()]);
        session.tell(&heater(), b"first").unwrap();
        let first = written(&mut session).remove(0);
        session.settle(None, None, Some(b"second".to_vec()));
        session.end_as(End::Broke);
        let (lasting, keep) = session.take_lasting().unwrap();
        assert_eq!(keep, Duration::from_secs(if client.version == Version::V3 { 3600 } else { 60 }));
        assert!(lasting.weight() > 100);
        let (mut session, connack) = client.opens_with(Some(lasting), &[]);
        assert_eq!(connack.body[0], 1, "session present");
        let again = written(&mut session);
        assert_eq!((again[0].first, &again[0].body), (0x3a, &first.body), "DUP, and the same id");
        assert!(again[1].text().ends_with("second"));
        assert_eq!(session.tell(&heater(), b"third"), Ok(()), "it listens still");
    }
}

#[test]
fn a_session_goes_on_with_the_rights_of_the_new_credential() {
    let client = Client { starts_clean: false, ..V3 };
    let mut session = subscribed(client, &[&acks(), &heater(), &topic("rtio/requests")]);
    let lasting = session.surrender();
    assert_eq!(session.end(), Some(End::Wanted(Ending::Replaced)));
    assert!(session.take_lasting().is_none(), "it was surrendered");
    let less = Client { scopes: "iot:mqtt:connect iot:mqtt:ack:read", ..client };
    let mut session = less.opens(Some(lasting));
    assert_eq!(session.tell(&heater(), b"on"), Err(CallError::NotListening));
    session.settle(None, None, Some(b"ack".to_vec()));
    assert_eq!(written(&mut session).len(), 1);
}

#[test]
fn who_starts_clean_leaves_nothing() {
    let mut session = subscribed(V3, &[&heater()]);
    session.end_as(End::Broke);
    assert!(session.take_lasting().is_none());
}

#[test]
fn the_life_of_a_session_is_capped_and_told_in_version_5() {
    let client = Client { starts_clean: false, session_expiry: u32::MAX, keep_alive: 0, ..V5 };
    let (mut session, connack) = client.opens_with(None, &[]);
    let properties = &connack.body[2..];
    let expiry = [&[0x11][..], &3600u32.to_be_bytes()].concat();
    assert!(properties.windows(5).any(|window| window == expiry), "{properties:?}");
    let keep_alive = [&[0x13][..], &3600u16.to_be_bytes()].concat();
    assert!(properties.windows(3).any(|window| window == keep_alive), "{properties:?}");
    session.end_as(End::Broke);
    assert_eq!(session.take_lasting().unwrap().1, Duration::from_secs(3600));
}

#[test]
fn a_goodbye_may_change_the_life_of_a_session_but_not_give_it_one() {
    let goodbye = |expiry: u32| packet(0xe0, &[&[0, 5, 0x11][..], &expiry.to_be_bytes()].concat());
    let client = Client { starts_clean: false, session_expiry: 60, ..V5 };
    for (client, bytes, end, keeps) in [
        (client, goodbye(0), End::Left, None),
        (client, goodbye(5), End::Left, Some(5)),
        (client, packet(0xe0, &[]), End::Left, Some(60)),
        (V5, goodbye(0), End::Left, None),
        (V5, goodbye(5), End::Misbehaved(Reason::ProtocolError), None),
    ] {
        let mut session = client.opens(None);
        feed(&mut session, &bytes);
        assert_eq!(session.end(), Some(end));
        let kept = session.take_lasting().map(|(_, keep)| keep.as_secs());
        assert_eq!(kept, keeps);
    }
}

#[test]
fn a_goodbye_waits_until_what_was_published_before_it_is_seen_to() {
    for client in [V3, V5] {
        let mut session = client.opens(None);
        let publishes = [client.publish(0x30, 0, &reading(), "{}"), client.publish(0x32, 1, &reading(), "{}")];
        feed(&mut session, &[publishes.concat(), packet(0xe0, &[])].concat());
        assert_eq!(session.end(), None);
        let requests = session.take_requests();
        assert!(
            matches!(
                requests[..],
                [Request::Feed { .. }, Request::Feed { .. }, Request::Leave { session_expiry: None }]
            ),
            "{requests:?}"
        );
        session.settle(None, None, None);
        session.settle(Some(id(1)), None, None);
        session.leave(None);
        assert_eq!(session.end(), Some(End::Left));
    }
}

#[test]
fn silence_of_one_and_a_half_keep_alives_ends_a_session() {
    let mut session = V5.opens(None);
    let start = session.last_heard();
    session.handle_timeout(start + Duration::from_millis(89_999));
    assert_eq!(session.end(), None);
    session.handle_bytes(start + Duration::from_secs(60), &PINGREQ);
    session.handle_timeout(start + Duration::from_secs(149));
    assert_eq!(session.end(), None);
    session.handle_timeout(start + Duration::from_secs(150));
    assert_eq!(session.end(), Some(End::Silent));
    let words = written(&mut session);
    assert_eq!(words.last().unwrap().body[0], 0x8d);
    let mut quiet = Client { keep_alive: 0, ..V3 }.opens(None);
    quiet.handle_timeout(start + EXPIRY - Duration::from_secs(1));
    assert_eq!(quiet.end(), None, "3.1.1 may want no keep-alive");
}

#[test]
fn a_slow_store_is_no_silence_of_the_client() {
    let mut session = V3.opens(None);
    feed(&mut session, &V3.publish(0x32, 1, &reading(), "{}"));
    assert_eq!(session.take_requests().len(), 1);
    let late = session.last_heard() + Duration::from_secs(90);
    session.handle_timeout(late);
    assert_eq!(session.end(), None);
    session.settle(Some(id(1)), None, None);
    session.handle_timeout(late);
    assert_eq!(session.end(), Some(End::Silent));
}

#[test]
fn a_desired_state_that_was_never_sent_is_left_to_the_store() {
    let client = Client { starts_clean: false, receive_maximum: 1, session_expiry: 60, ..V5 };
    let mut session = subscribed(client, &[&acks(), &heater()]);
    session.tell(&heater(), b"first").unwrap();
    session.tell(&heater(), b"second").unwrap();
    assert_eq!(written(&mut session).len(), 1);
    session.settle(None, None, Some(b"ack".to_vec()));
    let lasting = session.surrender();
    let mut session = Client { receive_maximum: 10, ..client }.opens(Some(lasting));
    let again: Vec<String> = written(&mut session).iter().map(Packet::text).collect();
    assert_eq!(again.len(), 2);
    assert!(again[0].ends_with("first") && again[1].ends_with("ack"), "{again:?}");
}

/// §7.2: at expiry the session ends.
#[test]
fn a_session_ends_with_its_credential() {
    for client in [Client { keep_alive: 0, ..V3 }, V5] {
        let mut session = client.opens(None);
        let end = session.client.expires;
        session.handle_bytes(end, &PINGREQ);
        session.handle_timeout(end);
        assert_eq!(session.end(), Some(End::Expired));
    }
}

#[test]
fn who_may_not_come_back_leaves_nothing() {
    let client = Client { starts_clean: false, ..V3 };
    for (end, keeps) in [(End::Wanted(Ending::Revoked), false), (End::Expired, true), (End::Silent, true)] {
        let mut session = subscribed(client, &[&heater()]);
        session.end_as(end);
        assert_eq!(session.take_lasting().is_some(), keeps, "{end:?}");
    }
}
