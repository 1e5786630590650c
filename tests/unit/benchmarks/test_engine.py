"""What a report of the engine benchmark says of its numbers: percentiles, bars, a missed bar, a doubled effect."""

from __future__ import annotations

import copy
from xml.etree import ElementTree

import pytest

from benchmarks.engine import measure, report
from benchmarks.plot import bars

ROW = {"per_second": 40.0, "concurrent": 32, "cpu": {"postgres": 0.01, "client": 0.01},
       "whole_ms": {"p95": 900.0}, "decision_to_end": {"p95": 9.0}}  # fmt: skip
GOOD = {
    "plain": {**ROW, "per_second": 50.0},
    "ours": ROW,
    "low_load": {"decision_to_end": {"p95": 20.0}, "event_to_client": {"p95": 5.0}},
    "takeover_kill": {"max": 10_100.0, "effects": 5, "cases": 5},
    "takeover_stop": {"max": 10_200.0, "effects": 5, "cases": 5},
    "ended_items": {"ratio": 0.98},
    "burst": {"seconds": 200.0, "messages": 10_000},
}


def with_(path: str, value: float) -> dict:
    found = copy.deepcopy(GOOD)
    *parents, last = path.split(".")
    inner = found
    for name in parents:
        inner = inner[name]
    inner[last] = value
    return found


def test_a_percentile_is_a_value_that_was_measured():
    assert [measure.percentile([3.0, 1.0, 2.0, 4.0], share) for share in (0.5, 0.95, 1.0)] == [2.0, 4.0, 4.0]
    assert measure.percentile([7.0], 0.95) == 7.0


def test_all_bars_met_is_success():
    assert report.judge(GOOD) == 0


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("ours.per_second", 24.0),
        ("low_load.decision_to_end.p95", 51.0),
        ("low_load.event_to_client.p95", 21.0),
        ("takeover_kill.max", 15_100.0),
        ("takeover_stop.max", 15_100.0),
        ("ended_items.ratio", 0.89),
        ("burst.seconds", 601.0),
        ("takeover_kill.effects", 6),
    ],
)
def test_a_missed_bar_or_a_doubled_effect_fails_the_run(path, value):
    assert report.judge(with_(path, value)) == 1


def test_a_missed_bar_stands_out_in_its_line():
    [rate, *_] = report.BARS
    assert "aim reached" in rate.line(with_("ours.per_second", 55.0))
    assert "bar met" in rate.line(GOOD)
    assert "MISSED" in rate.line(with_("ours.per_second", 20.0))


def test_a_plot_is_svg_with_each_number_and_no_markup_of_a_name():
    drawn = ElementTree.fromstring(bars("a < b", {"x & y": 2.0, "z": 1.5}))
    texts = [element.text for element in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert {"a < b", "x & y", "2", "z", "1.5"} <= set(texts)
