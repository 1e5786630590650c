from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.inference import agents, config, cost, load, report, results
from benchmarks.inference.config import Limits, Price, Workload
from benchmarks.inference.lines import lines
from benchmarks.inference.servers import Machine
from benchmarks.inference.watch import Sample, summed
from workflow_orchestration.llm import prompts

LIMITS = Limits(first_token_ms=100, output_token_ms=10)
PRICE = Price(3.6, "a machine", date(2026, 1, 1), "a page")


def request(first_token=50.0, output_token=5.0, scheduled=1000.0, late=1.0, tokens_out=64) -> dict:
    return {
        "time_to_first_token_ms": first_token, "inter_token_latency_ms": output_token,
        "request_latency": (scheduled - late) / 1000, "request_scheduled_latency": scheduled / 1000,
        "request_dispatch_delay": late / 1000, "prompt_tokens": 128, "output_tokens": tokens_out,
    }  # fmt: skip


def measured(*answered: dict, errored=0, incomplete=0, duration=10.0) -> dict:
    totals = {"successful": len(answered), "errored": errored, "incomplete": incomplete}
    return {
        "requests": {"successful": list(answered)},
        "metrics": {"request_totals": totals},
        "duration": duration,
    }


def point(*runs: dict, **changes) -> results.Point:
    given = {"backend": "vllm", "workload": "plain", "shape": "open", "offered": 2.0, **changes}
    return results.point(list(runs), limits=LIMITS, server={}, **given)


def test_repeats_are_one_sample_and_nothing_that_failed_is_lost():
    found = point(
        measured(request(), request(), errored=3),
        measured(request(), incomplete=2, duration=5.0),
    )
    assert (found.answered, found.errors, found.unfinished, found.seconds) == (3, 3, 2, 15.0)
    assert found.requests_per_second == pytest.approx(3 / 15)
    assert found.output_tokens_per_second == pytest.approx(3 * 64 / 15)


def test_a_load_under_which_nothing_is_answered_is_no_point():
    with pytest.raises(ValueError, match=r"vllm answered nothing under 2 of plain \(open\)"):
        point(measured(errored=5))


def test_goodput_counts_requests_that_keep_both_limits():
    found = point(measured(request(), request(first_token=101), request(output_token=11)))
    assert found.goodput == pytest.approx(1 / 10)


def test_latency_counts_from_when_a_request_was_meant_to_leave():
    found = point(measured(*[request(scheduled=5000, late=4000)] * 20))
    assert found.latency.p99 == pytest.approx(1000)
    assert found.scheduled.p99 == pytest.approx(5000)
    assert found.late_client


def test_a_client_that_was_on_time_is_not_called_late():
    assert not point(measured(*[request(late=5)] * 20)).late_client


def test_a_closed_loop_has_no_plan_to_be_late_against():
    assert not point(measured(*[request(late=900)] * 20), shape="closed").late_client


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=300))
def test_a_percentile_is_a_value_that_was_seen_and_they_rise(values):
    found = results.spread(values)
    ranks = [found.p50, found.p90, found.p95, found.p99]
    assert set(ranks) <= set(values)
    assert ranks == sorted(ranks)
    assert found.low <= found.mean + 1e-6
    assert found.high >= found.mean - 1e-6 or len(set(values)) > 1


def test_the_p99_of_a_hundred_is_the_last_but_one():
    assert results.percentile(list(range(1, 101)), 99) == 99
    assert results.percentile(list(range(1, 101)), 50) == 50
    assert results.percentile([7], 99) == 7


def test_a_token_costs_more_where_fewer_are_asked_for():
    quiet, busy = point(measured(request(), duration=10)), point(measured(*[request()] * 10, duration=10))
    (idle, full) = cost.curve([replace(busy, offered=9.0), replace(quiet, offered=1.0)], PRICE)
    # 3.6 USD an hour is a thousandth a second; 6.4 and 64 tokens are made in it
    assert idle.per_million_tokens == pytest.approx(0.001 / 6.4 * 1e6)
    assert full.per_million_tokens == pytest.approx(0.001 / 64 * 1e6)
    assert full.per_case == pytest.approx(0.001 / 1 * cost.CALLS_A_CASE)


def test_two_nodes_cost_twice():
    (one,) = cost.curve([point(measured(request()))], PRICE)
    (two,) = cost.curve([point(measured(request()))], PRICE, nodes=2)
    assert two.per_case == pytest.approx(2 * one.per_case)


