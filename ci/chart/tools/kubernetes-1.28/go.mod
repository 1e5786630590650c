module workflow-orchestration/ci/chart/tools/kubernetes-1.28

go 1.26.0

require k8s.io/kubernetes v1.28.15
