#!/usr/bin/env bash
# Builds the site into target/site (`make site`): the pages of the repository at their paths, so that their links hold.
# The table of contents is that of docs/README.md.
set -euo pipefail
cd "$(dirname "$0")/.."

# The version of mdBook on crates.io.
version=0.5.4
tools=${BOUNDTOKEN_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/boundtoken/tools}
site=${CARGO_TARGET_DIR:-target}/site

# mdBook with its search, which takes a minute or two to compile; its server is left out.
install_mdbook() {
    if [ "$("$tools/bin/mdbook" --version 2>/dev/null)" != "mdbook v$version" ]; then
        cargo install --locked --quiet --root "$tools" --no-default-features --features search "mdbook@$version"
    fi
}

# The sections and pages of docs/README.md, and the pages that are not below docs.
summary() {
    printf '# Summary\n\n[boundtoken](README.md)\n[Documentation](docs/README.md)\n'
    awk '
        /^## / { printf "\n# %s\n\n", substr($0, 4) }
        /^\|/ {
            while (match($0, /\[[^]]*\]\([^):#]*\.md\)/)) {
                link = substr($0, RSTART, RLENGTH)
                $0 = substr($0, RSTART + RLENGTH)
                sub(/\]\(/, "](docs/", link)
                sub(/docs\/\.\.\//, "", link)
                print "- " link
            }
        }
    ' docs/README.md
    cat <<'END'

# Project

- [Values of the Helm chart](charts/boundtoken/README.md)
- [Changelog](CHANGELOG.md)
- [Security](SECURITY.md)
- [Contributing](CONTRIBUTING.md)
- [Development](docs/development.md)
END
}

install_mdbook
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/src"
cp site/book.toml "$scratch"
cp -r --parents README.md CHANGELOG.md SECURITY.md CONTRIBUTING.md LICENSE docs examples charts/boundtoken/README.md \
    "$scratch/src"
# mdBook makes README.md the index of its directory, but leaves links to it as they are.
find "$scratch/src" -name '*.md' -exec sed -i 's|\(\](\([^)]*/\)\?\)README\.md|\1index.md|g' {} +
summary >"$scratch/src/SUMMARY.md"
mkdir -p "$site"
"$tools/bin/mdbook" build --dest-dir "$(realpath "$site")" "$scratch"
echo "$site/index.html"
