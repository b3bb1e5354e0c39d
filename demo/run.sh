#!/usr/bin/env bash
# make demo: requests that a real API server sent, answered by `boundtoken serve` on loopback.
# Needs Rust and curl, no cluster. Ends with an error if an answer is not what it should be.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v curl >/dev/null; then
    echo "make demo needs curl; install it (Debian: apt-get install curl) and try again" >&2
    exit 2
fi

bold='' off=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ] && [ "${TERM:-dumb}" != dumb ]; then
    bold=$(printf '\033[1m') off=$(printf '\033[0m')
    export CLICOLOR_FORCE=1
fi
heading() { printf '\n%s%s%s\n' "$bold" "$1" "$off"; }
fail() {
    echo "demo: $1" >&2
    [ ! -s "$work/log" ] || tail -20 "$work/log" >&2
    exit 1
}

work=$(mktemp -d)
server=
cleanup() {
    if [ -n "$server" ]; then kill "$server" 2>/dev/null && wait "$server" 2>/dev/null || true; fi
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

if [ ! -x target/debug/boundtoken ]; then
    echo "Building boundtoken (a debug build: about two minutes the first time)" >&2
fi
cargo build --locked --quiet --bin boundtoken --example show
show=target/debug/examples/show

start() {
    target/debug/boundtoken serve --namespaces demo/namespaces.yaml --tls-dir "$work/tls" \
        --listen 127.0.0.1:0 --admin-listen 127.0.0.1:0 2>"$work/log" >&2 &
    server=$!
}

# ask TITLE REVIEW [SED-EXPRESSION]: sends the review, edited, and shows the answer.
ask() {
    heading "$1"
    sed -e "${3:-}" "tests/reviews/$2.json" >"$work/review.json"
    curl --silent --show-error --fail --max-time 10 --cacert "$work/tls/ca.crt" \
        --header 'Content-Type: application/json' --data-binary "@$work/review.json" \
        --output "$work/answer.json" "$url/mutate" || fail "no answer"
    "$show" "$work/review.json" "$work/answer.json" >"$work/shown" || fail "the answer makes no sense"
    cat "$work/shown"
}
expect() { grep -qE -- "$1" "$work/shown" || fail "expected to see: $1"; }
