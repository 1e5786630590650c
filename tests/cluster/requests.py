"""Plain requests at a steady rate to one address, each answer written down: what a rolling change costs clients."""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass, field

import httpx


@dataclass
class Stream:
    """Clients that ask again and again; no request is repeated, so every failure counts."""

    url: str
    token: str
    #: Requests in flight at once.
    clients: int = 4
    #: Seconds a client waits between two requests; 0 is as fast as it can.
    pause: float = 0.05
    #: "200", another status, or the name of a connection's error -> how often.
    answers: Counter[str] = field(default_factory=Counter)
    #: Seconds of each answered request.
    seconds: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._ending = threading.Event()
        self._threads = [threading.Thread(target=self._ask, daemon=True) for _ in range(self.clients)]

    def __enter__(self) -> Stream:
        self._began = time.monotonic()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join(30)
        self.took = time.monotonic() - self._began

    @property
    def failures(self) -> dict[str, int]:
        return {answer: n for answer, n in self.answers.items() if answer != "200"}

    def _ask(self) -> None:
        headers = {"Authorization": f"Bearer {self.token}"}
        with httpx.Client(base_url=self.url, headers=headers, timeout=20) as http:
            while not self._ending.is_set():
                began = time.monotonic()
                self.answers[self._once(http)] += 1
                self.seconds.append(time.monotonic() - began)
                time.sleep(self.pause)

    def _once(self, http: httpx.Client) -> str:
        try:
            return str(http.get("/v1/cases", params={"limit": 20}).status_code)
        except httpx.TransportError as error:
            return type(error).__name__
