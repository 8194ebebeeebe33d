# What the scripts here have in common: they start programs, look for what these say, and stop them. To be sourced; not a program.

readonly cargo=${CARGO:-cargo} start_seconds=20
# Nothing here leaves this machine.
export no_proxy=127.0.0.1 NO_PROXY=127.0.0.1

logs=$(mktemp -d)
pids=()

# However the script ends: stop what it started, by process id, and say what that said if something went wrong.
finish() {
    local status=$? what=${failure:-the demo failed}
    trap - EXIT
    local pid
    for pid in ${pids[@]+"${pids[@]}"}; do
        kill -TERM "$pid" 2>/dev/null || true
    done
    wait
    # Who interrupts it knows why.
    if [[ $status -ne 0 && $status -ne 130 && $status -ne 143 ]]; then
        printf '\n%s (%s)\n' "$what" "$status" >&2
        # Without words about folders that are there, too.
        tail -n 20 "$logs"/* >&2 2>/dev/null || true
    fi
    rm -rf "$logs"
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# build PACKAGE…: builds the dev profile: `make test` needs that too, and the first answer comes sooner. Sets `programs`, the folder
# with what came of it.
build() {
    local packages=("${@/#/--package=}") target
    say "Build (the first takes a few minutes)"
    show "$cargo" build --locked "${packages[@]}"
    "$cargo" build --locked --quiet "${packages[@]}"
    target=$("$cargo" metadata --locked --no-deps --format-version 1 |
        sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')
    programs=$target/debug
    echo "the programs are in $programs"
}

say() { printf '\n# %s\n' "$*"; }

show() { printf '$'; printf ' %s' "$@"; printf '\n'; }

# start NAME PROGRAM ARGUMENTS…: runs it in the background with its output in a file of that name.
start() {
    local name=$1
    shift
    show "$@"
    # There from the start, for whoever looks for lines in it.
    : >"$logs/$name"
    "$programs/$1" "${@:2}" >"$logs/$name" 2>"$logs/$name.err" &
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

# prints NAME EXPECTED: waits for that line in its output, and shows it.
prints() {
    local deadline=$((SECONDS + start_seconds))
    until grep -m 1 -F -x -- "$2" "$logs/$1"; do
        if ((SECONDS >= deadline)); then
            echo "no line '$2' from $1 within $start_seconds s" >&2
            return 1
        fi
        sleep 0.05
    done
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

