#!/bin/sh
# Bring .venv to what the locks say. The stamp holds a checksum of all that decides it, so a second run is instant.
set -eu
cd "$(dirname "$0")/../.."
setup=ci/local/requirements-setup.lock
want=$(cat requirements-dev.lock "$setup" pyproject.toml | cksum)
stamp=.venv/.ready
[ "$(cat "$stamp" 2>/dev/null || true)" = "$want" ] && exit 0

stop() { echo "setup: $1" >&2; exit 1; }

usable() { "$1" -c 'import sys; raise SystemExit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

command -v git >/dev/null 2>&1 || stop "git is needed and not found; install it"
python=
for candidate in ${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11; do
  if usable "$candidate"; then python=$candidate; break; fi
done
[ -n "$python" ] || stop "Python 3.11 or newer is needed and not found; install it, or set PYTHON=/path/to/python3"

# two `make` at once: the second waits, then finds the stamp (where the system has flock)
mkdir -p .state
if command -v flock >/dev/null 2>&1; then
  exec 9>.state/setup.lock
  flock 9
  [ "$(cat "$stamp" 2>/dev/null || true)" = "$want" ] && exit 0
fi

echo "setup: .venv from requirements-dev.lock" >&2
usable .venv/bin/python || "$python" -m venv --clear .venv ||
  stop "$python cannot make a virtual environment; on Debian: apt-get install python3-venv"
rm -f "$stamp"
.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r "$setup" ||
  stop "pip cannot install $setup; is the package index reachable (PIP_INDEX_URL, PIP_CERT)?"

# uv does not read pip's configuration: give it a firm's mirror and certificates
index=$(.venv/bin/python -m pip config get global.index-url 2>/dev/null || true)
index=${PIP_INDEX_URL:-$index}
[ -z "$index" ] || export UV_DEFAULT_INDEX="${UV_DEFAULT_INDEX:-$index}"
[ -z "${PIP_CERT:-}" ] || export SSL_CERT_FILE="${SSL_CERT_FILE:-$PIP_CERT}"
uv() { .venv/bin/uv --quiet "$@"; }
uv pip sync --python .venv/bin/python --require-hashes requirements-dev.lock "$setup"
uv pip install --python .venv/bin/python --no-deps --no-build-isolation --editable .
echo "$want" > "$stamp"
