#!/bin/sh
# After a release: keep its archive as the one that the next release must upgrade from (tests/chart/test_upgrade.py),
# and the scenarios as it knew them: the next release's may set values that it refuses.
set -eu
cd "$(dirname "$0")/../.."
archive=$(ls dist/*.tgz) || { echo "keep_release: dist/ holds no archive; run make package" >&2; exit 1; }
rm -f tests/chart/previous/*
cp "$archive" ci/all-on-values.yaml ci/all-off-values.yaml tests/chart/previous/
