#!/usr/bin/env bash
# Pin every version with its hashes, for every platform and Python >= 3.11. Needs uv: pip install uv
set -euo pipefail
cd "$(dirname "$0")/.."
pin() { uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate "$@"; }
pin requirements/build.in --output-file requirements/build.txt
pin pyproject.toml --output-file requirements/runtime.txt
pin requirements/develop.in --output-file requirements/develop.txt
pin requirements/bench.in --output-file requirements/bench.txt
pin requirements/freqtrade.in --output-file requirements/freqtrade.txt
pin --no-deps requirements/mongod.in --output-file requirements/mongod.txt
