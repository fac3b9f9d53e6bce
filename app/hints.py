"""Hints that something changed, so that whoever waits for it looks again at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

JOB, CANCEL, DELIVERY, LOOK, ROOM = "job", "cancel", "delivery", "look", "room"
REPLICAS = "replicas"
"""Topics: a job's row changed; its end was asked for; somebody is to be told that it is final; its
provider says that it is worth a look; it ended, so that another may have its turn; a replica is
gone."""


class Hints:
    """Wakes those who wait. A hint may get lost: waiting has an end, and the truth is the row."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[str, str | None], set[asyncio.Event]] = {}
        self._listeners: dict[str, Callable[[str], None]] = {}

    def tell(self, topic: str, name: str) -> None:
        """Wake whoever waits for this."""
        for key in ((topic, name), (topic, None)):
            for event in self._waiting.get(key, ()):
                event.set()
        if listener := self._listeners.get(topic):
            listener(name)

    @property
    def awaited(self) -> int:
        """How many things are waited for."""
        return len(self._waiting)

    def tell_all(self) -> None:
        """Wake everybody: hints may have been lost."""
        for events in self._waiting.values():
            for event in events:
                event.set()

    def listen(self, topic: str, listener: Callable[[str], None]) -> None:
        """Call ``listener`` with the name in each hint on a topic."""
        self._listeners[topic] = listener

    @contextmanager
    def news(self, topic: str, name: str | None = None) -> Iterator[asyncio.Event]:
        """An event that every hint on this sets; without a ``name`` every one on the topic.

        Whoever waits for it clears it first and reads then, so that no change is missed.
        """
        event = asyncio.Event()
        waiting = self._waiting.setdefault((topic, name), set())
        waiting.add(event)
        try:
            yield event
        finally:
            waiting.discard(event)
            if not waiting:
                self._waiting.pop((topic, name), None)
