"""Every pod: Pod Security `restricted`, bounded resources, no token it does not need, probes that mean something."""

from __future__ import annotations

import re
from collections import Counter

from tests.chart.render import Case, Object, environment, find, objects
from tests.chart.sweep import Container, Pod, containers, owner, pods, sweep
from workflow_orchestration.api.server import GRACE_SECONDS, LINGER_SECONDS
from workflow_orchestration.bridge.source import CLOSE_SECONDS

#: Components whose pods speak to the Kubernetes API; nobody else gets a token.
SPEAKS_TO_KUBERNETES = {"airflow/scheduler", "airflow/api-server", "airflow/triggerer", "airflow/cleanup"}
#: The CUDA runtime's hook writes into the root file system of a GPU container.
WRITABLE_ROOT = {"vllm/server"}
ALLOWED_VOLUMES = {
    "configMap",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "image",
    "persistentVolumeClaim",
    "projected",
    "secret",
    "csi",
}
#: Paths that look at a dependency: right for readiness, wrong for liveness.
DEPENDENCY_PATHS = {"/ready", "/api/v2/monitor/health"}
#: Seconds that must remain after preStop and drain for the process to end by itself.
SPARE_SECONDS = 5
#: What a process needs at most to leave what it belongs to.
OWN_SECONDS = {"api/api": GRACE_SECONDS + LINGER_SECONDS, "api/bridge": CLOSE_SECONDS}


def test_every_container_is_restricted(each: Case) -> None:
    sweep(containers(objects(each)), _unrestricted)


def _unrestricted(container: Container) -> list[str]:
    pod = container.pod.spec.get("securityContext") or {}
    own = container.spec.get("securityContext") or {}
    both = {**pod, **own}
    wanted = {
        "runAsNonRoot": both.get("runAsNonRoot") is True,
        "runAsUser is not 0": both.get("runAsUser") != 0,
        "seccompProfile RuntimeDefault": (both.get("seccompProfile") or {}).get("type") == "RuntimeDefault",
        "allowPrivilegeEscalation false": own.get("allowPrivilegeEscalation") is False,
        "capabilities drop ALL": (own.get("capabilities") or {}) == {"drop": ["ALL"]},
        "privileged absent": not own.get("privileged"),
        "readOnlyRootFilesystem": own.get("readOnlyRootFilesystem") is True or container.pod.part in WRITABLE_ROOT,
    }
    return [f"lacks {rule}" for rule, holds in wanted.items() if not holds]


def test_no_pod_reaches_into_its_node(each: Case) -> None:
    def fault(pod: Pod) -> list[str]:
        host = [k for k in ("hostNetwork", "hostPID", "hostIPC") if pod.spec.get(k)]
        kinds = {kind for volume in pod.spec.get("volumes", []) for kind in volume if kind != "name"}
        return host + sorted(kinds - ALLOWED_VOLUMES)

    sweep(pods(objects(each)), fault, called=owner)


def test_no_pod_gets_variables_of_neighbouring_services(each: Case) -> None:
    # a Service called `vllm` would set VLLM_PORT=tcp://..., which vLLM reads as its own setting
    sweep(
        pods(objects(each)),
        lambda p: p.spec.get("enableServiceLinks") is not False and "enableServiceLinks",
        called=owner,
    )


def test_only_pods_that_speak_to_kubernetes_get_a_token(each: Case) -> None:
    def fault(pod: Pod) -> str | None:
        has = pod.spec.get("automountServiceAccountToken")
        may = pod.part in SPEAKS_TO_KUBERNETES
        return None if has is False or (may and has is True) else f"automountServiceAccountToken is {has} ({pod.part})"

    sweep(pods(objects(each)), fault, called=owner)


def test_every_container_has_requests_and_a_memory_limit(each: Case) -> None:
    def fault(container: Container) -> list[str]:
        resources = container.spec.get("resources") or {}
        requests, limits = resources.get("requests") or {}, resources.get("limits") or {}
        return [f"no request of {r}" for r in ("cpu", "memory") if r not in requests] + (
            [] if "memory" in limits else ["no limit of memory"]
        )

    sweep(containers(objects(each)), fault)


def test_no_variable_is_set_twice(each: Case) -> None:
    # Helm 4 applies on the server's side, which refuses a list with the same key twice
    def fault(container: Container) -> list[str]:
        counts = Counter(e["name"] for e in container.spec.get("env", []))
        ports = Counter(p["name"] for p in container.spec.get("ports", []))
        mounts = Counter(m["mountPath"] for m in container.spec.get("volumeMounts", []))
        return [n for c in (counts, ports, mounts) for n, times in c.items() if times > 1]

    sweep(containers(objects(each)), fault)


