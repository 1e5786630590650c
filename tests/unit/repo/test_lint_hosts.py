import pytest

from ci.tools import lint_hosts


def _problems(line: str) -> list[str]:
    return [p.message for p in lint_hosts.problems("docs/x.md", line, checkout="/srv/checkouts/wo")]


@pytest.mark.parametrize("user", ["/" + "home/anna/wo", "/" + "Users/anna", "see /" + "root/x", "/" + "work/main/a"])
def test_a_path_of_one_machine_is_refused(user):
    assert len(_problems(user)) == 1


def test_the_checkouts_own_place_is_refused():
    assert len(_problems("open('/srv/checkouts/wo/a')")) == 1


@pytest.mark.parametrize("host", ["pypi" + ".org", "https://files.python" + "hosted.org/x", "ghcr" + ".io/a/b:1"])
def test_a_registrys_host_is_refused(host):
    assert len(_problems(f"from {host}")) == 1


@pytest.mark.parametrize("line", ["https://www.apache.org/licenses/", "/v1/work/x", "~/home/x", "docs/home/a", "a.io"])
def test_other_paths_and_hosts_are_fine(line):
    assert not _problems(line)
