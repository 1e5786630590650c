#!/bin/sh
# Everything that must hold of the chart, offline once the tools are built (`make chart-test`). All gates run, so that
# one look shows all that is wrong; any failure makes the end non-zero.
set -u
cd "$(dirname "$0")/../.."

sh ci/chart/tools.sh || exit 1
tool() { sh ci/chart/tools.sh path "$1"; }
PATH=$(tool python):$(dirname "$(tool helm)"):$PATH
HELM_CACHE_HOME=$(mktemp -d)
trap 'rm -rf "$HELM_CACHE_HOME"' EXIT
export PATH HELM_CACHE_HOME KUBECONFIG=/dev/null
charts=$(printf '%s ' charts/*/ | tr -d '\n')
failed=

gate() { # name, command...
  name=$1 begun=$(date +%s)
  shift
  if said=$("$@" 2>&1); then state=ok; else state=FAILED failed="$failed $name;"; fi
  [ "$state" = ok ] && said=$(echo "$said" | grep -E '^(Tests|Charts|=+ .*passed|[0-9]+ passed)' | tail -n 1)
  [ -z "$said" ] || echo "$said"
  echo "$state: $name ($(($(date +%s) - begun)) s)"
}

yaml_style() { yamllint --strict --config-file ci/chart/lintconf.yaml values values.yaml ci/*-values.yaml charts/*/values.yaml .github; }
ct_lint() { "$(tool ct)" lint --config ci/chart/ct.yaml --charts ".,$(echo "$charts" | sed 's|/ |,|g; s|,$||')"; }
unit_tests() { "$(tool helm-unittest)" --strict --file 'tests/*_test.yaml' $charts; }
umbrella_tests() { "$(tool helm-unittest)" --strict --with-subchart=false --file 'tests/chart/unit/*_test.yaml' .; }
whole_chart() { .venv/bin/python -m pytest tests/chart -q -n "${UNIT_WORKERS:-2}"; }

gate "YAML style" yaml_style
gate "ct lint, root and subcharts" ct_lint
gate "helm-unittest, subcharts" unit_tests
gate "helm-unittest, umbrella" umbrella_tests
gate "whole renders" whole_chart

[ -z "$failed" ] || { echo "chart gates:$failed see above"; exit 1; }
echo "chart gates: all passed"
