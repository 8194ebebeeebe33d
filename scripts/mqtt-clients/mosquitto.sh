# The hub's MQTT as Mosquitto's clients see it, in both versions. To be sourced by scripts/mqtt-clients.sh, which has started a hub; prints
# a line for each case.
#
# mosquitto_sub and mosquitto_pub are one device here: the second takes the first one's place. Who wants to publish and to hear the
# acknowledgement over one connection takes mosquitto_rr.

# No step waits longer.
readonly step_seconds=10
items=0

# mosquitto PROGRAM ARGUMENTS…: as the device of the cases, with its credential.
mosquitto() {
    LD_LIBRARY_PATH=$mosquitto_libraries timeout "$step_seconds" "$mosquitto_programs/mosquitto_$1" -V "$version" \
        -h 127.0.0.1 -p "$mqtt_port" -i "$client_id" -u "$user_name" -P "$password" ${ca:+--cafile "$ca"} "${@:2}"
}

# expects STATUS TEXT COMMAND…: how the command ends, and what stands in what it says.
expects() {
    local status=0
    "${@:3}" >"$logs/answer" 2>&1 || status=$?
    if [[ ! $status =~ ^($1)$ ]] || { [[ -n $2 ]] && ! grep -q -i -e "$2" "$logs/answer"; }; then
        echo "mosquitto ${version#mqttv}: ${case//_/ }: no" >&2
        echo "$status in place of $1, or no '$2' in:" >&2
        cat "$logs/answer" >&2
        return 1
    fi
}

# lacks TEXT: what does not stand in what the last command said.
lacks() {
    if grep -q -e "$1" "$logs/answer"; then
        echo "mosquitto ${version#mqttv}: ${case//_/ }: no, there is '$1' in:" >&2
        cat "$logs/answer" >&2
        return 1
    fi
}

# api PATH [CURL ARGUMENTS…]: what the device asks over HTTP.
api() { curl --silent --show-error --max-time 10 -H "Authorization: Bearer $token" "$hub/iot/v1/$1" "${@:2}"; }

# text NAME: that member of the JSON on standard input, the first there is.
text() { grep -o "\"$1\":\"[^\"]*\"" | sed -n '1s/^[^:]*:"\(.*\)"$/\1/p'; }

# item VALUE [MORE]: an item under a new message id, which is left in `message`.
item() {
    items=$((items + 1)) message=mosquitto-$version-$items
    payload="{\"message_id\":\"$message\",\"value\":\"$1\",\"value_received_at\":\"$(date -u +%FT%TZ)\"${2:-}}"
}

# tells STATUS TEXT: publishes the payload as a reading and waits for the acknowledgement.
tells() {
    expects 0 "\"status\":\"$1\"" mosquitto rr -q 1 -t "$readings" -e "$acks" -m "$payload"
    grep -q -- "$2" "$logs/answer" || { cat "$logs/answer" >&2; return 1; }
}

# wished VALUE [CURL ARGUMENTS…]: a caller wants the fan to be that.
wished() {
    curl --silent --show-error --max-time 15 "$hub/$device/iot/v1/desired" \
        -d "{\"command_id\":\"$fan\",\"value\":\"$1\"}" "${@:2}"
}

who_has_another_tuple_is_not_in() {
    local reason='not authori[sz]ed\|bad user name or password'
    password=wrong expects "$refused" "$reason" mosquitto pub -t "$readings" -m x
    password=$token expects "$refused" "$reason" mosquitto pub -t "$readings" -m x
    user_name=$foreign expects "$refused" "$reason" mosquitto pub -t "$readings" -m x
    client_id=$foreign expects "$refused" "$reason" mosquitto pub -t "$readings" -m x
}

an_item_is_created_and_then_replayed() {
    item 20.5
    tells created "\"message_id\":\"$message\""
    tells replayed "\"message_id\":\"$message\""
    payload=${payload/20.5/21.5}
    tells rejected '"type":"message_conflict"'
    payload='{"value":"1"}'
    tells rejected '"type":"validation_failed"'
    payload='{'
    tells rejected '"message_id":null'
}

only_topics_of_the_catalog_can_be_subscribed_to() {
    local topic
    expects 0 "Subscribed (mid: 1): 1" mosquitto sub -d -E -q 1 -t "$acks"
    expects 0 "Subscribed (mid: 1): 1, 1" mosquitto sub -d -E -q 2 -t "$acks" -t "$wishes"
    for topic in '#' "iot/v1/devices/$device/#" "${acks/$device/$foreign}" '$share/all/'"$acks"; do
        expects 0 "Subscribed (mid: 1): $suback_refused" mosquitto sub -d -E -q 1 -t "$topic"
    done
}

