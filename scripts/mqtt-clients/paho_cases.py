"""The hub's MQTT as paho-mqtt sees it, in both versions. Prints a line for each case; fails if one is wrong.

usage: paho_cases.py HUB MQTT APPLIED              in clear, all cases; APPLIED is what `rtio realer apply` has said
       paho_cases.py HUB MQTT APPLIED --ca CA      over TLS, the cases that could differ
"""

import json
import re
import ssl
import sys
import time
import traceback
from dataclasses import replace

from api import Device, ends
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho_client import V3, V5, Client

NOT_AUTHORIZED, TAKEN_OVER, RETAIN_NOT_SUPPORTED, QOS_NOT_SUPPORTED = 0x87, 0x8E, 0x9A, 0x9B
SUBACK_REFUSED = {V3: 0x80, V5: NOT_AUTHORIZED}
# paho tells the return codes 4 and 5 of 3.1.1 as these.
CONNECT_REFUSED = (0x86, NOT_AUTHORIZED)
# A wish reaches a device that is there within this.
PUSH_SECONDS = 1


class World:
    """The device of the cases, its hub, and the version that is tried."""

    def __init__(self, url, device, foreign, version, ca):
        self.url, self.device, self.foreign, self.version, self.ca = url, device, foreign, version, ca
        # No case should need another one than this.
        self.login = device.login()

    def connects(self, **more):
        client = Client(self.url, self.login, self.version, ca=self.ca, **more)
        is_(client.reason, 0)
        return client

    def tells(self, client, item, route=None, status="created", qos=1):
        """Publishes an item; its acknowledgement, which has this status."""
        route = route or self.device.thermistor
        reason = client.publishes(route["feed_data_topic"], item, qos)
        is_(reason, 0 if qos else None)
        ack = client.document(self.device.acks)
        source = "sensor_id" if route["source_type"] == "sensor" else "command_id"
        expected = (item.get("message_id") if isinstance(item, dict) else None, route[source], status)
        is_((ack["message_id"], ack[source], ack["status"]), expected)
        return ack


def is_(actual, expected):
    assert actual == expected, f"{actual!r} in place of {expected!r}"


# Who connects (contract §7.2, §7.3)


def who_has_the_tuple_is_in(world):
    client = world.connects()
    is_(client.session_present, False)
    if world.version == V5:
        told = client.told
        is_((told["RetainAvailable"], told["MaximumQoS"]), (0, 1))
        is_(told["ReceiveMaximum"], world.device.catalog["limits"]["max_inflight"])
    client.leaves()


def who_has_another_tuple_is_not(world):
    login, other = world.login, world.foreign
    for wrong in (
        replace(login, password=login.password[:-1] + ("x" if login.password[-1] != "x" else "y")),
        replace(login, password=""),
        replace(login, password=world.device.token),
        replace(login, username=other.id),
        replace(login, client_id=other.id),
        replace(login, client_id=other.id, username=other.id),
    ):
        client = Client(world.url, wrong, world.version, ca=world.ca)
        assert client.reason in CONNECT_REFUSED, f"{client.reason:#x} for {wrong}"
    world.connects().leaves()


def a_later_credential_is_good_beside_the_one_before(world):
    later = Client(world.url, world.device.login(), world.version, ca=world.ca)
    is_(later.reason, 0)
    later.leaves()
    world.connects().leaves()


# Feed data (contract §7.4, §7.5)


def an_item_is_created_once_and_replayed_after_that(world):
    client, item = world.connects(), world.device.item("20.5")
    is_(client.subscribes(world.device.acks), [1])
    created = world.tells(client, item)
    is_((created["retryable"], created["warnings"], "error" in created), (False, [], False))
    replayed = world.tells(client, item, status="replayed")
    is_(replayed["feed_data_id"], created["feed_data_id"])
    conflict = world.tells(client, {**item, "value": "99"}, status="rejected")
    is_((conflict["error"]["type"], conflict["retryable"]), ("message_conflict", False))
    is_(world.device.state()["sensors"][0]["reported"]["value"], "20.5")
    client.leaves()


def what_is_wrong_is_rejected_and_costs_nothing_else(world):
    client, item = world.connects(), world.device.item
    client.subscribes(world.device.acks)
    for payload, problem in (
        (item("21", value_received_at=None), "validation_failed"),
        (item("21", value_received_at="2026-05-12T08:31:12"), "validation_failed"),
        (item("warm"), "validation_failed"),
        (item("21", report_status="applied"), "validation_failed"),
        ("{", "bad_request"),
        ("", "bad_request"),
    ):
        rejected = world.tells(client, payload, status="rejected")
        is_((rejected["error"]["type"], rejected["retryable"]), (problem, False))
    world.tells(client, item("21"))
    client.leaves()


