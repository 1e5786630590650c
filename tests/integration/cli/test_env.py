from __future__ import annotations

import stat

import pytest

from workflow_orchestration import settings
from workflow_orchestration.cli.envfile import read
from workflow_orchestration.cli.main import run
from workflow_orchestration.cli.session import Session

OIDC = '[{"name": "corp", "issuer": "https://idp.example", "jwks_url": "https://idp.example/keys"}]'
KEY = "k" * 40
CLUSTER = ("--target", "cluster", "--database", "wo-db:5432/wo")


@pytest.fixture
def env(capsys):
    def command(*argv):
        code = run(["env", *argv], Session())
        return code, *capsys.readouterr()

    return command


@pytest.fixture
def oidc(monkeypatch):
    monkeypatch.setenv("OIDC_ISSUERS", OIDC)


SECRETS = ("DATABASE_URL", "DATABASE_OWNER_URL", "API_TOKEN", "LOCAL_ISSUER_KEY", "WEBHOOK_SECRET")


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_every_variable_is_printed_and_no_secret(env, monkeypatch, form):
    for name in SECRETS:
        monkeypatch.setenv(name, f"postgresql://wo:s3cret@db/{name}")
    monkeypatch.setenv("COLUMNS", "300")
    code, out, _ = env(*form)
    assert code == 0
    assert all(name.upper() in out for name in settings.Settings.model_fields)
    assert out.count("********") == len(SECRETS)
    assert "s3cret" not in out


def test_a_local_file_is_complete_and_only_its_owner_may_read_it(env, tmp_path):
    code, _, err = env("--database", "localhost:5432/wo", "--write", "local.env")
    assert (code, "environment: complete" in err) == (0, True)
    assert stat.S_IMODE((tmp_path / "local.env").stat().st_mode) == 0o600
    loaded = settings.load_file(tmp_path / "local.env")
    assert loaded.local_issuer_allowed
    assert loaded.owner_url().startswith("postgresql://wo_owner:")


def test_a_second_run_keeps_the_secrets(env, tmp_path):
    env("--database", "localhost:5432/wo", "--write", "local.env")
    before = read(tmp_path / "local.env")
    env("--write", "local.env")
    assert read(tmp_path / "local.env") == before


def test_the_environment_wins_over_the_file(env, tmp_path, monkeypatch):
    env("--database", "localhost:5432/wo", "--write", "local.env")
    monkeypatch.setenv("API_PORT", "8123")
    env("--write", "local.env")
    assert settings.load_file(tmp_path / "local.env").api_port == 8123


def test_values_survive_the_file_whatever_they_hold(env, tmp_path, monkeypatch):
    monkeypatch.setenv("WEBHOOK_SECRET", 'a $HOME "b" #c = \\ and some more')
    env("--database", "localhost:5432/wo", "--write", "local.env")
    secret = settings.load_file(tmp_path / "local.env").webhook_secret
    assert secret is not None
    assert secret.get_secret_value() == 'a $HOME "b" #c = \\ and some more'


def test_a_cluster_file_is_what_kubectl_keeps(env, tmp_path, oidc):
    code, _, err = env(*CLUSTER, "--write", "cluster.env")
    assert (code, "environment: complete" in err) == (0, True)
    assert f"\nOIDC_ISSUERS={OIDC}\n" in (tmp_path / "cluster.env").read_text()
    assert env("--check", "--target", "cluster", "--file", "cluster.env")[0] == 0


def test_a_cluster_file_takes_nothing_from_this_machines_dotenv(env, tmp_path, oidc):
    (tmp_path / ".env").write_text(f"DATABASE_URL=postgresql://wo_api@/wo?host=/socket\nLOCAL_ISSUER_KEY={KEY}\n")
    env(*CLUSTER, "--write", "cluster.env")
    assert "socket" not in (tmp_path / "cluster.env").read_text()
    assert KEY not in (tmp_path / "cluster.env").read_text()


def test_a_cluster_file_with_which_nobody_could_sign_in_is_4(env):
    code, _, err = env(*CLUSTER, "--write", "cluster.env")
    assert code == 4
    assert "OIDC_ISSUERS" in err


def test_a_file_that_only_dotenv_can_read_is_4_for_a_cluster(env, tmp_path, oidc):
    lines = f"DATABASE_URL='postgresql://a@b/c'\nexport WEBHOOK_SECRET={'x' * 20}\nOIDC_ISSUERS={OIDC}\n"
    (tmp_path / "mine.env").write_text(lines)
    assert env("--check", "--file", "mine.env")[0] == 0
    code, _, err = env("--check", "--target", "cluster", "--file", "mine.env")
    assert code == 4
    assert "line 1: DATABASE_URL: kubectl keeps the quotes" in err
    assert "line 2: `export`" in err


def test_each_wrong_variable_is_named(env, tmp_path):
    (tmp_path / "mine.env").write_text("DATABASE_URL=mysql://x\nAPI_PORT=0\n")
    code, _, err = env("--check", "--file", "mine.env")
    assert code == 4
    assert "DATABASE_URL: must start with postgresql://" in err
    assert "API_PORT: " in err


def test_where_no_database_is_named_nothing_is_written(env, tmp_path):
    code, _, err = env("--write", "local.env")
    assert (code, list(tmp_path.glob("local.env*"))) == (2, [])
    assert "--database" in err


def test_a_key_that_no_pod_reads_is_4(env, tmp_path, oidc):
    env(*CLUSTER, "--write", "cluster.env")
    with (tmp_path / "cluster.env").open("a") as file:
        file.write("DATABASE_URL=postgresql://a@b/c\n")
    code, _, err = env("--check", "--target", "cluster", "--file", "cluster.env")
    assert code == 4
    assert "DATABASE_URL: is no key of the Secret" in err


def test_a_short_or_missing_key_is_4(env, tmp_path, oidc):
    env(*CLUSTER, "--write", "cluster.env")
    file = tmp_path / "cluster.env"
    kept = [line for line in file.read_text().splitlines() if not line.startswith(("LLM_API_KEY=", "WEBHOOK_SECRET="))]
    file.write_text("\n".join([*kept, "WEBHOOK_SECRET=short"]) + "\n")
    code, _, err = env("--check", "--target", "cluster", "--file", "cluster.env")
    assert code == 4
    assert "LLM_API_KEY: is not set" in err
    assert "WEBHOOK_SECRET: has 5 characters" in err
