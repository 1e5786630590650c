#!/bin/sh
# Ollama built from its Go module, by go.sum, into the user's cache; prints the program's path.
# The module's archive lacks three vendored headers: two come from Debian's packages (installed, or unpacked here without
# root), one from another Go module. Built once, some three minutes; two at once: the second waits.
set -eu
cd "$(dirname "$0")"
stop() { echo "ollama: $1" >&2; exit 1; }
home=${XDG_CACHE_HOME:-$HOME/.cache}/workflow-orchestration
target=$home/tools/ollama-$(cat go.mod go.sum build.sh | cksum | tr ' ' '-')/ollama
[ -e "$target" ] && { echo "$target"; exit 0; }

mkdir -p "$home/tools"
if command -v flock >/dev/null 2>&1; then
  exec 9>"$home/tools/ollama.lock"
  flock 9
  [ -e "$target" ] && { echo "$target"; exit 0; }
fi
command -v go >/dev/null || stop "Go is not installed; Go 1.26 or newer is needed"
command -v g++ >/dev/null || stop "g++ is not installed; on Debian: apt-get install g++"

work=$(mktemp -d "$home/tools/ollama.XXXXXX")
trap 'rm -rf "$work"' EXIT
headers=$work/headers
mkdir -p "$headers/miniaudio"
for pair in nlohmann/json.hpp:nlohmann-json3-dev stb/stb_image.h:libstb-dev; do
  file=${pair%:*} package=${pair#*:}
  if [ -e "/usr/include/$file" ]; then continue; fi
  (cd "$work" && apt-get download -qq "$package" && dpkg-deb -x "$package"_*.deb . && cp -r usr/include/* "$headers") \
    >/dev/null 2>&1 || stop "/usr/include/$file is not there; on Debian: apt-get install $package"
done
go mod download github.com/ollama/ollama github.com/gen2brain/malgo || stop "the Go module proxy gives no modules"
cp "$(go list -m -f '{{.Dir}}' github.com/gen2brain/malgo)/miniaudio.h" "$headers/miniaudio"

echo "ollama: being built, some three minutes" >&2
CGO_ENABLED=1 CGO_CXXFLAGS="-O2 -I$headers" go build -mod=readonly -trimpath -ldflags "-s -w" -o "$work/ollama" \
  github.com/ollama/ollama
mkdir -p "$(dirname "$target")"
mv "$work/ollama" "$target"
echo "$target"