def at_most_once_is_acknowledged_too(world):
    client = world.connects()
    is_(client.subscribes(world.device.acks, qos=0), [0])
    client.publishes(world.device.thermistor["feed_data_topic"], item := world.device.item("22"), qos=0)
    ack = client.message(world.device.acks)
    assert f'"{item["message_id"]}"'.encode() in ack.payload and b'"created"' in ack.payload, ack.payload
    is_(ack.qos, 0)
    client.leaves()


def a_source_of_the_device_that_there_is_not_is_rejected(world):
    client, fan = world.connects(), world.device.fan
    client.subscribes(world.device.acks)
    gone = {name: re.sub(r"cmd_.{26}", f"cmd_{'0' * 26}", text) for name, text in fan.items()}
    rejected = world.tells(client, world.device.item("1"), gone, "rejected")
    is_((rejected["error"]["type"], rejected["retryable"]), ("resource_not_found", False))
    client.leaves()


# Topics (contract §7.3)


def only_topics_of_the_catalog_can_be_subscribed_to(world):
    device, refused = world.device, SUBACK_REFUSED[world.version]
    client = world.connects()
    forbidden = (
        "#",
        "+/v1/devices",
        f"iot/v1/devices/{device.id}/#",
        f"iot/v1/devices/{device.id}/feed-data/+",
        f"$share/group/{device.acks}",
        "$SYS/broker/version",
        world.foreign.acks,
        world.foreign.fan["desired_topic"],
        device.thermistor["feed_data_topic"],
        f"iot/v1/devices/{device.id}/rtio/responses",
    )
    for topic in forbidden:
        is_((topic, client.subscribes(topic)), (topic, [refused]))
    topics = (device.acks, forbidden[0], device.fan["desired_topic"])
    is_(client.subscribes(*topics, qos=2), [1, refused, 1])
    world.tells(client, device.item("23"))
    client.leaves()


def what_is_published_elsewhere_is_refused(world):
    for topic in (world.foreign.thermistor["feed_data_topic"], world.device.acks, "somewhere"):
        client = world.connects()
        if world.version == V5:
            is_((topic, client.publishes(topic, world.foreign.item("66"))), (topic, NOT_AUTHORIZED))
            client.throws(topic, world.foreign.item("66"), qos=0)
            is_(client.is_ended(), NOT_AUTHORIZED)
        else:
            client.throws(topic, world.foreign.item("66"))
            is_(client.is_ended(), None)
        client.stops()
    is_(world.foreign.state()["sensors"][0]["reported"], None)


def rights_are_those_of_the_credential(world):
    login = world.device.login("iot:catalog:read iot:mqtt:connect iot:mqtt:feed-data:write")
    client = Client(world.url, login, world.version, ca=world.ca)
    device = world.device
    refused = [SUBACK_REFUSED[world.version]]
    topics = (device.acks, device.fan["desired_topic"], f"iot/v1/devices/{device.id}/rtio/requests")
    is_([client.subscribes(topic) for topic in topics], [refused] * 3)
    is_(client.publishes(device.thermistor["feed_data_topic"], device.item("24")), 0)
    client.leaves()
    is_(device.state()["sensors"][0]["reported"]["value"], "24")


def nothing_is_retained(world):
    client, item = world.connects(), world.device.item("77")
    client.subscribes(world.device.acks)
    client.throws(world.device.thermistor["feed_data_topic"], item, retain=True)
    if world.version == V5:
        is_(client.is_ended(), RETAIN_NOT_SUPPORTED)
    else:
        rejected = client.document(world.device.acks)
        is_((rejected["message_id"], rejected["error"]["type"]), (item["message_id"], "validation_failed"))
    client.stops()


def exactly_once_is_not_served(world):
    client = world.connects()
    client.throws(world.device.thermistor["feed_data_topic"], world.device.item("78"), qos=2)
    is_(client.is_ended(), QOS_NOT_SUPPORTED if world.version == V5 else None)
    client.stops()


