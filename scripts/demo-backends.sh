#!/usr/bin/env bash
# Builds the program and the examples; starts a verifier, a device service, a configurer, a hub that asks them and a device, all on free
# ports of this machine; shows that the device gets its versions from the service, that a change of the map takes effect without a
# restart, and that a wrong secret and a stranger without the hub's signature are refused; stops all. Ends with 0 only if all of that happened.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

. scripts/steps.sh
readonly device=PRINTER-001 secret=a-secret-of-24-characters

# map URI=WHERE: writes the map that the configurer reads, as a whole.
map() {
    printf '{"deviceservicemap":{%s}}\n' "$1" >"$logs/new"
    mv "$logs/new" "$logs/map.json"
    show cat map.json
    cat "$logs/map.json"
}

build rtio-server examples

say "The backends: who may come in, what devices ask for, and where that is"
start verifier device_verifier --listen 127.0.0.1:0 --device "$device=$secret"
start service device_service --listen 127.0.0.1:0
service=$(line service service)
map "\"/versions\":\"$service/versions\""
start configurer hub_configurer --listen 127.0.0.1:0 --map "$logs/map.json"
verifier=$(line verifier verifier)
configurer=$(line configurer configurer)

say "A hub that asks them, and signs what it asks"
(umask 077 && head -c 24 /dev/urandom | od -An -v -tx1 | tr -d ' \n' >"$logs/signing.key")
start hub rtio serve --dev --device-addr 127.0.0.1:0 --http-addr 127.0.0.1:0 --admin-addr off \
    --verifier-url "$verifier" --configurer-url "$configurer" --configurer-interval 1s \
    --signing-key-file "$logs/signing.key"
hub_devices=$(line hub devices)
cat "$logs/hub"

say "A device with a wrong secret is refused"
show device_fetches_versions --server "$hub_devices" --id "$device" --secret guess
if "$programs/device_fetches_versions" --server "$hub_devices" --id "$device" --secret guess 2>"$logs/refused"; then
    echo "the hub let in a device with a wrong secret" >&2
    exit 1
fi
cat "$logs/refused"
prints verifier "verify $device: VERIFICATION_FAILED"

say "With the right one it comes in, and its versions come from the service"
start device device_fetches_versions --server "$hub_devices" --id "$device" --secret "$secret"
prints verifier "verify $device: OK"
prints device "serving as $device"
prints device "versions 2.1.0 2.0.3 1.9.7"
prints service "$device asks for versions of printer"

say "The map changes: a newer service, asked in the raw form. Nothing is restarted, the device stays connected"
start newer device_service --listen 127.0.0.1:0 --newest 3.0.0 --key "$logs/signing.key"
newer=$(line newer service)
map "\"/versions\":{\"url\":\"$newer/raw/versions\",\"form\":\"raw\"}"
prints device "versions 3.0.0 2.1.0 2.0.3 1.9.7"
prints newer "$device asks for versions of printer"

say "That service has the hub's key: who is not the hub is refused"
request "^HTTP/1.1 401" --include "$newer/raw/versions" -d printer
prints newer "a stranger was refused"

say "The map is empty"
map ""
prints device "no versions: report answered with NotFound"

say "Stop them all"
echo "done"
