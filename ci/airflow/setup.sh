#!/bin/sh
# Airflow in a virtual environment of its own, in the user's cache, from the hash lock; prints its python.
# The folder's name holds the lock's checksum: a new lock makes a new environment, and an old one is never changed.
#   sh ci/airflow/setup.sh [python]     the python that has uv; by default .venv's
set -eu
cd "$(dirname "$0")/../.."
python=${1:-.venv/bin/python}
lock=ci/airflow/requirements.lock
home=${XDG_CACHE_HOME:-$HOME/.cache}/workflow-orchestration
environment=$home/airflow-$(cksum < "$lock" | tr ' ' '-')
[ -e "$environment/.ready" ] && { echo "$environment/bin/python"; exit 0; }

mkdir -p "$home"
if command -v flock >/dev/null 2>&1; then # two at once: the second waits, then finds it ready
  exec 9>"$environment.lock"
  flock 9
  [ -e "$environment/.ready" ] && { echo "$environment/bin/python"; exit 0; }
fi

echo "airflow: $environment from $lock" >&2
# uv does not read pip's configuration: give it a firm's mirror and certificates, as ci/local/setup.sh does
index=$("$python" -m pip config get global.index-url 2>/dev/null || true)
index=${PIP_INDEX_URL:-$index}
[ -z "$index" ] || export UV_DEFAULT_INDEX="${UV_DEFAULT_INDEX:-$index}"
[ -z "${PIP_CERT:-}" ] || export SSL_CERT_FILE="${SSL_CERT_FILE:-$PIP_CERT}"
"$python" -m uv --quiet venv --clear --python "$python" "$environment"
"$python" -m uv --quiet pip install --python "$environment/bin/python" --require-hashes --compile-bytecode -r "$lock"
touch "$environment/.ready"
echo "$environment/bin/python"