def last_words_are_not_said(world):
    topic, will = world.device.thermistor["feed_data_topic"], world.device.item("79")
    client = world.connects(will=(topic, json.dumps(will)))
    is_(client.reason, 0)
    client.vanishes()
    client = world.connects()
    client.subscribes(world.device.acks)
    # Had it been said, this would be a replay.
    world.tells(client, will)
    client.leaves()


# Desired states (contract §7.6, §10)


def a_wish_is_pushed_and_answered(world):
    client, fan = world.connects(), world.device.fan
    is_(client.subscribes(world.device.acks, fan["desired_topic"]), [1, 1])
    for value, status in (("1", "applied"), ("0", "rejected")):
        began = time.monotonic()
        outcome = world.device.is_wished(value, wait=10)
        desired = client.document(fan["desired_topic"])
        took = time.monotonic() - began
        assert took < PUSH_SECONDS, f"{took} s until the device was told"
        is_((desired["value"], desired["command_id"]), (value, fan["command_id"]))
        is_(desired["resource_id"], fan["resource_id"])
        report = world.device.item("1", desired_id=desired["desired_id"], sequence_number=desired["sequence_number"])
        if status != "applied":
            report["report_status"] = status
        world.tells(client, report, fan)
        answer = outcome.result()
        is_((answer.status, answer.json["status"]), (200, status))
        is_(answer.json["desired_id"], desired["desired_id"])
    client.hears_nothing()
    client.leaves()


def what_is_open_comes_with_the_subscription(world):
    is_(world.device.is_wished("1").result().status, 202)
    client, fan = world.connects(), world.device.fan
    client.subscribes(world.device.acks)
    client.hears_nothing()
    client.subscribes(fan["desired_topic"])
    first = client.document(fan["desired_topic"])
    client.unsubscribes(fan["desired_topic"])
    client.subscribes(fan["desired_topic"])
    is_(client.document(fan["desired_topic"]), first)
    client.unsubscribes(fan["desired_topic"])
    world.device.is_wished("0").result()
    client.hears_nothing()
    client.subscribes(fan["desired_topic"])
    desired = client.document(fan["desired_topic"])
    is_(desired["value"], "0")
    world.tells(client, world.device.item("0", desired_id=desired["desired_id"]), fan)
    client.leaves()


# Sessions (contract §7.3)


def a_session_outlives_its_connection(world):
    device, fan = world.device, world.device.fan
    kept = {"clean": False, "expiry": 60} if world.version == V5 else {"clean": False}
    world.connects().leaves()
    client = world.connects(**kept)
    is_(client.session_present, False)
    client.subscribes(device.acks, fan["desired_topic"])
    client.leaves()
    is_(device.is_wished("1").result().status, 202)
    client = world.connects(**kept)
    is_(client.session_present, True)
    desired = client.document(fan["desired_topic"])
    is_(desired["value"], "1")
    world.tells(client, device.item("1", desired_id=desired["desired_id"]), fan)
    client.leaves()
    client = world.connects()
    is_(client.session_present, False)
    client.throws(device.thermistor["feed_data_topic"], device.item("25"))
    client.hears_nothing()
    client.leaves()
    client = world.connects(**kept)
    is_(client.session_present, False)
    client.leaves()


def a_session_ends_when_its_time_is_over_5(world):
    world.connects().leaves()
    for expiry, pause, present in ((60, 0, True), (1, 2.5, False), (0, 0, False)):
        world.connects(clean=False, expiry=expiry).leaves()
        time.sleep(pause)
        client = world.connects(clean=False, expiry=expiry)
        is_((expiry, client.session_present), (expiry, present))
        client.leaves()


def the_newest_connection_is_the_device(world):
    first, device = world.connects(), world.device
    first.subscribes(device.acks)
    second = world.connects()
    is_(first.is_ended(), TAKEN_OVER if world.version == V5 else None)
    second.subscribes(device.acks)
    world.tells(second, device.item("26"))
    assert not is_offline(device)
    second.leaves()
    first.stops()
    until(lambda: is_offline(device), "the device is offline")


def is_offline(device):
    return b"DEVICEID_OFFLINE" in device.is_called("fan/speed", b"now").result().body


# Calls (docs/mqtt.md)


