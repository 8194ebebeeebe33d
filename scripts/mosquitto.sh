#!/usr/bin/env bash
# Puts the broker Mosquitto of Debian's packages into the target folder, for `fleet mqtt` to compare with; installs nothing.
#
# Where one is installed there is nothing to do. Where apt-get or its packages are not there it says so in one line and succeeds: the
# figures come without the comparison then.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

target=$("${CARGO:-cargo}" metadata --locked --no-deps --format-version 1 | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')
readonly folder=$target/mosquitto
# With the libraries that a small machine lacks; the others come with the system itself.
readonly packages=(mosquitto libdlt2 libwrap0 libnsl2 libtirpc3)

# runs: whether the fetched broker runs here.
runs() {
    local libraries
    libraries=$(printf '%s:' "$folder"/usr/lib/* "$folder"/lib/*)
    [[ $(LD_LIBRARY_PATH=$libraries "$folder/usr/sbin/mosquitto" -h 2>/dev/null) == "mosquitto version"* ]]
}

# fetch: false where the packages cannot be had.
fetch() {
    rm -rf "$folder" && mkdir -p "$folder" && cd "$folder" && apt-get download "${packages[@]}" >/dev/null 2>&1 || return 1
    for package in *.deb; do
        dpkg-deb --extract "$package" . && rm "$package" || return 1
    done
}

command -v mosquitto >/dev/null || [[ -x /usr/sbin/mosquitto ]] || runs || (fetch && runs) ||
    echo "Mosquitto is not installed and cannot be fetched with apt-get: nothing will be compared with it"
