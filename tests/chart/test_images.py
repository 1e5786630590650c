"""One value moves every image to a registry of the firm's own, test pods and Jobs included."""

from __future__ import annotations

import pytest

from tests.chart.render import ENVIRONMENTS, ROOT, environment, objects
from tests.chart.sweep import Container, containers, pods, sweep

DIGEST = "sha256:" + "0" * 64


@pytest.mark.parametrize("env", ENVIRONMENTS)
@pytest.mark.parametrize("scenario", ["all-on", None])
def test_one_value_moves_every_image(env: str, scenario: str | None) -> None:
    sets = {"global.imageRegistry": "registry.example.internal", "global.imagePullSecrets": ["registry"]}
    rendered = objects(environment(env, scenario, sets=sets))

    def fault(container: Container) -> str | None:
        moved = container.spec["image"].startswith("registry.example.internal/")
        return None if moved else str(container.spec["image"])

    sweep(containers(rendered), fault)
    sweep(
        pods(rendered),
        lambda p: p.spec.get("imagePullSecrets") != [{"name": "registry"}] and "no pull secret",
        called=lambda p: p.owner,
    )


def test_a_digest_wins_over_a_tag() -> None:
    rendered = objects(environment("minikube", sets={"api.image.digest": DIGEST, "api.image.tag": "1.2.3"}))
    images = {c.spec["image"] for c in containers(rendered) if c.pod.part.startswith("api/")}
    assert images == {f"workflow-orchestration/fastapi@{DIGEST}"}


def test_the_default_tag_is_the_charts_version() -> None:
    images = {c.spec["image"] for c in containers(objects(environment("minikube"))) if c.pod.part == "api/api"}
    assert images == {"workflow-orchestration/fastapi:0.1.0"}


@pytest.mark.parametrize("image", ["api", "airflow"])
def test_an_image_is_built_on_a_base_by_argument_and_runs_as_no_root(image: str) -> None:
    lines = (ROOT / "images" / image / "Dockerfile").read_text().splitlines()
    bases = [line.split()[1] for line in lines if line.startswith("FROM ")]
    users = [line.split()[1].split(":")[0] for line in lines if line.startswith("USER ")]
    [default] = [line.split("=", 1)[1] for line in lines if line.startswith("ARG BASE=")]
    assert set(bases) == {"${BASE}"}
    assert not default.endswith(":latest")
    assert users[-1].isdigit()
    assert int(users[-1]) > 0
    assert any("compileall" in line for line in lines), "a read-only root cannot write byte code later"


def test_the_pods_run_as_the_user_of_their_image() -> None:
    rendered = objects(environment("minikube"))
    users = {p.part.split("/")[0]: p.spec["securityContext"]["runAsUser"] for p in pods(rendered) if p.long_running}
    assert (users["api"], users["airflow"]) == (10001, 50000)
