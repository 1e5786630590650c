"""The worker's numbers."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

ITEMS = Counter("wo_worker_items_total", "Work items that ended here, by kind and how.", ["kind", "outcome"])
ITEM_SECONDS = Histogram("wo_worker_item_seconds", "Seconds a work item took, by kind.", ["kind"])
RUNNING = Gauge("wo_worker_items_running", "Work items running now.")