def test_backends_that_wrote_other_lengths_are_called_not_comparable():
    same = point(measured(request(tokens_out=64)))
    longer = replace(same, backend="ollama", tokens_out=66.0)
    labels = {"vllm": "vLLM", "ollama": "Ollama"}
    (warning,) = report.unlike([same, longer], labels)
    assert "Ollama wrote 66.0 tokens an answer and vLLM 64.0" in warning
    assert not report.unlike([same, replace(longer, tokens_out=65.0)], labels)


def test_a_p99_of_few_says_so():
    assert report.notes(point(measured(request()))) == ["p99 of 1"]
    assert report.notes(replace(point(measured(request())), answered=1000)) == []


def test_the_servers_side_is_what_was_added_and_the_most_that_was_seen():
    names = ("vllm:num_requests_waiting", "vllm:prefix_cache_queries_total", "vllm:prefix_cache_hits_total")
    rows = [(1, 100, 50), (7, 200, 80), (2, 300, 150)]
    seen = [Sample(10.0 + n, dict(zip(names, row, strict=True)), 2.0 * n, None) for n, row in enumerate(rows)]
    assert summed(seen) == {"processor cores": 2.0, "waiting, most": 7, "prefix cache hits, %": 50.0}
    assert summed(seen[:1]) == {}


def test_both_names_of_the_bound_are_sent_and_the_agents_schema_too(tmp_path):
    target = load.Target("http://here", "tiny", tmp_path, key="k", has_health=False)
    body = load._backend(target, Workload("agents", output_tokens=512))["extras"]["body"]
    assert body["max_tokens"] == body["max_completion_tokens"] == 512
    assert body["response_format"]["json_schema"]["name"] == "Triage"
    assert load._backend(target, Workload("plain", 64, 128))["extras"]["body"]["max_tokens"] == 64


def test_an_open_loop_ends_when_all_is_answered_and_a_closed_one_by_the_clock():
    open_loop = load._ends("open", [2.0, 3.5], 10)
    assert '"count": [20, 35]' in open_loop[0]
    assert load._ends("closed", [4], 10) == ["--constraint=kind=max_duration,seconds=10"]


def test_the_agents_prompts_share_their_beginning_and_nothing_else():
    first, second = (prompts.messages(agents.question(n)) for n in (1, 2))
    assert first[0] == second[0]
    assert first[1] != second[1]
    assert agents.question(1) == agents.question(1)


def test_the_committed_configuration_can_be_read_and_names_what_it_has():
    found = config.read()
    assert {name for backend in found.backends for name in backend.workloads} == set(found.workloads)
    assert set(found.forms) == {"short", "full"}
    assert all(price.source and price.seen <= date.today() for price in found.prices.values())


def test_a_plot_names_its_lines_and_escapes_them():
    svg = lines("a < b", {"one": [(1, 2), (2, 4)], "two": []}, x="load", y="ms")
    assert "a &lt; b" in svg
    assert svg.count("<polyline") == 2
    assert svg.count("<circle") == 2


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(SystemExit, match=r"MODEL=.*: has no config\.json; name a folder with a model's weights"):
        Machine.of(str(tmp_path))


def test_without_a_gpu_nothing_is_called_a_gpus_number(tmp_path, monkeypatch):
    (tmp_path / "config.json").write_text("{}")
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(SystemExit, match="no GPU: nvidia-smi is not on PATH"):
        Machine.of(str(tmp_path))


def test_a_report_without_a_gpus_results_leaves_every_target_open(tmp_path, monkeypatch):
    monkeypatch.setattr(report, "RESULTS", tmp_path)
    monkeypatch.setattr(report, "PAGE", tmp_path / "page.md")
    about = report.About("CPU numbers", "short", date(2026, 1, 1), 1.0, 5.0, 2, {"vLLM": "0"}, "cpu", gpu=False)
    answered = point(measured(request(), errored=1))
    report.keep(about, [answered, replace(answered, shape="closed")], ["Ollama: gone"], [("vllm", "plain", 1.0)])
    assert report.kept("cpu").points[0] == answered
    report.write(config.read())
    page = (tmp_path / "page.md").read_text()
    assert page.count("OPEN: `make bench-llm-gpu`") == 5
    assert "**CPU numbers.**" in page
    assert "- OPEN: Ollama: gone" in page
    assert "**Other work ran on the machine**: its load average was 5.0 on 2 cores" in page
    assert "| vLLM, the chart's flags | open 2 | 1 | 1 | 0 |" in page
    assert "No GPU was measured" in (tmp_path / "report.html").read_text()
