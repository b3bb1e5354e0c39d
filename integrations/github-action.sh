#!/usr/bin/env bash
# The step of action.yml: previews manifests, with annotations in the log, a summary of the step, outputs, and SARIF.
# The inputs are INPUT_PATHS, INPUT_FAIL_ON, INPUT_SARIF, INPUT_VERSION, INPUT_SHA256 and INPUT_DOWNLOAD_URL.
# Exit codes: those of `boundtoken preview`, and 2 if the program cannot be had.
set -euo pipefail

fail() {
    echo "::error title=boundtoken::$1"
    exit 2
}

# Downloads a release for this machine into a directory, and compares it with its checksum.
download() {
    local version=$1 directory=$2 architecture archive
    [ "$(uname -s)" = Linux ] || fail "releases are for Linux; install boundtoken, and set version: installed"
    case $(uname -m) in
        x86_64) architecture=amd64 ;;
        aarch64) architecture=arm64 ;;
        *) fail "there is no release for $(uname -m); install boundtoken, and set version: installed" ;;
    esac
    archive=boundtoken-$version-linux-$architecture
    local url=${INPUT_DOWNLOAD_URL:-https://github.com/$ACTION_REPOSITORY/releases/download}/v$version
    local file
    for file in "$archive.tar.gz" SHA256SUMS; do
        curl --silent --show-error --fail --location --retry 3 --output "$directory/$file" "$url/$file" ||
            fail "failed to download $url/$file"
    done
    (cd "$directory" && grep " [ *]$archive\.tar\.gz\$" SHA256SUMS | sha256sum --check --status) ||
        fail "the checksum of $archive.tar.gz differs from SHA256SUMS of the release"
    [ -z "$INPUT_SHA256" ] || (cd "$directory" && sha256sum --check --status <<<"$INPUT_SHA256  $archive.tar.gz") ||
        fail "the checksum of $archive.tar.gz differs from the input sha256"
    tar --extract --gzip --file "$directory/$archive.tar.gz" --directory "$directory"
    program=$directory/$archive/boundtoken
}

preview() {
    "$program" preview --recursive "${paths[@]}" "$@"
}

# The counter of a result in the findings, such as "changed":3. In texts, quotes are escaped.
count() {
    grep -o "\"$1\":[0-9]*" <<<"$findings" | head -n 1 | cut -d : -f 2
}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
if [ "$INPUT_VERSION" = installed ]; then
    program=$(command -v boundtoken) || fail "boundtoken is not on the PATH"
else
    # The version of the action is a release of the same repository.
    download "${INPUT_VERSION:-$("$GITHUB_ACTION_PATH/release/version.sh")}" "$scratch"
fi
paths=()
while IFS= read -r path; do
    [ -z "$path" ] || paths+=("--filename=$path")
done <<<"$INPUT_PATHS"

# Everything that can fail is reported by the first call.
code=0
preview --output github --fail-on "$INPUT_FAIL_ON" || code=$?
[ $code -le 1 ] || exit $code

findings=$(preview --output findings --fail-on never 2>/dev/null)
for result in changed unchanged refused; do
    echo "$result=$(count "$result")"
done >>"$GITHUB_OUTPUT"
if [ -n "$INPUT_SARIF" ]; then
    mkdir -p "$(dirname -- "$INPUT_SARIF")"
    preview --output sarif --fail-on never >"$INPUT_SARIF" 2>/dev/null
    echo "sarif=$INPUT_SARIF" >>"$GITHUB_OUTPUT"
fi
# Indented, and so shown as it is whatever the names of objects contain.
{
    printf '### boundtoken preview\n\n'
    { preview --quiet --output summary --fail-on never 2>"$scratch/findings" && cat "$scratch/findings"; } |
        sed 's/^/    /'
} >>"$GITHUB_STEP_SUMMARY"
exit $code
