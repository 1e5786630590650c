"""The bridge's numbers. Lag and age come with alerts in the chart."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

RECORDS = Counter(
    "wo_bridge_records_total",
    "Records taken from Kafka: accepted, known (same bytes as before), redelivered, refused (dead-lettered).",
    ["outcome"],
)
for _outcome in ("accepted", "known", "redelivered", "refused"):
    RECORDS.labels(_outcome)  # from 0 on: an alert sees an increase only of a series that was there before
LAG = Gauge("wo_bridge_lag_records", "Records of a partition that are not taken yet.", ["topic", "partition"])
BACKLOG = Gauge("wo_bridge_backlog_records", "Records fetched and not taken yet.")
BACKLOG_BYTES = Gauge("wo_bridge_backlog_bytes", "Their size.")
PAUSED = Gauge("wo_bridge_paused_partitions", "Partitions that wait until the database has caught up.")
WAITING = Gauge("wo_bridge_waiting_records", "Records that wait for the database or the dead-letter topic to answer.")
EVENTS = Counter("wo_bridge_events_total", "Log entries that Kafka acknowledged.")
EVENT_SECONDS = Histogram(
    "wo_bridge_event_seconds",
    "Seconds from a log entry to Kafka's acknowledgement.",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 300, 3600),
)
OUTBOX_AGE = Gauge("wo_bridge_outbox_age_seconds", "Seconds that the oldest unsent log entry has waited.")
LEADS = Gauge("wo_bridge_outbox_leads", "1 while this bridge is the one that sends.")
BROKERS = Gauge("wo_bridge_broker_reachable", "1 while Kafka answers and has every topic we need.")
