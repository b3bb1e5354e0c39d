#!/usr/bin/env bash
# The hook of .pre-commit-hooks.yaml: fails if boundtoken would refuse a manifest of the repository or warns about one.
# It reads all of them, since Namespaces have settings for Pods in other files. Arguments are those of
# `boundtoken preview`, such as: -f deploy --fail-on refused.
set -euo pipefail
if ! command -v boundtoken >/dev/null; then
    echo "boundtoken is not on the PATH: see docs/roll-out/install.md#install-the-command-line" >&2
    exit 2
fi
case " $* " in
    *" -f "* | *" -f="* | *" --filename"* | *" -k "* | *" --kustomize"*) ;;
    *) set -- --filename=. "$@" ;;
esac
export BOUNDTOKEN_FAIL_ON=${BOUNDTOKEN_FAIL_ON:-warning}
# Refusals and warnings are on stderr.
exec boundtoken preview --recursive --quiet --output summary "$@" >/dev/null
