import pytest

from ci.tools import lint_settings


@pytest.mark.parametrize(
    "text",
    [
        "import os\nurl = os.environ['DATABASE_URL']",
        "import os\nurl = os.getenv('DATABASE_URL')",
        "from os import environ",
        "from os import path, getenv",
    ],
)
def test_reading_the_environment_is_refused(text, package_file):
    (problem,) = lint_settings.problems(package_file(text))
    assert "settings.py" in problem.message


def test_other_uses_of_os_are_fine(package_file):
    assert not list(lint_settings.problems(package_file("import os\nos.getpid()\nenviron = {}\nenviron.get('x')")))


def test_settings_itself_may_read_it(write):
    write("src/workflow_orchestration/settings.py", "import os\nos.environ\n")
    root = write("src/workflow_orchestration/api/app.py", "import os\nos.environ\n")
    assert [p.path for p in lint_settings.check(root)] == ["src/workflow_orchestration/api/app.py"]