what_is_published_elsewhere_is_refused() {
    item 66
    if [[ $version == mqttv5 ]]; then
        expects 0 "RC:135" mosquitto pub -d -q 1 -t "${readings/$device/$foreign}" -m "$payload"
    else
        expects 7 "PUBLISH" mosquitto pub -d -q 1 -t "${readings/$device/$foreign}" -m "$payload"
        lacks PUBACK
    fi
}

an_acknowledgement_waits_for_who_comes_back() {
    local kept=(-c -q 1)
    [[ $version != mqttv5 ]] || kept+=(-x 60)
    expects 0 "" mosquitto sub "${kept[@]}" -E -t "$acks"
    item 22
    expects 0 "PUBACK" mosquitto pub -d "${kept[@]}" -t "$readings" -m "$payload"
    expects 0 "\"message_id\":\"$message\".*\"status\":\"created\"" mosquitto sub "${kept[@]}" -C 1 -t "$acks"
    # Who begins anew finds nothing.
    expects 27 "" mosquitto sub -q 1 -W 1 -C 1 -t "$acks"
}

a_wish_is_pushed_and_answered() {
    wished 1 -H 'Prefer: wait=10' >"$logs/outcome" &
    local caller=$! desired
    expects 0 '"value":"1"' mosquitto sub -q 1 -C 1 -t "$wishes"
    desired=$(text desired_id <"$logs/answer")
    item 1 ",\"desired_id\":\"$desired\",\"report_status\":\"applied\""
    readings=${wishes%desired}feed-data tells created "\"command_id\":\"$fan\""
    wait "$caller"
    expects 0 '"status":"applied"' cat "$logs/outcome"
}

what_the_hub_does_not_serve_is_refused() {
    item 77
    if [[ $version == mqttv5 ]]; then
        # CONNACK says what there is, and this client keeps to it.
        expects 0 "QoS not supported on broker" mosquitto pub -d -q 2 -t "$readings" -m "$payload"
        lacks PUBLISH
        expects 0 "PUBLISH (d0, q1, r0," mosquitto pub -d -r -q 1 -t "$readings" -m "$payload"
        tells replayed "\"message_id\":\"$message\""
    else
        expects 7 PUBLISH mosquitto pub -d -q 2 -t "$readings" -m "$payload"
        lacks PUBREC
        expects 0 PUBACK mosquitto pub -d -r -q 1 -t "$readings" -m "$payload"
        # Neither has left anything behind.
        tells created "\"message_id\":\"$message\""
    fi
}

# cases DEVICE: all of them for that device of the catalog, in both versions.
mosquitto_cases() {
    local case acks readings wishes fan token password client_id user_name device=$1 payload message
    local version mqtt_port=${mqtt##*:} suback_refused refused
    local cases=(
        an_item_is_created_and_then_replayed
        only_topics_of_the_catalog_can_be_subscribed_to
        what_is_published_elsewhere_is_refused
        an_acknowledgement_waits_for_who_comes_back
        a_wish_is_pushed_and_answered
        what_the_hub_does_not_serve_is_refused
        # Last: who guesses is made to wait.
        who_has_another_tuple_is_not_in
    )
    [[ -z $ca ]] || cases=(an_item_is_created_and_then_replayed a_wish_is_pushed_and_answered)
    token=$(curl --silent -u "$device:$(secret "$device")" -d grant_type=client_credentials \
        -d "scope=iot:catalog:read iot:mqtt:connect iot:mqtt:ack:read iot:mqtt:feed-data:write iot:mqtt:desired:read" \
        "$hub/oauth/token" | text access_token)
    api "devices/$device/mqtt" >"$logs/catalog"
    acks=$(text feed_data_ack_topic <"$logs/catalog") wishes=$(text desired_topic <"$logs/catalog")
    readings=$(tr '{' '\n' <"$logs/catalog" | grep '"sensor"' | text feed_data_topic)
    fan=$(text command_id <"$logs/catalog")
    password=$(api mqtt-credentials -H 'Content-Type: application/json' -d '{}' | text mqtt_credential)
    client_id=$device user_name=$device
    for version in mqttv311 mqttv5; do
        suback_refused=128 refused='4|5'
        [[ $version != mqttv5 ]] || suback_refused=135 refused='134|135'
        for case in "${cases[@]}"; do
            "$case"
            echo "mosquitto ${version#mqttv}${ca:+ over TLS}: ${case//_/ }"
        done
    done
}
