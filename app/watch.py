"""Whether a job may go on: its caller may not want it any more, or the service is about to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from enum import Enum, auto
from typing import Any, NoReturn, TypeVar

from app.errors import Canceled

T = TypeVar("T")


class Ending(Enum):
    """Why a job is not to go on here."""

    CANCELED = auto()
    PARKED = auto()


class Watch:
    """Interrupts one job's work, but never while a request is under way that may be paid for."""

    def __init__(self) -> None:
        self._work: asyncio.Task[Any] | None = None
        self._ending: Ending | None = None
        self.uncommitted = asyncio.Event()
        self.uncommitted.set()

    def commit(self) -> None:
        """From now on the work is let finish: what it is about to do cannot be taken back."""
        self.uncommitted.clear()

    def release(self) -> None:
        """It is done, or was not done after all: the work may be interrupted again."""
        self.uncommitted.set()
        if self._ending and self._work:
            self._work.cancel()

    def interrupt(self, ending: Ending) -> None:
        """End the work that may be interrupted."""
        self._ending = self._ending or ending
        if self._work and self.uncommitted.is_set():
            self._work.cancel()

    async def interruptible(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something that may be given up in the middle. Raises Canceled when it was."""
        if self._ending:
            work.close()
            await self._end()
        task: asyncio.Task[T] = asyncio.create_task(work)
        self._work = task
        try:
            return await task
        except asyncio.CancelledError:
            # Without a reason of ours it is the process that ends.
            if self._ending is None:
                raise
            await self._end()
        finally:
            self._work = None

    async def _end(self) -> NoReturn:
        if self._ending is Ending.CANCELED:
            raise Canceled
        await parked()


async def parked() -> NoReturn:
    """Wait for the end of the process: whoever takes the job up goes on with it."""
    await asyncio.Future()
    raise AssertionError("nothing ends this wait")
