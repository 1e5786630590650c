#!/bin/sh
# Resolve anew and write the hash locks: by hash, without addresses (docs/decisions/0005-lock-by-hash.md).
set -eu
cd "$(dirname "$0")/../.."
compile() { .venv/bin/uv --quiet pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate "$@"; }
# the image serves the bridge too
compile pyproject.toml --extra kafka -o requirements.lock
compile pyproject.toml --all-extras -o requirements-dev.lock
compile ci/local/requirements-setup.in -o ci/local/requirements-setup.lock
# model servers and their load engine, each in an environment of its own
compile ci/models/vllm.in --overrides ci/models/vllm-overrides.txt -o ci/models/vllm.lock
compile ci/models/vllm-gpu.in -o ci/models/vllm-gpu.lock
compile ci/models/guidellm.in -o ci/models/guidellm.lock
compile ci/airflow/requirements.in -o ci/airflow/requirements.lock
compile ci/cluster/airflow.in -o ci/cluster/airflow.lock
