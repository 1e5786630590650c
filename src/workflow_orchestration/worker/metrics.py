"""The worker's numbers."""

from __future__ import annotations

from typing import get_args

from prometheus_client import Counter, Gauge, Histogram

from workflow_orchestration.store.work import Kind

ITEMS = Counter("wo_worker_items_total", "Work items that ended here, by kind and how.", ["kind", "outcome"])
for _kind in get_args(Kind):
    for _outcome in ("done", "failed", "dead"):
        ITEMS.labels(_kind, _outcome)  # from 0 on: an alert sees an increase only of a series that was there before
ITEM_SECONDS = Histogram("wo_worker_item_seconds", "Seconds a work item took, by kind.", ["kind"])
RUNNING = Gauge("wo_worker_items_running", "Work items running now.")
