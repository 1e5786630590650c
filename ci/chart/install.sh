#!/bin/sh
# `make install ENV=minikube|gke|eks` and `make uninstall`: the chart from this checkout into the current cluster.
#   sh ci/chart/install.sh up ENV [helm's further flags]     sh ci/chart/install.sh down
set -eu
cd "$(dirname "$0")/../.."
release=${RELEASE:-wo}
namespace=${NAMESPACE:-workflow-orchestration}
secret=${SECRET:-wo-secrets}

stop() { echo "install: $*" >&2; exit 1; }

up() {
  env=${1:-}
  [ -f "values/$env.yaml" ] || stop "ENV='$env' is not known; there are minikube, gke and eks (make install ENV=minikube)"
  shift
  helm=$(sh ci/chart/tools.sh path helm)
  kubectl create namespace "$namespace" --dry-run=client -o yaml | kubectl apply -f - >/dev/null
  kubectl label namespace "$namespace" --overwrite pod-security.kubernetes.io/enforce=restricted >/dev/null
  kubectl get secret "$secret" --namespace "$namespace" >/dev/null 2>&1 ||
    stop "there is no Secret $secret in $namespace; docs/howto/secrets.md makes it from your .env in two commands"
  # a first start may pull gigabytes and migrate two databases
  "$helm" upgrade --install "$release" . --namespace "$namespace" --values "values/$env.yaml" --timeout "${TIMEOUT:-20m}" --wait "$@"
}

down() {
  helm=$(sh ci/chart/tools.sh path helm)
  "$helm" uninstall "$release" --namespace "$namespace" --wait --timeout "${TIMEOUT:-10m}"
  echo "uninstalled; what is kept, on purpose (kubectl delete namespace $namespace removes it for good):"
  kubectl get persistentvolumeclaim,secret --namespace "$namespace"
}

case "${1:-}" in
  up) shift; up "$@" ;;
  down) down ;;
  *) stop "give 'up ENV' or 'down'" ;;
esac
