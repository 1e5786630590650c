"""The gateway's numbers; the worker serves them with its own."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

QUESTIONS = Counter(
    "wo_llm_questions_total", "Questions that ended, by agent and how: answered, or why not.", ["agent", "outcome"]
)
SECONDS = Histogram(
    "wo_llm_question_seconds",
    "Seconds from asking to the end, retries included.",
    ["agent"],
    buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120),
)
TRIES = Counter("wo_llm_tries_total", "Requests to the model server, by how each ended.", ["outcome"])
TOKENS = Counter("wo_llm_tokens_total", "Tokens, by agent and direction (in, out).", ["agent", "direction"])
COST = Counter("wo_llm_cost_total", "Cost by the prices that are set, by agent.", ["agent"])
RUNNING = Gauge("wo_llm_questions_running", "Questions being asked now.")
BREAKER_OPEN = Gauge("wo_llm_breaker_open", "1 while a failing model server is left alone.")
REPLAYED = Counter(
    "wo_llm_replayed_total", "Questions answered from the record of an earlier try, by agent.", ["agent"]
)
