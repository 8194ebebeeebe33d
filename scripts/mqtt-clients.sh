#!/usr/bin/env bash
# Tries the hub's MQTT with clients that nobody here wrote, in clear and over TLS, in 3.1.1 and 5: paho-mqtt (Python) and mosquitto_pub,
# mosquitto_sub and mosquitto_rr. All on free ports of this machine; stops all. Takes less than a minute after the build.
#
# paho-mqtt goes into an environment of its own below target/; Mosquitto's clients are those on the PATH, else Debian's packages, unpacked
# below target/ and installed nowhere. Where they cannot be had it says so in one line each and succeeds.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly paho_version=2.1.0
# Longest time for the cases of one client, the end of a run that hangs.
readonly run_seconds=90
target=$("${CARGO:-cargo}" metadata --locked --no-deps --format-version 1 | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')
readonly tools=$target/mqtt-clients
readonly venv=$tools/venv
mkdir -p "$tools"

# prepare_paho: the pinned version; false where it cannot be had.
prepare_paho() {
    [[ $("$venv/bin/python" -c 'from paho.mqtt import __version__; print(__version__)' 2>/dev/null) == "$paho_version" ]] && return 0
    command -v python3 >/dev/null && rm -rf "$venv" && python3 -m venv "$venv" >/dev/null 2>&1 &&
        timeout 120 "$venv/bin/pip" install --quiet --disable-pip-version-check "paho-mqtt==$paho_version" >/dev/null 2>&1
}

# prepare_mosquitto: sets where its programs and their libraries are; false where they cannot be had.
prepare_mosquitto() {
    mosquitto_libraries=${LD_LIBRARY_PATH:-}
    if command -v mosquitto_rr >/dev/null; then
        mosquitto_programs=$(dirname "$(command -v mosquitto_rr)")
        return 0
    fi
    mosquitto_programs=$tools/root/usr/bin
    mosquitto_libraries=$(dirname "$(find "$tools/root/usr/lib" -name 'libmosquitto.so.1' 2>/dev/null)" 2>/dev/null)
    runs_mosquitto && return 0
    command -v apt-get >/dev/null && command -v dpkg >/dev/null || return 1
    rm -rf "$tools/root" && mkdir -p "$tools/root/packages" || return 1
    (cd "$tools/root/packages" && timeout 120 apt-get download mosquitto-clients libmosquitto1 libcjson1) >/dev/null 2>&1 || return 1
    local package
    for package in "$tools"/root/packages/*.deb; do
        dpkg -x "$package" "$tools/root" || return 1
    done
    mosquitto_libraries=$(dirname "$(find "$tools/root/usr/lib" -name 'libmosquitto.so.1')")
    runs_mosquitto
}

runs_mosquitto() {
    # Having printed its usage it ends with 1.
    [[ $(LD_LIBRARY_PATH=$mosquitto_libraries "$mosquitto_programs/mosquitto_rr" --help 2>/dev/null) == *mosquitto_rr* ]]
}

clients=()
if prepare_paho; then
    clients+=(paho)
else
    echo "paho-mqtt $paho_version cannot be installed (python3, venv, pip or PyPI is missing): MQTT was not tried with it"
fi
if prepare_mosquitto; then
    clients+=(mosquitto)
else
    echo "mosquitto-clients are not there and cannot be downloaded (apt-get, dpkg or Debian's archive is missing): MQTT was not tried with them"
fi
[[ ${#clients[@]} -gt 0 ]] || exit 0

failure="a client and the hub disagree about MQTT"
. scripts/steps.sh
. scripts/mqtt-clients/mosquitto.sh
build rtio-server

# secret DEVICE: its secret, which is shown once.
secret() { sed -n "s/^client_id $1 client_secret //p" "$logs/applied"; }

# id LABEL: the id of that device.
id() { sed -n "s/^+ device $1 (\(.*\))$/\1/p" "$logs/applied"; }

# start_hub NAME FLAGS…: a hub with the devices of the cases. Sets `hub` and `mqtt`, where it is reached.
start_hub() {
    local name=$1
    "$programs/rtio" realer apply scripts/mqtt-clients/catalog.toml --data-dir "$logs/data-$name" >"$logs/applied"
    start "$name" rtio serve --dev --data-dir "$logs/data-$name" --mqtt-addr 127.0.0.1:0 --device-addr 127.0.0.1:0 \
        --http-addr 127.0.0.1:0 --admin-addr off "${@:2}"
    hub=$(line "$name" callers)
    mqtt=$(line "$name" mqtt)
}

# try CLIENT: its cases, with the hub that was started last.
try() {
    case $1 in
    paho)
        PYTHONDONTWRITEBYTECODE=1 timeout "$run_seconds" "$venv/bin/python" scripts/mqtt-clients/paho_cases.py "$hub" "$mqtt" \
            "$logs/applied" ${ca:+--ca "$ca"}
        ;;
    mosquitto)
        foreign=$(id foreign)
        mosquitto_cases "$(id mosquitto)"
        ;;
    esac
}

say "In clear"
ca=''
start_hub hub
for client in "${clients[@]}"; do try "$client"; done
stop

say "Over TLS"
"$programs/rtio" certs --out "$logs/certs" >/dev/null
ca=$logs/certs/ca.pem
start_hub tls --mqtt-tls-cert "$logs/certs/server.pem" --mqtt-tls-key "$logs/certs/server-key.pem"
for client in "${clients[@]}"; do try "$client"; done
stop
echo "done"
