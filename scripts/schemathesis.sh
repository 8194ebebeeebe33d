#!/usr/bin/env bash
# Tries both OpenAPI documents with schemathesis against a hub and a device on free ports of this machine, and stops both. Fails where
# the hub answers otherwise than they say. Takes about a minute.
#
# Where Python or the package index is not there it says so in one line and succeeds: nothing else here needs them.
# SCHEMATHESIS_SEED and SCHEMATHESIS_EXAMPLES (of each operation) look for more than every run does.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly version=4.32.5 seed=${SCHEMATHESIS_SEED:-1}
readonly examples=${SCHEMATHESIS_EXAMPLES:-50}
# Longest time for one document, the end of a run that hangs.
readonly run_seconds=180
target=$("${CARGO:-cargo}" metadata --locked --no-deps --format-version 1 | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')
readonly venv=$target/schemathesis/venv
mkdir -p "$target/schemathesis"

# prepare: the pinned version in an environment of its own; false where that cannot be had.
prepare() {
    [[ $("$venv/bin/schemathesis" --version 2>/dev/null) == *"$version" ]] && return 0
    command -v python3 >/dev/null && rm -rf "$venv" && python3 -m venv "$venv" >/dev/null 2>&1 &&
        timeout 120 "$venv/bin/pip" install --quiet --disable-pip-version-check "schemathesis==$version" >/dev/null 2>&1
}

if ! prepare; then
    echo "schemathesis $version cannot be installed (python3, venv, pip or PyPI is missing): the OpenAPI documents were not tried"
    exit 0
fi

failure="the OpenAPI documents and the hub disagree, or could not be compared"
. scripts/steps.sh
build rtio-server

# compare NAME URL ARGUMENTS…: what the document at the URL says with what the hub does.
compare() {
    echo "the OpenAPI document of the $1"
    # Its caches and reports belong to the run.
    (cd "$logs" && PYTHONPATH=$configs PYTHONDONTWRITEBYTECODE=1 SCHEMATHESIS_HOOKS=toml_text \
        timeout "$run_seconds" "$venv/bin/schemathesis" --no-color --config-file "$configs/$1.toml" run "$2/openapi.json" \
        --seed "$seed" --max-examples "$examples" --warnings off "${@:3}")
}

readonly configs=$PWD/scripts/schemathesis
start hub rtio serve --dev --data-dir "$logs/data" --device-addr 127.0.0.1:0 --http-addr 127.0.0.1:0 --admin-addr 127.0.0.1:0
devices=$(line hub devices)
start device rtio device run PRINTER-001 --server "$devices" --answer /printer/status=idle --echo /printer/echo \
    --stream /printer/progress=printing,10ms,3
line device "serving as" >/dev/null
callers=$(line hub callers)
operators=$(line hub admin)

# What a caller does leaves nothing behind that a later request could find, so there are no states to look for.
compare callers "$callers" --phases examples,coverage,fuzzing
# A stream of events has no end by itself.
compare operators "$operators" --header "Authorization: Bearer $(cat "$logs/data/admin.token")" --exclude-path /v1/events
