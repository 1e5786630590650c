#!/bin/sh
# `make package`: the chart's archive, its digest, and the list of all images that any environment may pull, in dist/.
set -eu
cd "$(dirname "$0")/../.."
helm=$(sh ci/chart/tools.sh path helm)
rm -rf dist && mkdir dist
"$helm" package . --destination dist
python3 ci/chart/repack.py dist/*.tgz "$(git log -1 --format=%ct 2>/dev/null || echo 0)"
(cd dist && python3 -c '
import hashlib, pathlib
for path in pathlib.Path().glob("*.tgz"):
    print(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path}")' > SHA256SUMS)
render() { "$helm" template wo . --namespace workflow-orchestration --kube-version 1.34.4 --set global.imageRegistry= "$@"; }
{
  for values in minikube gke eks; do render --values "values/$values.yaml"; done
  render --values ci/all-on-values.yaml
  render --values values/minikube.yaml --set ollama.enabled=true,global.llm.provider=ollama
} | sed -n 's/^ *\(- \)\{0,1\}image: *"\{0,1\}\([^"]*\)"\{0,1\}$/\2/p' | sort -u > dist/images.txt
[ -s dist/images.txt ] || { echo "package: no image was found in the renders" >&2; exit 1; }
cat dist/SHA256SUMS dist/images.txt
