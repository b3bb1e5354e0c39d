#!/usr/bin/env bash
# make demo: requests that a real API server sent, answered by `boundtoken serve` on loopback.
# Needs Rust, a C compiler and curl, which `make demo` installs, and no cluster. Fails if an answer is not the expected one.
set -euo pipefail
cd "$(dirname "$0")/.."

bold='' off='' colour=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ] && [ "${TERM:-dumb}" != dumb ]; then
    bold=$(printf '\033[1m') off=$(printf '\033[0m')
    colour=1
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

# On a terminal cargo shows its progress.
echo "Building boundtoken (a debug build; the first one takes some minutes) …" >&2
cargo build --locked --bin boundtoken --example show
programs=${CARGO_TARGET_DIR:-target}/debug
show=$programs/examples/show

start() {
    NO_COLOR=1 "$programs/boundtoken" serve --namespaces demo/namespaces.yaml --tls-dir "$work/tls" \
        --listen 127.0.0.1:0 --admin-listen 127.0.0.1:0 --shutdown-delay 0 >"$work/log" 2>&1 &
    server=$!
}

# ask TITLE REVIEW [SED-EXPRESSION]: sends the review, edited, and shows the answer.
ask() {
    heading "$1"
    sed -e "${3:-}" "tests/reviews/$2.json" >"$work/review.json"
    curl --silent --show-error --fail --max-time 10 --cacert "$work/tls/ca.crt" \
        --header 'Content-Type: application/json' --data-binary "@$work/review.json" \
        --output "$work/answer.json" "$url/mutate" || fail "no answer"
    CLICOLOR_FORCE=$colour "$show" "$work/review.json" "$work/answer.json" >"$work/shown" || fail "the answer is not a valid AdmissionReview"
    cat "$work/shown"
}
expect() { grep -qE -- "$1" "$work/shown" || fail "expected to see: $1"; }

# The address of a listener, from the log line with listen=ADDRESS and admin_listen=ADDRESS.
address() { sed -n "s/.*[^_a-z]$1[\"=:]*\([0-9.]*:[0-9]*\).*/\1/p" "$work/log" | head -1; }

# Waits until the server is ready: at most 10 s, and only while it runs.
wait_until_ready() {
    local tries=0
    until admin=$(address admin_listen) && [ -n "$admin" ] &&
        curl --silent --fail --output /dev/null --max-time 1 "http://$admin/readyz"; do
        kill -0 "$server" 2>/dev/null || fail "the server ended"
        tries=$((tries + 1))
        [ "$tries" -lt 100 ] || fail "the server is not ready"
        sleep 0.1
    done
    url="https://$(address listen)"
}

start
wait_until_ready
echo "boundtoken listens on $url; the requests were recorded from kube-apiserver v1.37.2."

ask "1. Namespace shop has the label and no annotations. Pod plain has no settings." pod-plain
expect '-.*expirationSeconds: 3607'
expect '\+.*expirationSeconds: 3600'
echo "${bold}=> The token is valid for one hour instead of up to one year (3607 means 31 536 000 s).$off"

ask "2. Pod many has annotations: audience vault, ttl 7200." pod-many
expect '\+.*audience: vault'
expect '\+.*expirationSeconds: 7200'
expect 'Warning:.* boundtoken.dev/audience'

ask "3. Namespace frontend sets mode disable. The Pod asks for a token." pod-asked-for \
    's/"namespace":"shop"/"namespace":"frontend"/g'
expect 'automountServiceAccountToken: false'
expect '-.*mountPath: /var/run/secrets/kubernetes.io/serviceaccount'
expect 'Warning:'

ask "4. Namespace bank allows only the audience payments and at most one hour. Pod many again." pod-many \
    's/"namespace":"shop"/"namespace":"bank"/g'
expect 'Forbidden.*boundtoken.dev/allowed-audiences'
expect 'boundtoken.dev/max-ttl'

ask "5. Pod many in shop, with two mistakes in its annotations." pod-many \
    's|"boundtoken.dev/mode":"replace"|"boundtoken.dev/mode":"replase"|; s|"boundtoken.dev/ttl":"7200"|"boundtoken.dev/ttl":"5m"|'
expect 'boundtoken.dev/mode.*did you mean "replace"'
expect 'boundtoken.dev/ttl.*BT[0-9]+'

heading "All five answers are as expected. Next, try your own manifests, without a cluster:"
echo "  $programs/boundtoken preview -f FILE"
