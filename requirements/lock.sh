#!/usr/bin/env bash
# Pins every dependency with its hashes. The files name no host, so that any index or mirror serves them.
set -euo pipefail
cd "$(dirname "$0")/.."

pin() { # OUTPUT SOURCE...
  local output=$1
  shift
  uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
    --no-emit-index-url --custom-compile-command "make lock" --output-file "$output" "$@"
}

pin requirements/pip.txt - <<<"pip"
pin requirements/build.txt - <<<"scikit-build-core[pyproject]"
pin requirements/run.txt pyproject.toml requirements/backend.in
pin requirements/dev.txt --group dev -c requirements/run.txt
