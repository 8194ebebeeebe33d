#!/usr/bin/env bash
# Builds the program and the examples; starts a hub, tells it what a greenhouse has, and runs the greenhouse's two control devices: one
# that polls over HTTP, in shell, and one that holds a session. A caller wants the heater and the fan to be on, and sees when they are.
# All on free ports of this machine; stops all. Ends with 0 only if every answer was the expected one.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

. scripts/steps.sh
readonly data=$logs/data

# id WHAT: the id of what was added, such as "device greenhouse poller".
id() { sed -n "s/^+ $1 (\(.*\))$/\1/p" "$logs/applied"; }

# secret DEVICE: its secret, which is shown once.
secret() { sed -n "s/^client_id $1 client_secret //p" "$logs/applied"; }

# applies EXPECTED: applies the file, shows what that changes and looks for EXPECTED in it.
applies() {
    show rtio realer apply examples/realer/greenhouse.toml --data-dir "$data"
    "$programs/rtio" realer apply examples/realer/greenhouse.toml --data-dir "$data" | tee "$logs/answer"
    grep -q -- "$1" "$logs/answer"
}

# wants EXPECTED DEVICE COMMAND VALUE [CURL ARGUMENTS…]: a caller wants a command to be something.
wants() {
    request "$1" "$hub/$2/iot/v1/desired" -d "{\"command_id\":\"$3\",\"value\":\"$4\"}" "${@:5}"
}

# becomes EXPECTED DEVICE: asks for the state until that is in it, and shows it.
becomes() {
    local deadline=$((SECONDS + start_seconds))
    until curl --silent --max-time 5 "$hub/$2/iot/v1/state" -d '' | grep -q -- "$1"; do
        if ((SECONDS >= deadline)); then
            echo "no '$1' in the state of $2 within $start_seconds s" >&2
            return 1
        fi
        sleep 0.1
    done
    request "$1" "$hub/$2/iot/v1/state" -d ''
}

build rtio-server examples

say "A hub that keeps what it is told, and lets devices come every second"
start hub rtio serve --dev --data-dir "$data" --device-addr 127.0.0.1:0 --http-addr 127.0.0.1:0 --admin-addr 127.0.0.1:0 \
    --realer-catalog-minimum 1s --realer-desired-states-minimum 1s --realer-feed-data-minimum 1s
hub_devices=$(line hub devices)
hub=$(line hub callers)
cat "$logs/hub"

say "What the greenhouse has, from one file: two devices, each with a relay and a thermistor"
applies "^+ device greenhouse poller"
cp "$logs/answer" "$logs/applied"
poller=$(id "device greenhouse poller") heater=$(id "command Heater of greenhouse poller")
session=$(id "device greenhouse session") fan=$(id "command Fan of greenhouse session")

say "The same file again changes nothing"
applies "^0 added, 0 changed, 0 removed"

say "The first device polls: token, bootstrap, desired states, feed data, sleep"
show env CLIENT_ID="$poller" CLIENT_SECRET=... HUB="$hub" examples/realer/poll.sh
: >"$logs/poller"
CLIENT_ID=$poller CLIENT_SECRET=$(secret "$poller") HUB=$hub STATE=$logs/poller-state \
    examples/realer/poll.sh >"$logs/poller" 2>"$logs/poller.err" &
pids+=("$!")
line poller created >/dev/null
cat "$logs/poller"

say "A caller wants its heater to be on, and waits until it is: that is, until the device comes the next time"
wants '"status":"applied"' "$poller" "$heater" 1.0 -H 'Prefer: wait=5'

say "A relay cannot be half on: the device refuses. Two is out of range: the hub refuses"
wants '"status":"rejected"' "$poller" "$heater" 0.5 -H 'Prefer: wait=5'
wants '"code":4022' "$poller" "$heater" 2.0

say "What the device has said meanwhile"
grep -E '^(applied|rejected)' "$logs/poller"
stop || true

say "The second device holds a session: it connects, and polls nothing"
secret=$(secret "$session")
start session realer_greenhouse --server "$hub_devices" --id "$session" --secret "$secret"
line session bootstrap >/dev/null
becomes '"reported":{"value":"0"' "$session"

say "A caller wants its fan to be on: pushed, done, reported, in one round trip"
wants '"status":"applied"' "$session" "$fan" 1 -H 'Prefer: wait=5' -w '\n%{time_total} s'
prints session "applied 1"

say "The device is away: a wish waits for it, and the caller does not"
stop || true
wants '"status":"pending"' "$session" "$fan" 0

say "It comes back, and what was wanted is done at once"
start session realer_greenhouse --server "$hub_devices" --id "$session" --secret "$secret"
becomes '"status":"applied"' "$session"
prints session "applied 0"

say "What the operator reads afterwards"
show rtio realer desired list "$session" --data-dir "$data"
"$programs/rtio" realer desired list "$session" --data-dir "$data"

say "Stop them all"
stop || true
stop
echo "done"
