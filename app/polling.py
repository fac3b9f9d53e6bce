"""The only poll loop: asks a provider about a ticket until it says a final word."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from app.errors import LipSyncError, TimedOut
from app.model import Ticket, Update


class Checks(Protocol):
    """Whoever can be asked about a ticket: free, repeatable, and never waiting."""

    async def check(self, ticket: Ticket) -> Update:
        """The latest word on the ticket."""
        ...


class Clock(Protocol):
    """What time is, so that tests take none."""

    def now(self) -> float:
        """Seconds since some moment."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Let that much time pass."""
        ...


class RealClock:
    """The clock on the wall."""

    def now(self) -> float:
        """Seconds since some moment; never goes back."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Let that much time pass."""
        await asyncio.sleep(seconds)


@dataclass(frozen=True, slots=True)
class Pace:
    """How often a provider is asked: seconds between checks, and how many stumbles are forgiven."""

    interval: float
    stumbles: int = 5


async def follow(
    provider: Checks, ticket: Ticket, *, pace: Pace, patience: float, clock: Clock
) -> AsyncIterator[Update]:
    """Ask, yield the answer, sleep, and stop at the first final word.

    A retryable error is a stumble: forgiven several times in a row, and asked again when its
    ``retry_after`` says. Raises any other error, and TimedOut after ``patience`` seconds.
    """
    deadline = clock.now() + patience
    stumbles = 0
    while True:
        nap = pace.interval
        try:
            update = await provider.check(ticket)
        except LipSyncError as error:
            stumbles += 1
            if not error.retryable or stumbles > pace.stumbles:
                raise
            nap = error.retry_after or nap * 2**stumbles
        else:
            stumbles = 0
            yield update
            if update.state.final:
                return
        if clock.now() >= deadline:
            raise TimedOut
        await clock.sleep(max(0.0, min(nap, deadline - clock.now())))
