#!/bin/sh
# Fuzzes each target for FUZZ_SECONDS, with libFuzzer on stable Rust. The corpus and inputs that fail are kept in
# fuzz/corpus and fuzz/artifacts. `fuzz/run.sh watch` runs one target; further arguments are for libFuzzer, such as a file
# to repeat.
set -eu
cd "$(dirname "$0")"

seconds=${FUZZ_SECONDS:-60}
host=$(rustc -vV | sed -n 's/^host: //p')
targets=${1:-review annotations watch manifest audit_log}
[ $# -eq 0 ] || shift

# What cargo-fuzz passes, without a sanitizer, which needs nightly Rust: boundtoken has no unsafe code. With a target,
# cargo does not apply the flags to build scripts.
coverage='-Cpasses=sancov-module'
for option in level=4 inline-8bit-counters pc-table trace-compares; do
    coverage="$coverage -Cllvm-args=-sanitizer-coverage-$option"
done
RUSTFLAGS="$coverage" cargo build --release --target "$host"

# The files that the tests use are the first inputs.
seed() {
    case $1 in
    review) for file in ../tests/reviews/*.json; do printf a | cat - "$file" >"seed/review/$(basename "$file")"; done ;;
    annotations | watch) cp "seeds/$1"/* "seed/$1" ;;
    manifest) cp ../tests/manifests/*.yaml ../manifests/install.yaml "seed/$1" ;;
    audit_log) cp ../tests/audit-log/* "seed/$1" ;;
    esac
}

for target in $targets; do
    rm -rf "seed/$target"
    mkdir -p "corpus/$target" "artifacts/$target" "seed/$target"
    seed "$target"
    if [ $# -gt 0 ]; then set -- "$@"; else set -- "corpus/$target" "seed/$target"; fi
    echo "=== $target"
    "target/$host/release/$target" -max_total_time="$seconds" -timeout=10 -print_final_stats=1 \
        -artifact_prefix="artifacts/$target/" "$@"
    set --
done
