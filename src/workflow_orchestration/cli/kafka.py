"""What `wo` does with Kafka: only here, and only where the extra `kafka` is installed."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from workflow_orchestration.cli.exits import Unreachable, WrongUsage
from workflow_orchestration.cli.output import table

if TYPE_CHECKING:
    from rich.console import Console

_COLUMNS = ("partition", "offset", "topic", "reason", "detail", "skipped")


def load_bridge() -> Any:
    """The bridge's package; what is missing without the extra is said in one line."""
    try:
        import confluent_kafka  # noqa: F401 - is it there?
    except ImportError:
        raise WrongUsage("the Kafka client is not installed",
                         "Install the extra: workflow-orchestration[kafka].") from None  # fmt: skip
    from workflow_orchestration import bridge
    from workflow_orchestration.bridge import config, main, replay  # noqa: F401 - attributes of the package

    return bridge


def replay(*, limit: int | None, again: bool, dry_run: bool) -> list[dict[str, Any]]:
    """Replay dead letters; what was done with each."""
    bridge = load_bridge()
    from confluent_kafka import KafkaException

    from workflow_orchestration import settings

    bus = bridge.config.of(settings.load())
    try:
        return [asdict(r) for r in bridge.replay.replay_all(bus, limit=limit, again=again, dry_run=dry_run)]
    except (KafkaException, TimeoutError) as error:
        raise Unreachable(
            f"Kafka at {bus.servers}: {error}", "Check KAFKA_*; what was replayed is not again."
        ) from None


def print_replayed(out: Console, data: dict[str, Any]) -> None:
    out.print(table("Dead letters", _COLUMNS, [[r[c] for c in _COLUMNS] for r in data["items"]]))
