from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflow_orchestration.cli import secretfile
from workflow_orchestration.cli.envfile import complete, faults_of_form, text, variables
from workflow_orchestration.cli.exits import WrongUsage
from workflow_orchestration.domain.errors import SettingsError

URL = "postgresql://wo_api:pw@db:5432/wo"


def test_what_is_given_is_kept():
    given_values = {"DATABASE_URL": URL, "WEBHOOK_SECRET": "k" * 20, "API_PORT": "8001"}
    assert complete(given_values, database=None).items() >= given_values.items()
    kept = {"API_DATABASE_URL": URL, "WEBHOOK_SECRET": "k" * 20, "OIDC_ISSUERS": "[]"}
    assert secretfile.complete(kept, database="db:5432/wo").items() >= kept.items()


def test_secrets_are_fresh_each_time():
    one, two = (complete({"DATABASE_URL": URL}, database=None) for _ in range(2))
    assert one["LOCAL_ISSUER_KEY"] != two["LOCAL_ISSUER_KEY"]
    assert len(one["LOCAL_ISSUER_KEY"]) >= 32


def test_every_key_of_the_secret_has_a_value_of_its_own():
    values = secretfile.complete({}, database="wo-db:5432/wo")
    assert values.keys() == {key.name for key in secretfile.KEYS if not key.optional}
    assert len(set(values.values())) == len(values)


def test_a_cluster_gets_no_local_issuer_key_and_no_persons_token_by_itself():
    values = secretfile.complete({"API_TOKEN": "anna's"}, database="wo-db:5432/wo")
    assert not values.keys() & {"LOCAL_ISSUER_KEY", "API_TOKEN"}


def test_where_the_database_is_gives_every_address_a_role_and_a_password_of_its_own():
    values = secretfile.complete({}, database="wo-db:5432/wo")
    assert values["API_DATABASE_URL"].startswith("postgresql://wo_api:")
    assert values["WORKER_DATABASE_URL"].startswith("postgresql://wo_worker:")
    assert values["DATABASE_OWNER_URL"].startswith("postgresql://wo_owner:")
    assert values["API_DATABASE_URL"].endswith("@wo-db:5432/wo")
    assert values["AIRFLOW_DATABASE_URL"].startswith("postgresql+psycopg2://airflow:")
    assert values["AIRFLOW_DATABASE_URL"].endswith("@wo-db:5432/airflow")


@pytest.mark.parametrize("make", [complete, secretfile.complete])
def test_nothing_about_the_database_is_an_error_that_names_both_ways(make):
    with pytest.raises(SettingsError) as error:
        make({}, database=None)
    assert "_URL" in error.value.detail
    assert "--database" in error.value.fix


def test_the_file_names_every_variable_with_its_meaning():
    content = text(complete({"DATABASE_URL": URL}, database=None))
    for variable in variables():
        assert f"{variable.name}=" in content
        assert variable.meaning in content


@given(st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1).filter(lambda v: v == v.strip()))
def test_a_cluster_file_holds_the_very_value(value):
    content = secretfile.text({"WEBHOOK_SECRET": value})
    assert f"\nWEBHOOK_SECRET={value}\n" in content


@pytest.mark.parametrize("write", [text, secretfile.text])
def test_a_line_break_in_a_value_is_refused(write):
    with pytest.raises(WrongUsage, match="line break"):
        write({"WEBHOOK_SECRET": "a\nB=c"})


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("export A=1", "line 1: `export` is refused"),
        ("A='1'", "keeps the quotes"),
        ('A="1"', "keeps the quotes"),
        ("A=1 # one", "keeps the comment"),
        ("A= 1", "keeps the space"),
        ("A", "is no NAME=value"),
        ("1A=2", "is no NAME=value"),
    ],
)
def test_what_kubectl_would_keep_or_refuse_is_named(line, fault):
    [found] = faults_of_form(line)
    assert fault in found


def test_comments_blank_lines_and_json_are_fine_for_kubectl():
    assert list(faults_of_form('# a\n\nOIDC_ISSUERS=[{"issuer":"https://idp"}]\nA=b#c\n')) == []
