"""A stand-in for an ingress controller: a real nginx in a pod, configured from an Ingress as the chart renders it.

No stock controller can be built where these tests run, so host, paths, buffering and timeouts are read from the object
and its annotations here, and nginx does the rest.
"""

from __future__ import annotations

import httpx

from tests.cluster.kube import Cluster, Object, until

NAMESPACE = "ingress"
_ANNOTATION = "nginx.ingress.kubernetes.io/"
_IMAGE = "localhost/proxy:1"


def start(cluster: Cluster, ingress: Object) -> str:
    """Its load balancer's address, once it answers."""
    cluster.kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--wait")
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    cluster.apply(*_objects(configuration(cluster, ingress)))
    cluster.rollout(NAMESPACE, "deployment/nginx", seconds=60)

    def address() -> str | None:
        given = cluster.get(NAMESPACE, "service", "nginx")["status"]["loadBalancer"].get("ingress")
        return str(given[0]["ip"]) if given else None

    found = until(address, "an address of nginx", seconds=30)
    host = ingress["spec"]["rules"][0]["host"]
    # a policy lets a new pod through a part of a second after it has started
    until(lambda: _passes(found, host), "an answer through nginx", seconds=30)
    return found


def _passes(address: str, host: str) -> bool:
    try:
        return httpx.get(f"http://{address}/ready", headers={"Host": host}, timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def configuration(cluster: Cluster, ingress: Object) -> str:
    """nginx.conf of one Ingress: what a controller would write."""
    notes = ingress["metadata"].get("annotations", {})
    namespace = ingress["metadata"]["namespace"]
    buffering = notes.get(f"{_ANNOTATION}proxy-buffering", "on")
    timeout = notes.get(f"{_ANNOTATION}proxy-read-timeout", "60")
    servers = []
    for rule in ingress["spec"]["rules"]:
        locations = [
            f"location {path['path']} {{ proxy_pass http://{_backend(cluster, namespace, path)}; "
            f"proxy_http_version 1.1; proxy_set_header Connection ''; proxy_set_header Host $host; "
            f"proxy_buffering {buffering}; proxy_read_timeout {timeout}s; }}"
            for path in rule["http"]["paths"]
        ]
        servers.append(f"server {{ listen 8080; server_name {rule['host']}; {' '.join(locations)} }}")
    servers.append("server { listen 8080 default_server; return 404; }")
    return (
        "worker_processes 1; error_log stderr; pid /tmp/nginx.pid; events {} http { access_log off; "
        + "client_body_temp_path /tmp/b; proxy_temp_path /tmp/p; fastcgi_temp_path /tmp/f; uwsgi_temp_path /tmp/u; "
        + "scgi_temp_path /tmp/s; client_max_body_size 2m; "
        + " ".join(servers)
        + " }"
    )


def _backend(cluster: Cluster, namespace: str, path: Object) -> str:
    """The Service's name and number, the port's name looked up as a controller does."""
    wanted = path["backend"]["service"]
    service = cluster.get(namespace, "service", wanted["name"])
    port = wanted["port"]
    number = port.get("number") or next(p["port"] for p in service["spec"]["ports"] if p["name"] == port["name"])
    return f"{wanted['name']}.{namespace}.svc.cluster.local:{number}"


def _objects(config: str) -> list[Object]:
    meta = {"name": "nginx", "namespace": NAMESPACE, "labels": {"app": "nginx"}}
    return [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"nginx.conf": config}},
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": meta,
            "spec": {
                "selector": {"matchLabels": {"app": "nginx"}},
                "template": {"metadata": {"labels": {"app": "nginx"}}, "spec": _POD},
            },
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": meta,
            "spec": {
                "type": "LoadBalancer",
                "selector": {"app": "nginx"},
                "ports": [{"port": 80, "targetPort": 8080}],
            },
        },
    ]


_POD: Object = {
    "containers": [
        {
            "name": "nginx",
            "image": _IMAGE,
            "imagePullPolicy": "IfNotPresent",
            "command": ["nginx", "-c", "/etc/own/nginx.conf", "-g", "daemon off;"],
            "readinessProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 1},
            "volumeMounts": [{"name": "config", "mountPath": "/etc/own"}, {"name": "tmp", "mountPath": "/tmp"}],
        }
    ],
    "volumes": [{"name": "config", "configMap": {"name": "nginx"}}, {"name": "tmp", "emptyDir": {}}],
}
