#!/usr/bin/env bash
# Builds the program and the examples; starts a hub with MQTT, tells it what a greenhouse has, and runs its control device, which speaks
# MQTT. A caller wants the fan to be on and sees when it is, also when the device was away, and calls the device itself.
# All on free ports of this machine; stops all. Ends with 0 only if every answer was the expected one.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

. scripts/steps.sh
readonly data=$logs/data

# wants EXPECTED VALUE [CURL ARGUMENTS…]: a caller wants the fan to be something.
wants() {
    request "$1" "$hub/$device/iot/v1/desired" -d "{\"command_id\":\"$fan\",\"value\":\"$2\"}" "${@:3}"
}

# becomes EXPECTED URI: calls it until that is in the answer, and shows it.
becomes() {
    local deadline=$((SECONDS + start_seconds))
    until curl --silent --max-time 5 "$hub/$device/$2" -d "" | grep -q -- "$1"; do
        if ((SECONDS >= deadline)); then
            echo "no '$1' from $2 within $start_seconds s" >&2
            return 1
        fi
        sleep 0.1
    done
    request "$1" "$hub/$device/$2" -d ""
}

build rtio-server examples

say "A hub with an MQTT port, without TLS here, that keeps what it is told"
start hub rtio serve --dev --data-dir "$data" --mqtt-addr 127.0.0.1:0 --device-addr 127.0.0.1:0 --http-addr 127.0.0.1:0 \
    --admin-addr 127.0.0.1:0 --realer-catalog-minimum 1s
hub=$(line hub callers)
admin=$(line hub admin)
cat "$logs/hub"

say "What the greenhouse has, from a file: a device with a relay and a thermistor, that may use MQTT"
show rtio realer apply examples/realer/greenhouse-mqtt.toml --data-dir "$data"
"$programs/rtio" realer apply examples/realer/greenhouse-mqtt.toml --data-dir "$data" | tee "$logs/applied"
device=$(sed -n 's/^client_id \(.*\) client_secret .*$/\1/p' "$logs/applied")
secret=$(sed -n 's/^client_id .* client_secret //p' "$logs/applied")
fan=$(sed -n 's/^+ command Fan of greenhouse mqtt (\(.*\))$/\1/p' "$logs/applied")

say "The device: token, catalog and credential over HTTP, then a connection; its reading is acknowledged once it is stored"
start device mqtt_greenhouse --server "${hub#http://}" --id "$device" --secret "$secret"
line device created >/dev/null
cat "$logs/device"
becomes '"reported":{"value":"17.5"' iot/v1/state

say "A caller wants its fan to be on: pushed, done, reported, in one round trip"
wants '"status":"applied"' 1 -H 'Prefer: wait=5' -w '\n%{time_total} s'
prints device "applied 1: the fan is 1"

say "A caller calls the device itself, as one that speaks RTIO"
request '1450 rpm' "$hub/$device/fan/speed" -d now
request NOT_FOUND "$hub/$device/fan/noise" -d now

say "Operators see it beside all others"
show rtio online --admin "$admin" --data-dir "$data"
"$programs/rtio" online --admin "$admin" --data-dir "$data" | tee "$logs/answer"
grep -q "$device.*mqtt" "$logs/answer"

say "The device is away: a wish waits for it, and the caller does not"
stop || true
becomes DEVICEID_OFFLINE fan/speed
wants '"status":"pending"' 0

say "It comes back, and what was wanted is done at once"
start device mqtt_greenhouse --server "${hub#http://}" --id "$device" --secret "$secret"
becomes '"status":"applied"' iot/v1/state
prints device "applied 0: the fan is 0"

say "What the operator reads afterwards"
show rtio realer desired list "$device" --data-dir "$data"
"$programs/rtio" realer desired list "$device" --data-dir "$data"

say "Stop both"
stop || true
stop
echo "done"
