#!/bin/sh
# Write the reference pages of all values from the comments in each values.yaml: README.md of each subchart, and
# docs/reference/values.md of the parent. `make fix` calls it; a test compares.  sh ci/chart/docs.sh [ROOT]
set -eu
cd "${1:-$(dirname "$0")/../..}"
docs=$(sh ci/chart/tools.sh path helm-docs)
template=$PWD/ci/chart/README.md.gotmpl
quietly() { "$docs" --log-level=warning --sort-values-order=file --template-files="$template" "$@"; }
quietly --chart-search-root=charts
mkdir -p docs/reference
quietly --chart-search-root=. --chart-to-generate=. --output-file=docs/reference/values.md