def test_no_credential_is_written_into_a_pod(each: Case) -> None:
    secret = re.compile(r"(PASSWORD|SECRET|TOKEN|_KEY|DATABASE_URL|OWNER_URL|CONN)$")

    def fault(container: Container) -> list[str]:
        return [e["name"] for e in container.spec.get("env", []) if secret.search(e["name"]) and e.get("value")]

    sweep(containers(objects(each)), fault)


def test_images_are_pinned(each: Case) -> None:
    def fault(container: Container) -> str | None:
        image = container.spec["image"]
        tag = re.search(r"(?::(?P<tag>[\w.-]+))?(?:@sha256:[0-9a-f]{64})?$", image)
        pinned = "@sha256:" in image or (tag and tag["tag"] not in (None, "latest"))
        wrong_pull = container.spec.get("imagePullPolicy") == "Always"
        return None if pinned and not wrong_pull else f"{image} with {container.spec.get('imagePullPolicy')}"

    sweep(containers(objects(each)), fault)


def test_every_server_starts_slowly_behind_a_startup_probe(each: Case) -> None:
    def fault(container: Container) -> list[str]:
        probes = {"startupProbe", "readinessProbe", "livenessProbe"}
        return [f"no {probe}" for probe in sorted(probes - container.spec.keys())]

    sweep((c for c in containers(objects(each)) if c.pod.long_running and not c.init), fault)


def test_liveness_fails_only_for_the_process_itself(each: Case) -> None:
    def fault(container: Container) -> str | None:
        get = container.spec["livenessProbe"].get("httpGet") or {}
        return get["path"] if get.get("path") in DEPENDENCY_PATHS else None

    sweep((c for c in containers(objects(each)) if "livenessProbe" in c.spec), fault)


def test_probes_wait_at_least_as_long_as_they_are_apart_from_failing_under_load(each: Case) -> None:
    # at 1 s, the default, readiness fails under load on two cores
    def fault(container: Container) -> list[str]:
        found = [(p, container.spec[p].get("timeoutSeconds", 1)) for p in ("readinessProbe", "livenessProbe")]
        return [f"{probe} times out after {seconds} s" for probe, seconds in found if seconds < 3]

    sweep((c for c in containers(objects(each)) if "readinessProbe" in c.spec and c.pod.long_running), fault)


def test_grace_is_longer_than_sleep_and_drain(each: Case) -> None:
    rendered = objects(each)

    def fault(pod: Pod) -> str | None:
        grace = pod.spec.get("terminationGracePeriodSeconds", 30)
        need = max(_sleep(c) for c in pod.spec["containers"]) + _drain(pod, rendered) + SPARE_SECONDS
        return None if grace >= need else f"grace {grace} s is under preStop + drain + spare = {need} s"

    sweep((p for p in pods(rendered) if p.long_running), fault, called=owner)


def _sleep(container: Object) -> float:
    """Seconds of the preStop hook; it is an exec, because the sleep action came with Kubernetes 1.30."""
    hook = (container.get("lifecycle") or {}).get("preStop") or {}
    found = re.search(r"sleep[ (](\d+)", " ".join((hook.get("exec") or {}).get("command", [])))
    return float(found[1]) if found else 0.0


def _drain(pod: Pod, rendered: tuple[Object, ...]) -> float:
    """Seconds that the process itself takes to finish what it has begun."""
    if pod.part == "api/worker":
        return float(find(rendered, "ConfigMap/wo-api-config")["data"]["DRAIN_SECONDS"])
    words = " ".join(str(w) for c in pod.spec["containers"] for w in [*c.get("command", []), *c.get("args", [])])
    flag = re.search(r"--shutdown-timeout[= ](\d+)", words)
    return float(flag[1]) if flag else OWN_SECONDS.get(pod.part, 0.0)


def test_the_worker_the_bridge_and_vllm_are_among_those_that_drain() -> None:
    rendered = objects(environment("gke", "all-on"))
    draining = {p.part for p in pods(rendered) if p.long_running and _drain(p, rendered)}
    assert {"api/worker", "api/bridge", "vllm/server"} <= draining


def test_pods_roll_when_the_configuration_they_read_changes(each: Case) -> None:
    def fault(pod: Pod) -> str | None:
        reads = any("configMap" in v for v in pod.spec.get("volumes", [])) or any(
            "configMapRef" in source for c in pod.containers for source in c.get("envFrom", [])
        )
        summed = any(key.startswith("checksum/") for key in pod.annotations)
        return "reads a ConfigMap without a checksum/ annotation" if reads and not summed else None

    sweep((p for p in pods(objects(each)) if p.long_running), fault, called=owner)


def test_every_component_has_an_account_of_its_own(each: Case) -> None:
    accounts: dict[str, set[str]] = {}
    for pod in pods(objects(each)):
        accounts.setdefault(pod.spec.get("serviceAccountName", "default"), set()).add(pod.part)
    sweep(accounts.items(), lambda a: (a[0] == "default" or len(a[1]) > 1) and "not an account of its own")
