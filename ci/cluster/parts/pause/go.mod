module workflow-orchestration/ci/cluster/parts/pause

go 1.26.0
