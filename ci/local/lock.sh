#!/bin/sh
# Resolve anew and write the hash locks: by hash, without addresses (docs/decisions/0005-lock-by-hash.md).
set -eu
cd "$(dirname "$0")/../.."
compile() { .venv/bin/uv --quiet pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate "$@"; }
# the image serves the bridge too
compile pyproject.toml --extra kafka -o requirements.lock
compile pyproject.toml --all-extras -o requirements-dev.lock
compile ci/local/requirements-setup.in -o ci/local/requirements-setup.lock
