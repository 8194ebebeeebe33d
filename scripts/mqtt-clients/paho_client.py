"""paho-mqtt as the cases use it: each step waits for what the hub says to it, and not longer than SECONDS."""

import json
import queue
import ssl
from urllib.parse import urlsplit

import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

V3, V5 = paho.MQTTv311, paho.MQTTv5
# No answer of a hub on the same machine takes so long.
SECONDS = 5


class _Paho(paho.Client):
    """With the reason of a DISCONNECT that has nothing but a reason, which paho 2.1 leaves out."""

    farewell = None

    def _handle_disconnect(self):
        packet = self._in_packet["packet"]
        self.farewell = packet[0] if packet else 0
        super()._handle_disconnect()


class Client:
    """A connection, or a try."""

    def __init__(self, url, login, version, *, clean=True, expiry=None, ca=None, will=None, keep_alive=60):
        self._connacks, self._subacks, self._unsubacks = queue.Queue(), queue.Queue(), queue.Queue()
        self._pubacks, self._messages, self._ends = queue.Queue(), queue.Queue(), queue.Queue()
        self._heard = set()
        self.version, address = version, urlsplit(url)
        options = {"clean_session": clean} if version == V3 else {}
        it = self._paho = _Paho(
            paho.CallbackAPIVersion.VERSION2, login.client_id, protocol=version, reconnect_on_failure=False, **options
        )
        it.username_pw_set(login.username, login.password)
        if address.scheme == "mqtts":
            it.tls_set(ca_certs=ca, tls_version=ssl.PROTOCOL_TLS_CLIENT)
        if will:
            it.will_set(*will, qos=1)
        it.on_connect = lambda _, __, flags, reason, told: self._connacks.put((reason.value, flags, told))
        it.on_subscribe = lambda _, __, mid, reasons, ___: self._subacks.put([reason.value for reason in reasons])
        it.on_unsubscribe = lambda _, __, mid, reasons, ___: self._unsubacks.put([it.value for it in reasons])
        it.on_publish = lambda _, __, mid, reason, ___: self._pubacks.put(reason.value)
        it.on_message = lambda _, __, message: self._messages.put(message)
        it.on_disconnect = lambda _, __, flags, ___, ____: self._ends.put(flags)
        more = {}
        if version == V5:
            properties = Properties(PacketTypes.CONNECT)
            if expiry is not None:
                properties.SessionExpiryInterval = expiry
            more = {"clean_start": clean, "properties": properties}
        it.connect(address.hostname, address.port, keep_alive, **more)
        it.loop_start()
        self.reason, flags, told = self._connacks.get(timeout=SECONDS)
        self.session_present = bool(flags.session_present)
        self.told = vars(told) if told else {}

    def subscribes(self, *topics, qos=1):
        """What the hub says to each."""
        assert self._paho.subscribe([(topic, qos) for topic in topics])[0] == 0
        return self._subacks.get(timeout=SECONDS)

    def unsubscribes(self, *topics):
        assert self._paho.unsubscribe(list(topics))[0] == 0
        return self._unsubacks.get(timeout=SECONDS)

    def publishes(self, topic, payload, qos=1, retain=False, properties=None):
        """The reason of the PUBACK; `None` at most once."""
        self.throws(topic, payload, qos, retain, properties)
        reason = self._pubacks.get(timeout=SECONDS)
        return reason if qos else None

    def throws(self, topic, payload, qos=1, retain=False, properties=None):
        """Publishes, and waits for nothing: the connection may be gone before this returns."""
        payload = json.dumps(payload) if isinstance(payload, dict) else payload
        self._paho.publish(topic, payload, qos, retain, properties)

    def message(self, topic):
        """The next message, which is of this topic, as it is. What came before may come again (contract §7.3)."""
        message = self._messages.get(timeout=SECONDS)
        while message.topic != topic and (message.topic, message.payload) in self._heard:
            message = self._messages.get(timeout=SECONDS)
        self._heard.add((message.topic, message.payload))
        assert message.topic == topic, f"{message.topic} in place of {topic}: {message.payload}"
        assert not message.retain, f"{topic} retained"
        return message

    def document(self, topic):
        """The same, as JSON, which came at least once."""
        message = self.message(topic)
        assert message.qos == 1, f"{topic} with QoS {message.qos}"
        return json.loads(message.payload)

    def hears_nothing(self, seconds=0.5):
        try:
            message = self._messages.get(timeout=seconds)
        except queue.Empty:
            return
        raise AssertionError(f"{message.topic}: {message.payload}")

    def is_ended(self):
        """Waits until the hub has ended the connection: the reason of its DISCONNECT, `None` without one."""
        self._ends.get(timeout=SECONDS)
        return self._paho.farewell

    def leaves(self):
        """The orderly end."""
        self._paho.disconnect()
        self._ends.get(timeout=SECONDS)
        self._paho.loop_stop()

    def vanishes(self):
        """The end without a word."""
        self._paho.loop_stop()
        self._paho.socket().close()

    def stops(self):
        """Whatever became of it."""
        self._paho.disconnect()
        self._paho.loop_stop()
