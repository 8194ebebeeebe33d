"""What a control device and its callers ask the hub over HTTP. Used by the cases of each client; knows no MQTT."""

import base64
import json
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timezone
from itertools import count

SCOPES = (
    "iot:catalog:read iot:feed-data:write iot:mqtt:connect iot:mqtt:ack:read iot:mqtt:feed-data:write"
    " iot:mqtt:desired:read"
)
# What a caller may wait for at most.
ANSWER_SECONDS = 15

_callers = ThreadPoolExecutor(max_workers=4)
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class Login:
    """The three words that a device connects with."""

    client_id: str
    username: str
    password: str


class Answer:
    """Status and body of an answer of HTTP."""

    def __init__(self, status, body):
        self.status, self.body = status, body

    @property
    def json(self):
        return json.loads(self.body)


class Device:
    """One control device: its catalog, and what it and its callers ask."""

    def __init__(self, hub, client_id, secret):
        self.hub, self.id, self._secret = hub, client_id, secret
        self._numbers = count(1)
        self.token = self.token_for(SCOPES)
        self.catalog = self.gets("mqtt").json
        self.acks = self.catalog["feed_data_ack_topic"]
        routes = {route["source_type"]: route for route in self.catalog["routes"]}
        self.fan, self.thermistor = routes["command"], routes["sensor"]

    def token_for(self, scopes):
        basic = base64.b64encode(f"{self.id}:{self._secret}".encode()).decode()
        form = f"grant_type=client_credentials&scope={scopes.replace(' ', '+')}".encode()
        return asks(f"{self.hub}/oauth/token", form, Authorization=f"Basic {basic}").json["access_token"]

    def gets(self, document):
        url = f"{self.hub}/iot/v1/devices/{self.id}/{document}"
        return asks(url, Authorization=f"Bearer {self.token}")

    def login(self, scopes=None):
        """A new credential, with the rights of a token for these scopes."""
        token = self.token if scopes is None else self.token_for(scopes)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        body = json.dumps(self.catalog["credential_request"]).encode()
        it = asks(self.hub + self.catalog["credential_endpoint"], body, **headers).json
        return Login(it["mqtt_client_id"], it["mqtt_username"], it["mqtt_credential"])

    def item(self, value, **more):
        """A new item of feed data; `more` adds fields, and takes away those that are None."""
        now = datetime.now(timezone.utc).isoformat().replace("+00:00", "Z")
        item = {"message_id": f"{self.id[-4:]}-{next(self._numbers)}", "value": value, "value_received_at": now}
        item.update(more)
        return {name: value for name, value in item.items() if value is not None}

    def is_wished(self, value, wait=None):
        """Somebody wants the fan to be that, and waits so long for the outcome. A future with the answer."""
        body = json.dumps({"command_id": self.fan["command_id"], "value": value}).encode()
        headers = {"Prefer": f"wait={wait}"} if wait else {}
        return self.is_called("iot/v1/desired", body, **headers)

    def is_called(self, uri, body, **headers):
        """Somebody calls a URI of the device. A future with the answer."""
        return _callers.submit(asks, f"{self.hub}/{self.id}/{uri}", body, **headers)

    def state(self):
        return self.is_called("iot/v1/state", b"").result().json


def asks(url, body=None, **headers):
    """One request, a POST where there is a body; refusals are answers, too."""
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, body, headers)
    try:
        with _opener.open(request, timeout=ANSWER_SECONDS) as answer:
            return Answer(answer.status, answer.read())
    except urllib.error.HTTPError as refused:
        return Answer(refused.code, refused.read())


def ends():
    """Lets the program end, whoever still waits."""
    _callers.shutdown(wait=False, cancel_futures=True)
