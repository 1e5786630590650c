#!/bin/sh
# `make images`: both images, with whatever builder there is, tagged with the chart's appVersion.
#   PREFIX=registry.example.com/mirror  puts a registry before the names, ready to push
#   API_BASE, AIRFLOW_BASE              name the bases, best by digest; else the Dockerfiles' defaults
#   PUSH=1                              pushes them
set -eu
cd "$(dirname "$0")/.."
builder=${BUILDER:-}
for candidate in docker podman buildah; do
  [ -n "$builder" ] || ! command -v "$candidate" >/dev/null 2>&1 || builder=$candidate
done
[ -n "$builder" ] || { echo "images: docker, podman or buildah is needed and none was found; install one, or set BUILDER" >&2; exit 1; }
version=$(sed -n 's/^appVersion: *//p' Chart.yaml | tr -d '"')
revision=$(git rev-parse HEAD 2>/dev/null || echo unknown)

build() { # name, folder, base or nothing
  tag=${PREFIX:+$PREFIX/}workflow-orchestration/$1:$version
  set -- "$tag" "images/$2/Dockerfile" ${3:+--build-arg "BASE=$3"}
  tag=$1 file=$2
  shift 2
  "$builder" build --file "$file" --build-arg "VERSION=$version" --build-arg "REVISION=$revision" "$@" --tag "$tag" .
  [ -z "${PUSH:-}" ] || "$builder" push "$tag"
  echo "images: $tag"
}

build fastapi api "${API_BASE:-}"
build airflow airflow "${AIRFLOW_BASE:-}"
