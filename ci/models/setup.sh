#!/bin/sh
# A model server's or load engine's virtual environment, in the user's cache, from its hash lock; prints its python.
# The folder's name holds the lock's checksum: a new lock makes a new environment, and an old one is never changed.
#   sh ci/models/setup.sh vllm|vllm-gpu|guidellm [python]     the python that has uv; by default .venv's
#   sh ci/models/setup.sh vllm-py3.13 [python]                for another Python than any here: a folder that pods mount;
#                                                             prints it, and its packages lie in python/
set -eu
cd "$(dirname "$0")/../.."
name=${1:?which? sh ci/models/setup.sh vllm, vllm-gpu or guidellm}
python=${2:-.venv/bin/python}
lock=ci/models/${name%-py*}.lock
stop() { echo "$name: $1" >&2; exit 1; }
[ -e "$lock" ] || stop "there is no $lock"
home=${XDG_CACHE_HOME:-$HOME/.cache}/workflow-orchestration
environment=$home/$name-$(cksum < "$lock" | tr ' ' '-')
made=$environment/bin/python
[ "$name" = "${name%-py*}" ] || made=$environment
ready() { [ -e "$environment/.ready" ] || return 1; echo "$made"; }
ready && exit 0

# all hold torch with its CUDA libraries: the package index has no other
mkdir -p "$home"
free=$(df -Pk "$home" | awk 'NR == 2 { print int($4 / 1048576) }')
[ "$free" -ge 8 ] || stop "$home has $free GiB free; 8 are needed"
if command -v flock >/dev/null 2>&1; then # two at once: the second waits, then finds it ready
  exec 9>"$environment.lock"
  flock 9
  ready && exit 0
fi

echo "$name: $environment from $lock, some 6 GB" >&2
# uv does not read pip's configuration: give it a firm's mirror and certificates, as ci/local/setup.sh does
index=$("$python" -m pip config get global.index-url 2>/dev/null || true)
index=${PIP_INDEX_URL:-$index}
[ -z "$index" ] || export UV_DEFAULT_INDEX="${UV_DEFAULT_INDEX:-$index}"
[ -z "${PIP_CERT:-}" ] || export SSL_CERT_FILE="${SSL_CERT_FILE:-$PIP_CERT}"
if [ "$made" = "$environment" ]; then
  rm -rf "$environment" # what a stopped run left
  set -- --target "$environment/python" --python-version "${name##*-py}" --only-binary :all:
else
  "$python" -m uv --quiet venv --clear --python "$python" "$environment"
  set -- --python "$made"
fi
"$python" -m uv --quiet pip install "$@" --require-hashes --no-deps -r "$lock" ||
  stop "uv cannot install $lock; is the package index reachable (PIP_INDEX_URL, PIP_CERT)?"
[ "$made" = "$environment" ] ||
  "$made" -m compileall -q "$environment/lib" >/dev/null 2>&1 || true # a part for another Python may fail
touch "$environment/.ready"
ready
