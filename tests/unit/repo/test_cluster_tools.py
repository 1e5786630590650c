"""The tools of the test cluster, as far as they need no cluster."""

from __future__ import annotations

import json
import re
import tarfile
from pathlib import Path

import pytest
from cryptography import x509

from ci.cluster import archive, keys, leftovers, parts, services
from ci.tools.source import ROOT


def test_differences_name_what_came_and_what_went() -> None:
    lines = leftovers.differences({"mounts": ["a", "b"], "cgroups": []}, {"mounts": ["b", "c"], "cgroups": ["d"]})
    assert lines == ["mounts: + c", "mounts: - a", "cgroups: + d"]


def test_equal_snapshots_differ_in_no_line() -> None:
    same = {"mounts": ["a"], "network": ["b"]}
    assert leftovers.differences(same, dict(same)) == []


def test_a_changed_pin_is_another_folder_of_the_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    group = parts.Group("etcd", ("go.etcd.io/etcd/server/v3",), program="etcd")
    (tmp_path / "etcd").mkdir()
    monkeypatch.setattr(parts, "_HERE", tmp_path)
    (tmp_path / "etcd" / "go.mod").write_text("v3.6.7")
    old = parts.folder(group)
    (tmp_path / "etcd" / "go.mod").write_text("v3.6.8")
    assert parts.folder(group) != old


@pytest.mark.parametrize("group", parts.GROUPS, ids=lambda g: g.name)
def test_every_group_is_pinned_by_hash(group: parts.Group) -> None:
    folder = ROOT / "ci" / "cluster" / "parts" / group.name
    needs = re.search(r"^require|^\t\S+ v", (folder / "go.mod").read_text(), re.MULTILINE)
    assert (folder / "go.sum").exists() == bool(needs)


def test_kubernetes_says_the_version_that_it_is_built_from() -> None:
    pinned = (ROOT / "ci/cluster/parts/kubernetes/go.mod").read_text()
    group = next(g for g in parts.GROUPS if g.name == "kubernetes")
    version = next(v.split("=")[1] for v in group.variables if v.endswith(".4") and "component-base" in v)
    assert f"k8s.io/kubernetes {version}" in pinned


def test_every_service_of_the_node_has_a_program() -> None:
    programs = {name for group in parts.GROUPS for name in group.programs} | {"containerd"}
    assert services.ARGUMENTS.keys() <= programs


def test_an_archive_holds_the_program_and_says_what_to_run(tmp_path: Path) -> None:
    program = tmp_path / "pause"
    program.write_bytes(b"code")
    archive.of_program(tmp_path / "pause.tar", "localhost/pause:1", program)
    with tarfile.open(tmp_path / "pause.tar") as image:
        manifest = json.load(image.extractfile("manifest.json"))[0]  # type: ignore[arg-type]
        config = json.load(image.extractfile(manifest["Config"]))  # type: ignore[arg-type]
        with tarfile.open(fileobj=image.extractfile(manifest["Layers"][0])) as layer:
            assert layer.getnames() == ["pause", "tmp"]
    assert manifest["RepoTags"] == ["localhost/pause:1"]
    assert config["config"]["Entrypoint"] == ["/pause"]


def test_the_api_servers_certificate_holds_under_every_name_that_is_used(tmp_path: Path) -> None:
    keys.write(tmp_path / "keys")
    certificate = x509.load_pem_x509_certificate((tmp_path / "keys" / "kube-apiserver.crt").read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "kubernetes.default.svc" in names.get_values_for_type(x509.DNSName)
    assert {str(ip) for ip in names.get_values_for_type(x509.IPAddress)} == {"127.0.0.1", "10.96.0.1", "10.200.0.1"}
