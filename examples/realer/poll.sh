#!/bin/sh
# A control device that wakes, exchanges and sleeps, over HTTPS: a relay and a thermistor, in shell (docs/realer.md).
#
#   CLIENT_ID=cdv_… CLIENT_SECRET=… [HUB=https://hub.example:17917] [STATE=folder] [CURL_CA_BUNDLE=ca.pem] poll.sh [CYCLES]
#
# Needs a POSIX shell and curl, grep (with -o), sed, find, wc, sort, tr, od, date (with +%s): busybox has them all but curl. No jq: the hub writes JSON
# without blanks, and what is read here are plain strings and numbers. It prints what it does, a line for each thing.
#
# Without CYCLES it runs for ever. What must not be forgotten is in STATE: items that the hub does not have yet, the last report of each
# command, and the relay itself (a file, here).
set -eu

: "${CLIENT_ID:?the device, cdv_...}" "${CLIENT_SECRET:?its secret}"
hub=${HUB:-https://localhost:17917}
state=${STATE:-greenhouse-state}
cycles=${1:-0}
mkdir -p "$state/queue" "$state/handled"
[ -f "$state/relay" ] || echo 0.0 >"$state/relay"

token='' renew_at=0 revisions='' wait=5 failures=0
# Names this run, so that no message id is made twice, also after a crash, and where the clock begins anew with each start.
run=$(date +%s)-$(od -An -N4 -tx4 /dev/urandom | tr -d ' ') number=0

now() { date -u +%Y-%m-%dT%H:%M:%SZ; }

# text NAME, number NAME: that member of the JSON on standard input, the first there is; nothing if there is none, or it is null.
text() { grep -o "\"$1\":\"[^\"]*\"" | sed -n '1s/^[^:]*:"\(.*\)"$/\1/p'; }
number() { grep -o "\"$1\":[0-9]*" | sed -n '1s/^[^:]*://p'; }

# ask PATH [BODY]: GET, or POST with a body; sets `answer` and `code`. The token is no argument of curl, where everybody could see it.
ask() {
    rm -f "$state/head"
    answer=$(printf 'header = "Authorization: Bearer %s"\n' "$token" |
        curl --silent --show-error --connect-timeout 10 --max-time 30 --dump-header "$state/head" --config - \
            ${2:+--header 'Content-Type: application/json' --data "$2"} "$hub/iot/v1/devices/$CLIENT_ID/$1") || answer=''
    code=$(printf %s "$answer" | number code)
    # Firmware branches on the code; no answer is as good as a failure of the hub.
    code=${code:-5000}
}

# fetch_token: 1. OAuth client credentials.
fetch_token() {
    [ "$(date +%s)" -ge "$renew_at" ] || return 0
    rm -f "$state/head"
    answer=$(printf 'user = "%s:%s"\n' "$CLIENT_ID" "$CLIENT_SECRET" |
        curl --silent --show-error --connect-timeout 10 --max-time 30 --dump-header "$state/head" --config - \
            --data grant_type=client_credentials "$hub/oauth/token") || answer=''
    token=$(printf %s "$answer" | text access_token)
    if [ -z "$token" ]; then
        echo "no token: $answer"
        return 1
    fi
    renew_at=$(($(date +%s) + $(printf %s "$answer" | number renew_after)))
    echo "token, to be renewed in $((renew_at - $(date +%s))) s"
}

# fetch_bootstrap: 2. What this device is: again when a revision has changed.
fetch_bootstrap() {
    [ -z "$revisions" ] || return 0
    ask bootstrap
    [ "$code" = 2000 ] || return 1
    revisions="$(printf %s "$answer" | text catalog_revision) $(printf %s "$answer" | text runtime_revision)"
    # One object per line: that of the relay on pin 6, that of the thermistor on pin 5.
    relay=$(printf %s "$answer" | tr '{' '\n' | grep '"kind":"relay".*"pin_port":"6"' | text id)
    thermistor=$(printf %s "$answer" | tr '{' '\n' | grep '"kind":"thermistor".*"pin_port":"5"' | text id)
    # The longest of the three, so that one rhythm suits all.
    wait=$(printf %s "$answer" | grep -o '"minimum_interval":[0-9]*' | sed 's/^.*://' | sort -n | sed -n '$p')
    echo "bootstrap $revisions: relay $relay, thermistor $thermistor, every $wait s"
}

# queue SOURCE ID VALUE [MORE]: an item waits in a file of its own, under a message id that it keeps until the hub has it. When too
# many wait, the oldest reading goes, never an answer.
queue() {
    if [ "$(find "$state/queue" -name '*.json' | wc -l)" -ge 1000 ]; then
        oldest=$(grep -l '"sensor_id"' "$state"/queue/*.json | sed -n 1p)
        rm -f "$oldest"
    fi
    number=$((number + 1))
    printf '{"%s":"%s","message_id":"%s-%s","value":"%s","value_received_at":"%s"%s}\n' \
        "$1" "$2" "$run" "$number" "$3" "$(now)" "${4:-}" >"$state/queue/new"
    mv "$state/queue/new" "$state/queue/$run-$(printf %06d "$number").json"
}

# report DESIRED STATUS: the answer to a desired state; remembered before it is sent.
report() {
    sequence=$(printf %s "$1" | number sequence_number)
    queue command_id "$relay" "$(cat "$state/relay")" \
        ",\"desired_id\":\"$(printf %s "$1" | text desired_id)\",\"report_status\":\"$2\",\"sequence_number\":$sequence"
    item=$state/queue/$run-$(printf %06d "$number").json
    # A stale one does not take the place of the newer one's.
    [ "$sequence" -lt "$(highest "$context")" ] || cp "$item" "$state/handled/$context"
    echo "$2 $sequence: the relay is $(cat "$state/relay")"
}

highest() { if [ -f "$state/handled/$1" ]; then number sequence_number <"$state/handled/$1"; else echo 0; fi; }

is_over() { [ -n "$1" ] && [ "$(printf '%s\n%s\n' "$1" "$(now)" | LC_ALL=C sort | sed -n 1p)" = "$1" ]; }

# act DESIRED: 3. Contract §9.3, in its order.
act() {
    command=$(printf %s "$1" | text command_id) desired=$(printf %s "$1" | text desired_id)
    sequence=$(printf %s "$1" | number sequence_number) value=$(printf %s "$1" | text value)
    context=$command.$(printf %s "$1" | text resource_id)
    if [ "$command" != "$relay" ]; then
        revisions=''
    elif [ -f "$state/handled/$context" ] && [ "$(text desired_id <"$state/handled/$context")" = "$desired" ]; then
        cp "$state/handled/$context" "$state/queue/$run-again-$context.json"
    elif [ "$sequence" -lt "$(highest "$context")" ] || is_over "$(printf %s "$1" | text expires_at)"; then
        report "$1" stale
    else
        case $value in
        0 | 0.0 | 1 | 1.0)
            echo "$value" >"$state/relay"
            report "$1" applied
            ;;
        # This relay is on or off.
        *) report "$1" rejected ;;
        esac
    fi
}

fetch_desired_states() {
    ask desired-states
    [ "$code" = 2000 ] || return 1
    told="$(printf %s "$answer" | text catalog_revision) $(printf %s "$answer" | text runtime_revision)"
    [ "$told" = "$revisions" ] || revisions=''
    printf %s "$answer" | tr '{' '\n' | grep '"desired_id"' >"$state/open" || return 0
    while IFS= read -r desired; do act "$desired"; done <"$state/open"
}

# send: 5. and 6. Oldest first, one at a time; what the hub has, or will never take, waits no longer.
send() {
    for item in "$state"/queue/*.json; do
        [ -f "$item" ] || return 0
        ask feed-data "$(cat "$item")"
        case $code in
        2*)
            failures=0
            echo "$(printf %s "$answer" | text status) $(printf %s "$answer" | text message_id)"
            ;;
        4001 | 4002 | 4003 | 4029 | 5*) return 1 ;;
        *) echo "dropped: $answer" ;;
        esac
        rm "$item"
        [ "$wait" = 0 ] || sleep "$wait"
    done
}

# How long to sleep after a failure: contract §11.
pause() {
    failures=$((failures < 8 ? failures + 1 : 8))
    # Anything from nothing to a ceiling that doubles, so that a thousand devices do not come back at once.
    seconds=$(($(od -An -N2 -tu2 /dev/urandom) % (1 << failures)))
    case $code in
    4001) token='' renew_at=0 ;;
    4002) seconds=3600 ;;
    # The shortest interval and more each time: the cycle of who is too fast gets longer.
    4029) seconds=$((wait + seconds)) ;;
    esac
    retry=$(tr -d '\r' 2>/dev/null <"$state/head" | sed -n 's/^[Rr]etry-[Aa]fter: \([0-9]*\)$/\1/p') || retry=''
    [ "${retry:-0}" -le "$seconds" ] || seconds=$retry
    echo "no luck ($code), again in $seconds s: $answer"
    sleep "$seconds"
}

done=0
while [ "$cycles" = 0 ] || [ "$done" -lt "$cycles" ]; do
    # 4. A reading; a real device asks its thermistor.
    code=5000
    if fetch_token && fetch_bootstrap && fetch_desired_states && { queue sensor_id "$thermistor" 21.5 && send; }; then
        failures=0 done=$((done + 1))
        # 9. Not sooner than the minimum; the expected interval would do.
        sleep "$wait"
    else
        pause
    fi
done
