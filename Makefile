# Bare `make` prints what there is. Every target readies .venv itself; when that is done already it costs a checksum.
.DEFAULT_GOAL := help
SHELL := /bin/sh
PY := .venv/bin/python
UNIT_WORKERS ?= 2

.PHONY: help setup up down reset demo kill-demo test test-unit test-failure test-airflow lint chart-test tools images install uninstall package release cluster-up cluster-down e2e e2e-mutants soak proof mutmut bench-engine bench-torture bench-llm bench-llm-gpu fix lock

##@ Run
up: setup ## Start everything on this machine: PostgreSQL, api, worker; Ctrl-C stops it
	@$(PY) -m ci.local.up
down: setup ## Stop a `make up` that runs in another terminal
	@$(PY) -m ci.local.down
reset: setup ## Stop it and wipe all local state (asks first; FORCE=1 does not)
	@FORCE=$(FORCE) $(PY) -m ci.local.reset
demo: setup ## Play one exception from message to effect against a running `make up`
	@$(PY) -m ci.local.demo
kill-demo: setup ## Kill the worker at every boundary; same end, each effect once
	@$(PY) -m ci.local.kill_demo

##@ Prove
test: lint ## Lint, unit and integration tests, chart gates
	@$(PY) -m pytest tests/unit tests/integration -m "not browser" -n $(UNIT_WORKERS) -q
	@sh ci/chart/gates.sh
test-unit: setup ## Unit tests only: no database, seconds
	@$(PY) -m pytest tests/unit -q
test-failure: setup ## Kill, stop and drain tests; mutants that must be caught; the how-to patches
	@$(PY) -m pytest tests/failure -q
	@$(PY) -m tests.mutants.run
	@$(PY) -m ci.tools.howto
test-airflow: setup ## Provider and DAGs on a real Airflow beside a real platform; its own environment, made once
	@airflow=$$(sh ci/airflow/setup.sh) && MYPYPATH=src/airflow_provider .venv/bin/mypy --python-executable $$airflow \
	  --untyped-calls-exclude airflow -p workflow_orchestration_provider
	@$(PY) -m pytest tests/airflow -q
	@$(PY) -m tests.mutants.run airflow/
lint: setup ## Style, types, import contracts, own linters, docs, secrets
	@.venv/bin/ruff check --quiet .
	@.venv/bin/ruff format --check --quiet .
	@.venv/bin/mypy -p workflow_orchestration -p ci
	@out=$$(.venv/bin/lint-imports --no-cache) || { echo "$$out"; exit 1; }
	@$(PY) -m ci.tools.lint

chart-test: setup ## The chart's gates alone, offline (builds its tools once: needs Go)
	@sh ci/chart/gates.sh

tools: ## Build the chart's tools once, into the user's cache (needs Go)
	@sh ci/chart/tools.sh

##@ Cluster
images: ## Build the images with docker (or buildah)
	@sh images/build.sh
install: ## Install or upgrade with helm: ENV=minikube, gke or eks
	@sh ci/chart/install.sh up $(ENV)
uninstall: ## Remove the release; what stays is said
	@sh ci/chart/install.sh down
package: setup ## The chart's archive, its digest, and the list of all images
	@sh ci/chart/package.sh
release: setup ## What a release workflow runs: package, push, sign by digest, provenance, SBOM
	@sh ci/chart/release.sh
cluster-up: setup ## A one-node Kubernetes on this machine, built from source (Linux, root, Go)
	@$(PY) -m ci.cluster.up
cluster-down: setup ## Remove it; nothing stays behind
	@$(PY) -m ci.cluster.down
e2e: setup ## Install on that cluster, break it, scale it, restore it
	@$(PY) -m ci.cluster.e2e
e2e-mutants: setup ## Each patch of tests/cluster/mutants must be caught there (half an hour)
	@$(PY) -m tests.cluster.mutate

##@ Measure
soak: setup ## N=10000 cases through at least 500 faults, and a report (by hand: long)
	@$(PY) -m tests.failure.harness.soak --cases $(or $(N),10000)
proof: setup ## N=3000 cases with a model that lies, obeys and breaks: no rule may give way (by hand: long)
	@$(PY) -m tests.adversary.proof --cases $(or $(N),3000)
mutmut: setup ## Change the engine bit by bit: do its tests notice? (by hand: minutes; ONLY=store/work.py, KEEP=1)
	@$(PY) -m ci.tools.mutmut_run $(if $(ONLY),--only $(ONLY)) $(if $(KEEP),--keep)
bench-engine: setup ## The run engine beside plain LangGraph (PEERS=1: and its rivals), and a report
	@$(PY) -m benchmarks.engine.run
bench-torture: setup ## One history of submissions, decisions and kills, ours and (PEERS=1) the rivals'
	@$(PY) -m benchmarks.torture.run --keep
bench-llm: setup ## vLLM beside Ollama on the CPU, tiny weights (FULL=1: the whole grid), and a report
	@$(PY) -m benchmarks.inference.run --form $(if $(FULL),full,short)
bench-llm-gpu: setup ## The same on a GPU, the whole grid: MODEL=folder of weights
	@$(PY) -m benchmarks.inference.run --form full --model "$${MODEL:?name a folder of weights: MODEL=/path make bench-llm-gpu}"

##@ Change
fix: setup ## Format, repair what can be repaired, write the generated files anew
	@.venv/bin/ruff check --fix --quiet . || true
	@.venv/bin/ruff format --quiet .
	@$(PY) -m ci.tools.generate
	@sh ci/chart/docs.sh
lock: setup ## Resolve the dependencies anew and write the hash locks
	@sh ci/local/lock.sh

##@ Set up
setup: ## Bring .venv to what the locks say
	@sh ci/local/setup.sh
help: ## Print this
	@awk 'BEGIN {FS = ":[^#]*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} \
	      /^[a-z0-9-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
