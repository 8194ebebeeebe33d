#!/usr/bin/env bash
# Builds the program, starts a hub and a device on free ports of this machine, calls and observes the device with curl, and
# stops both. Ends with 0 only if every answer was the expected one.
#
# It builds the dev profile: `make test` needs that too, and the first answer comes sooner. Measured on two busy cores, from
# nothing: dev 3 min 56 s (238 s of processor time), release 8 min 7 s (280 s).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly cargo=${CARGO:-cargo} device=PRINTER-001 start_seconds=20
# Nothing here leaves this machine.
export no_proxy=127.0.0.1 NO_PROXY=127.0.0.1

logs=$(mktemp -d)
pids=()

# However the script ends: stop what it started, by process id, and say what that said if something went wrong.
finish() {
    local status=$?
    trap - EXIT
    local pid
    for pid in ${pids[@]+"${pids[@]}"}; do
        kill -TERM "$pid" 2>/dev/null || true
    done
    wait
    if [[ $status -ne 0 ]]; then
        printf '\nthe demo failed (%s)\n' "$status" >&2
        tail -n 20 "$logs"/* >&2 || true
    fi
    rm -rf "$logs"
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

say() { printf '\n# %s\n' "$*"; }

show() { printf '$'; printf ' %s' "$@"; printf '\n'; }

# start NAME COMMAND…: runs it in the background with its output in a file of that name.
start() {
    local name=$1
    shift
    show "$@"
    # There from the start, for whoever looks for lines in it.
    : >"$logs/$name"
    "$rtio" "${@:2}" >"$logs/$name" 2>"$logs/$name.err" &
    pids+=("$!")
}

# line NAME WORD: waits for the line of that output which begins with the word, and prints the rest of it.
line() {
    local deadline=$((SECONDS + start_seconds)) rest
    until rest=$(sed -n "s/^$2 //p" "$logs/$1") && [[ -n $rest ]]; do
        if ((SECONDS >= deadline)); then
            echo "no line '$2 …' from $1 within $start_seconds s" >&2
            return 1
        fi
        sleep 0.05
    done
    printf '%s\n' "$rest"
}

# request EXPECTED URL [CURL ARGUMENTS…]: shows the command, runs it, shows the answer and looks for EXPECTED in it.
request() {
    local expected=$1
    shift
    show curl "$@"
    curl --silent --show-error --no-buffer --max-time 30 "$@" | tee "$logs/answer"
    # Raw bytes of a device end without a new line, lines of an observation with one.
    [[ -z $(tail -c 1 "$logs/answer") ]] || echo
    if ! grep -q -- "$expected" "$logs/answer"; then
        echo "expected '$expected' in this answer" >&2
        return 1
    fi
}

# stop: ends the process that was started last, politely, and expects it to end well.
stop() {
    local last=$((${#pids[@]} - 1))
    local pid=${pids[$last]}
    unset "pids[$last]"
    kill -TERM "$pid"
    wait "$pid"
}

say "Build (the first takes a few minutes)"
show "$cargo" build --locked -p rtio-server
"$cargo" build --locked --quiet -p rtio-server
target=$("$cargo" metadata --locked --no-deps --format-version 1 | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')
readonly rtio=$target/debug/rtio
echo "rtio is $rtio"

say "A hub"
start hub rtio serve --dev --device-addr 127.0.0.1:0 --http-addr 127.0.0.1:0 --admin-addr off
hub_devices=$(line hub devices)
hub=$(line hub callers)
cat "$logs/hub"

say "A device"
start device rtio device run "$device" --server "$hub_devices" \
    --answer /printer/status=idle --stream /printer/progress=printing,500ms,5
line device "serving as" >/dev/null
cat "$logs/device"

say "Call it: the device's URI is a URL"
request idle "$hub/$device/printer/status" -d now

say "Observe it: one line for each frame, as it comes (data is base64)"
request TERMINATE "$hub/$device/printer/progress"

say "Call a URI that it does not have"
request NOT_FOUND "$hub/$device/printer/coffee" -d now

say "Stop the device, then the hub"
stop
stop
echo "done"
