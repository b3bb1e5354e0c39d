#!/usr/bin/env bash
# Runs the tests against an API server for each line of versions.txt, and prints a table of the results. Arguments are
# filters of the tests.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
results=$(mktemp)
trap 'rm -f "$results"' EXIT
failed=0
while read -r kubernetes kubectl _; do
    KUBERNETES=$kubernetes KUBECTL=$kubectl BOUNDTOKEN_RESULTS=$results \
        ${CARGO:-cargo} test --locked --test cluster -- "$@" </dev/null || failed=1
done < <(sed -n '/^[0-9]/p' tests/cluster/versions.txt)
printf '\n%-12s %-10s %s\n' KUBERNETES KUBECTL RESULT
cat "$results"
exit $failed
