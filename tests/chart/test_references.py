"""What objects say of each other holds: selectors find pods, names exist, ports are there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.chart.render import RELEASE, Case, Object, case, environment, name, objects, of_kind
from tests.chart.sweep import Container, Pod, containers, owner, pods, sweep

#: The one Secret an operator makes, and what else may be the operator's own.
SECRETS = {"wo-secrets"}
#: A ServiceAccount's token and certificate, which every cluster makes.
CLUSTERS_OWN = {"kube-root-ca.crt"}


def _named(rendered: tuple[Object, ...], kind: str) -> set[str]:
    return {thing["metadata"]["name"] for thing in of_kind(rendered, kind)}


def _secrets_of(container: Container) -> Iterator[tuple[str, str]]:
    for variable in container.spec.get("env", []):
        if ref := (variable.get("valueFrom") or {}).get("secretKeyRef"):
            yield ref["name"], ref["key"]


def test_every_credential_comes_from_the_operators_secret(each: Case) -> None:
    # ci/all-on-values.yaml gives some of them a Secret of their own, named *-secret
    def fault(container: Container) -> list[str]:
        return [n for n, _ in _secrets_of(container) if n not in SECRETS and not n.endswith("-secret")]

    sweep((c for c in containers(objects(each)) if list(_secrets_of(c))), fault)


def test_the_chart_makes_no_secret(each: Case) -> None:
    assert not [name(s) for s in of_kind(objects(each), "Secret")]


def test_config_maps_exist(each: Case) -> None:
    there = _named(objects(each), "ConfigMap") | CLUSTERS_OWN

    def fault(pod: Pod) -> list[str]:
        used = [v["configMap"]["name"] for v in pod.spec.get("volumes", []) if "configMap" in v]
        for container in pod.containers:
            used += [s["configMapRef"]["name"] for s in container.get("envFrom", []) if "configMapRef" in s]
        return [n for n in used if n not in there]

    sweep(pods(objects(each)), fault, called=owner)


def test_service_accounts_exist(each: Case) -> None:
    there = _named(objects(each), "ServiceAccount")

    def fault(pod: Pod) -> str | None:
        account = pod.spec.get("serviceAccountName")
        return None if account in there else f"serviceAccountName {account}"

    sweep(pods(objects(each)), fault, called=owner)


def test_rights_are_given_to_accounts_that_exist(each: Case) -> None:
    rendered = objects(each)
    accounts, roles = _named(rendered, "ServiceAccount"), _named(rendered, "Role")
    for binding in of_kind(rendered, "RoleBinding"):
        assert binding["roleRef"]["name"] in roles, name(binding)
        assert {s["name"] for s in binding["subjects"]} <= accounts, name(binding)


def test_nothing_has_rights_in_the_whole_cluster(each: Case) -> None:
    rendered = objects(each)
    assert not [name(t) for t in of_kind(rendered, "ClusterRole", "ClusterRoleBinding")]
    sweep(
        of_kind(rendered, "Role") or [{"rules": [], "kind": "Role", "metadata": {"name": "none"}}],
        lambda role: [rule for rule in role["rules"] if "*" in str(rule) or "secrets" in rule["resources"]],
        called=name,
    )


def test_volumes_that_are_mounted_exist(each: Case) -> None:
    def fault(container: Container) -> list[str]:
        volumes = {v["name"] for v in container.pod.spec.get("volumes", [])} | _claim_templates(
            objects(each), container
        )
        return [m["name"] for m in container.spec.get("volumeMounts", []) if m["name"] not in volumes]

    sweep(containers(objects(each)), fault)


def _claim_templates(rendered: tuple[Object, ...], container: Container) -> set[str]:
    sets = [t for t in of_kind(rendered, "StatefulSet") if name(t) == container.pod.owner]
    return {c["metadata"]["name"] for t in sets for c in t["spec"].get("volumeClaimTemplates", [])}


def test_no_claim_waits_for_a_schedule(each: Case) -> None:
    # a claim that only a CronJob mounts stays Pending under WaitForFirstConsumer, and `helm --wait` hangs
    rendered = objects(each)
    mounted = {n for pod in pods(rendered) if pod.kind != "CronJob" for n in _claims(pod)}
    own = _named(rendered, "PersistentVolumeClaim")
    assert own <= mounted, f"mounted by no pod that runs from the start: {own - mounted}"


def _claims(pod: Pod) -> Iterator[str]:
    for volume in pod.spec.get("volumes", []):
        if claim := volume.get("persistentVolumeClaim"):
            yield claim["claimName"]


def test_every_service_finds_a_pod_that_listens(each: Case) -> None:
    rendered = objects(each)
    everyone = [pod for pod in pods(rendered) if pod.long_running]

    def fault(service: Object) -> str | list[str]:
        wanted = service["spec"]["selector"].items()
        found = [pod for pod in everyone if wanted <= pod.labels.items()]
        if not found:
            return f"selects no pod: {dict(wanted)}"
        return [f"port {p} of {pod.owner}" for pod in found for p in _targets(service) if p not in _listening(pod)]

    sweep(of_kind(rendered, "Service"), fault, called=name)


def _targets(service: Object) -> list[str | int]:
    return [port.get("targetPort", port["port"]) for port in service["spec"]["ports"]]


def _listening(pod: Pod) -> set[str | int]:
    ports = [port for c in pod.spec["containers"] for port in c.get("ports", [])]
    return {p["containerPort"] for p in ports} | {p["name"] for p in ports if "name" in p}


def test_every_selector_finds_one_workload_only(each: Case) -> None:
    everyone = list(pods(objects(each)))

    def fault(workload: Object) -> list[str]:
        wanted = workload["spec"]["selector"]["matchLabels"].items()
        return [pod.owner for pod in everyone if wanted <= pod.labels.items() and pod.owner != name(workload)]

    sweep(of_kind(objects(each), "Deployment", "StatefulSet"), fault, called=name)


@pytest.mark.parametrize(("switch", "other"), [("ingress", "httpRoute"), ("httpRoute", "ingress")])
def test_routes_lead_to_services_that_exist(switch: str, other: str) -> None:
    sets = {
        f"api.{switch}.enabled": True,
        f"api.{switch}.host": "wo.example.com",
        f"api.{other}.enabled": False,
        "api.httpRoute.parentRefs": [{"name": "gateway"}],
        "api.networkPolicy.ingressFrom": [{"ipBlock": {"cidr": "10.0.0.0/8"}}],
    }
    rendered = objects(environment("minikube", sets=sets))
    services = _named(rendered, "Service")
    sweep(of_kind(rendered, "Ingress", "HTTPRoute"), lambda route: _backends(route) - services, called=name)


def _backends(route: Object) -> set[str]:
    if route["kind"] == "HTTPRoute":
        return {ref["name"] for rule in route["spec"]["rules"] for ref in rule["backendRefs"]}
    return {path["backend"]["service"]["name"] for rule in route["spec"]["rules"] for path in rule["http"]["paths"]}


def test_monitors_find_a_service_with_their_port() -> None:
    rendered = objects(environment("gke", "all-on"))
    services = of_kind(rendered, "Service")

    def fault(monitor: Object) -> str | None:
        wanted = monitor["spec"]["selector"]["matchLabels"].items()
        ports = {
            p.get("name") for s in services if wanted <= s["metadata"]["labels"].items() for p in s["spec"]["ports"]
        }
        missing = {e["port"] for e in monitor["spec"]["endpoints"]} - ports
        return f"no Service has {missing}" if missing else None

    sweep(of_kind(rendered, "ServiceMonitor"), fault, called=name)


def test_every_object_of_the_release_has_one_name(each: Case) -> None:
    names = [(t["apiVersion"], name(t)) for t in objects(each)]
    assert names
    assert len(names) == len(set(names)), sorted(n for n in names if names.count(n) > 1)
    assert all(n.split("/", 1)[1].startswith(RELEASE) for _, n in names if "ServiceMonitor" in n)


def test_nothing_is_published_by_default() -> None:
    rendered = objects(case())
    sweep(
        of_kind(rendered, "Service"),
        lambda s: s["spec"].get("type", "ClusterIP") != "ClusterIP" and s["spec"],
        called=name,
    )
    assert not of_kind(rendered, "Ingress", "HTTPRoute")
