#!/usr/bin/env bash
# Compares every version in the repository with that of Cargo.toml (`make release-check`): prints each as FILE:LINE, and
# fails if one differs or is missing. With TAG=v0.1.0 the tag is compared as well, and nothing may be called unreleased.
set -euo pipefail
cd "$(dirname "$0")/.."

semver='[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]*[0-9A-Za-z])?'
failed=

complain() {
    echo "$1" >&2
    failed=1
}

# compare PLACE VERSION
compare() {
    printf '%-60s %s\n' "$1" "$2"
    [ "$2" = "$version" ] || complain "$1: $2 must be $version, the version of Cargo.toml"
}

# optional BEFORE FILE...: compares the versions after a regular expression without groups.
optional() {
    local before=$1 file line match
    shift
    while IFS=: read -r file line match; do
        compare "$file:$line" "$(sed -E "s|^$before($semver)\$|\1|" <<<"$match")"
    done < <(grep -noHE "$before$semver" "$@" || true)
}

# required BEFORE FILE: likewise, at least one.
required() {
    grep -qE "$1$semver" "$2" || complain "$2: no version after \"$1\""
    optional "$1" "$2"
}

# The versions of both crates in a lock file, which are on the lines after their names.
locked() {
    local crate line
    for crate in boundtoken boundtoken-core; do
        line=$(grep -n -A1 "^name = \"$crate\"\$" "$1" | sed -n 's/^\([0-9]*\)-version = "\(.*\)"$/\1 \2/p')
        compare "$1:${line% *}" "${line#* }"
    done
}

version=$(release/version.sh)
required '^version = "' Cargo.toml
required '^boundtoken-core = \{ path = "src/core", version = "' Cargo.toml
locked Cargo.lock
locked fuzz/Cargo.lock
required '^version: ' charts/boundtoken/Chart.yaml
required '^appVersion: ' charts/boundtoken/Chart.yaml
required 'newTag: ' manifests/base/kustomization.yaml
required 'image: boundtoken:' manifests/install.yaml
required 'such as ' action.yml
required 'boundtoken:' docs/roll-out/install.md
required 'newTag: ' docs/roll-out/install.md
required 'boundtoken@v' docs/roll-out/pipeline.md
required 'rev: v' docs/roll-out/pipeline.md
required 'the image has the version of this command \(' docs/operate/check.md
required 'one of `' docs/reference/metrics.md
required 'new: version ' docs/explain/comparison.md
mapfile -t pages < <(find README.md charts docs examples manifests -type f ! -path docs/roll-out/install.md \
    ! -path manifests/install.yaml | LC_ALL=C sort)
optional 'boundtoken:' "${pages[@]}"

# The newest section of the changelog.
line=$(grep -nE -m1 "^## \[$semver\]" CHANGELOG.md || true)
compare "CHANGELOG.md:${line%%:*}" "$(sed -E 's/^[^[]*\[([^]]*)\].*/\1/' <<<"$line")"

if [ -n "${TAG:-}" ]; then
    compare "TAG=$TAG" "${TAG#v}"
    [ "$TAG" != "${TAG#v}" ] || complain "TAG=$TAG must begin with v"
    while IFS=: read -r file line text; do
        complain "$file:$line: says at $TAG: $text"
    done < <(grep -rniHE 'not (yet )?released( yet)?|no released image yet|not there yet|does not exist yet|OWNER/' \
        README.md CHANGELOG.md docs)
    grep -q '^repository = ' Cargo.toml || complain "Cargo.toml: no repository, to which findings link"
fi
[ -z "$failed" ] || exit 1
echo "all versions are $version"
