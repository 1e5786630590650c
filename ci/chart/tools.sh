#!/bin/sh
# The chart's tools at pinned versions, checked by hash, in the user's cache folder: building takes minutes once, then
# a checksum. Each has a folder in tools/ with its own go.mod and go.sum, because their dependencies disagree.
#   sh ci/chart/tools.sh              ready all of them
#   sh ci/chart/tools.sh path NAME    ready one and print where it is (a program, or a folder of schemas)
set -eu

here=$(cd "$(dirname "$0")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/workflow-orchestration/tools
# no C compiler is needed, and none makes a difference to what is built
export CGO_ENABLED=0 GOFLAGS="${GOFLAGS:-} -mod=readonly -trimpath"

# `sh ci/chart/tools.sh` readies all but the tools of a release, which take long and few need.
# name | what | package | linker flags (helm says its version from them, and ct reads it)
table() {
  cat <<'TABLE'
helm|program|helm.sh/helm/v4/cmd/helm|-X helm.sh/helm/v4/internal/version.version=v4.2.4
helm3|program|helm.sh/helm/v3/cmd/helm|-X helm.sh/helm/v3/internal/version.version=v3.21.4
ct|program|github.com/helm/chart-testing/v3/ct|
helm-unittest|program|github.com/helm-unittest/helm-unittest/cmd/helm-unittest|
helm-docs|program|github.com/norwoodj/helm-docs/cmd/helm-docs|
kubectl-validate|program|sigs.k8s.io/kubectl-validate|
cyclonus|program|github.com/mattfenwick/cyclonus/cmd/cyclonus|
actionlint|program|github.com/rhysd/actionlint/cmd/actionlint|
gitleaks|program|github.com/zricethezav/gitleaks/v8|
kubernetes-1.28|schemas|k8s.io/kubernetes|
kubernetes-1.34|schemas|k8s.io/kubernetes|
crds|schemas|github.com/external-secrets/external-secrets github.com/kedacore/keda/v2 github.com/prometheus-operator/prometheus-operator sigs.k8s.io/gateway-api|
python|python||
cosign|program|github.com/sigstore/cosign/v3/cmd/cosign|
syft|program|github.com/anchore/syft/cmd/syft|
TABLE
}

main() {
  case "${1:-}" in
    "") table | grep -vE '^(cosign|syft)\|' | while IFS='|' read -r name rest; do ready "$name" >/dev/null; done ;;
    path) ready "${2:?which tool? sh ci/chart/tools.sh path NAME}" ;;
    *) die "'$1' is not known: give nothing, or 'path NAME'" ;;
  esac
}

die() { echo "tools: $*" >&2; exit 1; }

ready() { # name -> its path on stdout; built first when the cache has none for this go.sum or lock
  row=$(table | grep "^$1|") || die "no tool is called '$1'; there are: $(table | cut -d'|' -f1 | xargs)"
  IFS='|' read -r name what package flags <<ROW
$row
ROW
  [ "$what" = program ] && recipe=$row || recipe=$(cat "$here/tools.sh")
  key=$({ echo "$recipe"; cat "$here/tools/$name/"*; } | checksum)
  path=$cache/$name-$key
  [ "$what" = program ] && path=$path/$name
  if [ ! -e "$path" ]; then
    begun=$(date +%s)
    echo "tools: $name is being readied" >&2
    "make_$what" "$path" >&2 || die "$name could not be readied; the lines above say why"
    echo "tools: $name is ready after $(($(date +%s) - begun)) s" >&2
  fi
  echo "$path"
}

checksum() { python3 -c 'import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest()[:16])'; }

need_go() {
  command -v go >/dev/null || die "Go is not installed; the chart's gates need Go 1.26 or newer"
  go version | grep -qE 'go1\.(2[6-9]|[3-9][0-9])' || die "$(go version) is too old; Go 1.26 or newer is needed"
}

# What is made is made beside its place and moved there whole: a stopped or second run never leaves half a tool.
make_program() {
  need_go
  mkdir -p "$(dirname "$1")"
  (cd "$here/tools/$name" && go build -ldflags "-s -w $flags" -o "$1.$$" "$package") && mv "$1.$$" "$1"
}

make_schemas() {
  need_go
  rm -rf "$1.$$" && mkdir -p "$1.$$"
  for module in $package; do
    version=$(awk -v module="$module" '$1 == module { print $2 } $2 == module { print $3 }' "$here/tools/$name/go.mod")
    source=$(cd "$here/tools/$name" && go mod download -json "$module@$version" | sed -n 's/.*"Dir": "\(.*\)",/\1/p')
    [ -d "$source" ] || die "$module@$version could not be had"
    "copy_$(basename "$(dirname "$module")" | tr -d .-)" "$source" "$1.$$" || return 1
  done
  mv "$1.$$" "$1"
}

copy_k8sio() { # kubectl-validate wants /api/<version>.json and /apis/<group>/<version>.json
  for file in "$1"/api/openapi-spec/v3/api__*_openapi.json "$1"/api/openapi-spec/v3/apis__*__*_openapi.json; do
    target=$2/$(basename "$file" _openapi.json | sed 's|__|/|g').json
    mkdir -p "$(dirname "$target")" && cp "$file" "$target"
  done
}
copy_externalsecrets() { cp "$1"/config/crds/bases/external-secrets.io_externalsecrets.yaml "$2"; }
copy_keda() { cp "$1"/config/crd/bases/keda.sh_*.yaml "$2"; }
copy_prometheusoperator() {
  cp "$1"/example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml \
    "$1"/example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml \
    "$1"/example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml "$2"
}
copy_sigsk8sio() { cp "$1"/config/crd/standard/gateway.networking.k8s.io_httproutes.yaml "$2"; }

make_python() { # yamllint and yamale, which ct calls; a virtual environment cannot be moved, so a link says it is whole
  python3 -m venv --clear "$1.venv" && "$1.venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    --require-hashes -r "$here/tools/python/requirements.lock" && ln -s "$1.venv/bin" "$1"
}

main "$@"
