#!/bin/sh
# `make release REGISTRY=host/path`: push what `make package` made, once, and sign its digest. A version that is there
# already is never pushed again: the same tag would get another digest.
set -eu
cd "$(dirname "$0")/../.."
registry=${REGISTRY:?REGISTRY is not set; give host/path of an OCI registry that you are logged in to}
helm=$(sh ci/chart/tools.sh path helm)
cosign=$(sh ci/chart/tools.sh path cosign)
syft=$(sh ci/chart/tools.sh path syft)
die() { echo "release: $*" >&2; exit 1; }

archive=$(ls dist/*.tgz) || die "dist/ holds no archive; run make package first"
[ "$(echo "$archive" | wc -l)" -eq 1 ] || die "dist/ holds several archives; run make package"
name=$("$helm" show chart "$archive" | sed -n 's/^name: //p')
version=$("$helm" show chart "$archive" | sed -n 's/^version: //p')

if answer=$("$helm" show chart "oci://$registry/$name" --version "$version" 2>&1); then
  die "$name $version is there already; raise the version in Chart.yaml"
fi
# anything but "not found" may be a registry that is down: pushing blindly then could overwrite
echo "$answer" | grep -qi 'not found' || die "cannot tell whether $name $version is there: $answer"

digest=$("$helm" push "$archive" "oci://$registry" 2>&1 | sed -n 's/^Digest: *//p')
[ -n "$digest" ] || die "the push named no digest"
"$cosign" sign --yes "$registry/$name@$digest"
# what our image installs, by the lock; syft knows such a file by pip's name for it
bill=$(mktemp -d)
trap 'rm -rf "$bill"' EXIT
cp requirements.lock "$bill/requirements.txt"
"$syft" scan "dir:$bill" --source-name "$name" --source-version "$version" --output spdx-json=dist/sbom.spdx.json
"$cosign" attest --yes --type spdxjson --predicate dist/sbom.spdx.json "$registry/$name@$digest"
echo "$registry/$name@$digest" | tee dist/published.txt
