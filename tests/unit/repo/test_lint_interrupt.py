import pytest

from ci.tools import lint_interrupt

_TRY = "def node(state):\n    try:\n        answer = {call}({{}})\n    except{caught}:\n        raise\n"


@pytest.mark.parametrize("caught", ["", " Exception", " BaseException", " (ValueError, Exception)", " Exception as e"])
@pytest.mark.parametrize("call", ["interrupt", "types.interrupt"])
def test_a_handler_that_swallows_the_pause_is_refused(caught, call, package_file):
    assert len(list(lint_interrupt.problems(package_file(_TRY.format(caught=caught, call=call))))) == 1


def test_suppressing_everything_around_the_pause_is_refused(package_file):
    text = "with contextlib.suppress(Exception):\n    interrupt({})\n"
    assert len(list(lint_interrupt.problems(package_file(text)))) == 1


@pytest.mark.parametrize(
    "text",
    [
        _TRY.format(caught=" ValueError", call="interrupt"),
        _TRY.format(caught=" Exception", call="fetch"),
        "try:\n    fetch()\nexcept Exception:\n    interrupt({})\n",
    ],
)
def test_named_exceptions_and_other_calls_are_fine(text, package_file):
    assert not list(lint_interrupt.problems(package_file(text)))
