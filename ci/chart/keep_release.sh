#!/bin/sh
# After a release: keep its archive as the one that the next release must upgrade from (tests/chart/test_upgrade.py).
set -eu
cd "$(dirname "$0")/../.."
archive=$(ls dist/*.tgz) || { echo "keep_release: dist/ holds no archive; run make package" >&2; exit 1; }
rm -f tests/chart/previous/*.tgz
cp "$archive" tests/chart/previous/
