"""Whose turn it is at a provider that takes only so much: the oldest job's."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from app.hints import ROOM, Hints
from app.model import Allowance

LOOK_AGAIN = 1.0
"""Seconds after which the next in turn tries again, although nothing was heard to have ended."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One job's place among those that wait for the same provider."""

    job_id: str
    waiting: set[str]
    news: asyncio.Event

    @property
    def come(self) -> bool:
        """Whether no older job waits in this process: only the oldest one asks the database."""
        return self.job_id == min(self.waiting)

    async def pause(self) -> None:
        """Wait until there may be room."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_AGAIN):
                await self.news.wait()
        self.news.clear()


class Turns:
    """The jobs of this process that wait until their provider may be sent more."""

    def __init__(self, hints: Hints) -> None:
        self._hints = hints
        self._waiting: dict[tuple[str, ...], set[str]] = {}

    @contextmanager
    def join(self, job_id: str, allowance: Allowance | None) -> Iterator[Turn]:
        """Take a place. Where everything is allowed, it is always one's turn."""
        waiting = self._waiting.setdefault(allowance.providers, set()) if allowance else set()
        waiting.add(job_id)
        try:
            with self._hints.news(ROOM) as news:
                yield Turn(job_id, waiting, news)
        finally:
            waiting.discard(job_id)
            self._hints.tell(ROOM, job_id)
