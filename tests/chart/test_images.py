"""One value moves every image to a registry of the firm's own, test pods and Jobs included."""

from __future__ import annotations

import pytest

from tests.chart.render import ENVIRONMENTS, environment, objects
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
