"""A real Kafka broker (KRaft, one node) for tests and benchmarks, from Maven artefacts: no image, no root.

The jars lie in the user's cache, keyed by the pom's hash; only the first start needs Maven and the network.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import time
import uuid
from pathlib import Path

import fasteners
from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from ci.local.killing import free_port

POM = Path(__file__).parent / "pom.xml"
_START_SECONDS = 90.0
_LISTENERS = "PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}"
_CONFIG = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listeners={listeners}{extra}
log.dirs={folder}/data
num.partitions=4
auto.create.topics.enable=false
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
share.coordinator.state.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
log.cleaner.dedupe.buffer.size=2097152
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
"""


class Broker:
    """One broker in one folder: start it, kill it, start it again on the same port with the same data."""

    def __init__(self, folder: Path, *, listeners: str = "", extra: str = "") -> None:
        """`listeners` and `extra` add to the plain listener; in them `{port}` is its port, `{sasl}` a second one."""
        self.folder = folder
        self.port, self.sasl_port, controller = free_port(), free_port(), free_port()
        folder.mkdir(parents=True, exist_ok=True)
        every = _LISTENERS.format(port=self.port, controller=controller) + listeners
        text = _CONFIG.format(folder=folder, controller=controller, listeners=every, extra=extra)
        self._config = folder / "server.properties"
        self._config.write_text(text.replace("{sasl}", str(self.sasl_port)).replace("{port}", str(self.port)))
        self._process: subprocess.Popen[bytes] | None = None
        self._java("kafka.tools.StorageTool", "format", "-t", _uuid(), "-c", str(self._config)).check_returncode()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start and wait until it answers."""
        log = (self.folder / "broker.log").open("ab")
        self._process = subprocess.Popen(self._command("kafka.Kafka", str(self._config)), stdout=log, stderr=log)
        until = time.monotonic() + _START_SECONDS
        while time.monotonic() < until:
            if self._process.poll() is not None:
                raise RuntimeError(f"the broker ended with {self._process.returncode}: {self.folder / 'broker.log'}")
            with contextlib.suppress(OSError, KafkaException), socket.create_connection(("127.0.0.1", self.port), 1):
                self.admin().list_topics(timeout=5)
                return
            time.sleep(0.1)
        raise TimeoutError(f"the broker did not answer within {_START_SECONDS:.0f} s: {self.folder / 'broker.log'}")

    def kill(self) -> None:
        """SIGKILL: what it had not written to its files stays in the page cache, as after a crash of the process."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        self._end(signal.SIGKILL)
        shutil.rmtree(self.folder)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(30)
            self._process = None

    def admin(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": self.address, "log_level": 0})

    def create_topics(self, *names: str, partitions: int = 4, **config: str) -> None:
        admin = self.admin()  # held until the answers are there: its futures die with it
        for future in admin.create_topics([NewTopic(n, partitions, 1, config=config) for n in names]).values():
            future.result(15)

    def delete_topics(self, *names: str) -> None:
        admin = self.admin()
        for future in admin.delete_topics(list(names)).values():
            future.result(15)

    def producer(self) -> Producer:
        return Producer({"bootstrap.servers": self.address, "linger.ms": 5, "acks": "all", "log_level": 0})

    def _java(self, *words: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(self._command(*words), check=False, capture_output=True)

    def _command(self, *words: str) -> list[str]:
        quiet = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
        jvm = ["-Xms128m", "-Xmx320m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto"]
        return ["java", *jvm, quiet, "-cp", f"{jars()}/*", *words]


def jars() -> Path:
    """The folder with the broker's jars, filled by Maven once for each content of the pom."""
    key = hashlib.sha256(POM.read_bytes()).hexdigest()[:12]
    folder = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "workflow-orchestration" / f"kafka-{key}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with fasteners.InterProcessLock(folder.with_suffix(".lock")):
        if not folder.exists():
            draft = folder.with_suffix(f".{os.getpid()}")
            _copy_jars(draft)
            draft.rename(folder)  # whole or not at all
    return folder


def _copy_jars(folder: Path) -> None:
    """Offline when Maven's own cache has everything already."""
    goal = ["mvn", "-q", "-B", "-f", str(POM), "dependency:copy-dependencies", f"-DoutputDirectory={folder}"]
    if subprocess.run([*goal, "-o"], check=False, capture_output=True).returncode != 0:
        subprocess.run(goal, check=True)


def _uuid() -> str:
    """A cluster id as Kafka writes it: 22 letters of base64. A leading "-" (one id in 64) would read as an option."""
    return "w" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")[1:]