def a_call_is_answered(world):
    device, fan = world.device, f"iot/v1/devices/{world.device.id}/rtio"
    client = world.connects()
    is_(client.subscribes(f"{fan}/requests", qos=0), [0])
    for uri, status, data, expected in (
        ("fan/speed", None, b"1450 rpm\n\x00\xff", 200),
        ("fan/two%20words", "ok", b"", 200),
        ("fan/noise", "not_found", b"", 404),
    ):
        answer = device.is_called(uri, b"now\nor\x00never")
        request = client.message(f"{fan}/requests")
        is_(request.qos, 0)
        asked, reply = reads_request(world, request)
        is_(asked, ("copost", "/" + uri.replace("%20", " "), b"now\nor\x00never"))
        reply(client, f"{fan}/responses", status, data)
        answer = answer.result()
        is_(answer.status, expected)
        if expected == 200:
            is_(answer.body, data)
    client.leaves()


def reads_request(world, message):
    """Method, URI and data of a request, and what answers it."""
    if world.version == V3:
        header, data = message.payload.split(b"\n", 1)
        correlation, method, uri = header.decode().split(" ", 2)

        def reply(client, topic, status, data):
            line = correlation if status is None else f"{correlation} {status}"
            client.throws(topic, line.encode() + b"\n" + data, qos=0)
    else:
        told = dict(message.properties.UserProperty)
        method, uri, data = told["method"], told["uri"], message.payload

        def reply(client, topic, status, data):
            is_(message.properties.ResponseTopic, topic)
            properties = Properties(PacketTypes.PUBLISH)
            properties.CorrelationData = message.properties.CorrelationData
            if status is not None:
                properties.UserProperty = ("status", status)
            client.throws(topic, data, qos=1, properties=properties)

    return (method, uri, data), reply


def who_does_not_listen_cannot_be_called(world):
    client = world.connects()
    client.subscribes(world.device.acks)
    answer = world.device.is_called("fan/speed", b"now").result()
    is_(answer.status, 404)
    client.hears_nothing()
    client.leaves()


# TLS


def only_who_trusts_the_ca_connects(world):
    world.connects().leaves()
    try:
        Client(world.url, world.login, world.version)
    except ssl.SSLCertVerificationError:
        return
    raise AssertionError("a certificate of nobody was good")


def until(condition, what):
    end = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < end, f"not true: {what}"
        time.sleep(0.05)


CASES = (
    who_has_the_tuple_is_in,
    a_later_credential_is_good_beside_the_one_before,
    an_item_is_created_once_and_replayed_after_that,
    what_is_wrong_is_rejected_and_costs_nothing_else,
    at_most_once_is_acknowledged_too,
    a_source_of_the_device_that_there_is_not_is_rejected,
    only_topics_of_the_catalog_can_be_subscribed_to,
    what_is_published_elsewhere_is_refused,
    rights_are_those_of_the_credential,
    nothing_is_retained,
    exactly_once_is_not_served,
    last_words_are_not_said,
    a_wish_is_pushed_and_answered,
    what_is_open_comes_with_the_subscription,
    a_session_outlives_its_connection,
    a_session_ends_when_its_time_is_over_5,
    the_newest_connection_is_the_device,
    a_call_is_answered,
    who_does_not_listen_cannot_be_called,
    # Last: who guesses is made to wait.
    who_has_another_tuple_is_not,
)
TLS_CASES = (
    only_who_trusts_the_ca_connects,
    an_item_is_created_once_and_replayed_after_that,
    a_wish_is_pushed_and_answered,
    a_call_is_answered,
)


def main():
    hub, url, applied = sys.argv[1:4]
    ca = sys.argv[5] if sys.argv[4:5] == ["--ca"] else None
    with open(applied) as text:
        text = text.read()
    secrets = dict(re.findall(r"^client_id (\S+) client_secret (\S+)$", text, re.M))
    ids = dict(re.findall(r"^\+ device (.+) \((cdv_\S+)\)$", text, re.M))
    device = {label: Device(hub, id, secrets[id]) for label, id in ids.items() if label.startswith(("paho", "foreign"))}
    count = failed = 0
    for version, name in ((V3, "3.1.1"), (V5, "5")):
        own = device["paho tls" if ca else f"paho {name}"]
        world = World(url, own, device["foreign"], version, ca)
        for case in TLS_CASES if ca else CASES:
            if case.__name__.endswith("_5") and version != V5:
                continue
            says = f"paho {name}{' over TLS' if ca else ''}: {case.__name__.removesuffix('_5').replace('_', ' ')}"
            count += 1
            try:
                case(world)
                print(says, flush=True)
            except Exception:
                failed += 1
                print(f"{says}: NO\n{traceback.format_exc()}", flush=True)
    ends()
    print(f"{count} cases, {failed} failed")
    return 1 if failed else 0


sys.exit(main())
