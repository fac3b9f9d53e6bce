"""Copies of finished videos that could not be made at once, and when each is tried again."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial

import sqlalchemy as sa

from app.database import METADATA, Database

FIRST_PAUSE = 10.0
LONGEST_PAUSE = 3600.0
"""Seconds before the next attempt: twice as many each time, up to this."""
CLAIMED_FOR = 300.0
"""Seconds that one process has for an attempt before another may try."""
_LOOK_AGAIN = 60.0
"""Seconds after which it is looked for what other processes left."""

_copies = sa.Table(
    "late_copies",
    METADATA,
    sa.Column("job_id", sa.String, primary_key=True),
    sa.Column("due_at", sa.Float, nullable=False, index=True),  # seconds since 1970, UTC
    sa.Column("until", sa.Float, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("warning", sa.String, nullable=False),
)


@dataclass(frozen=True, slots=True)
class LateCopy:
    """A copy that is still to be made. ``warning`` is what the job's readers are told till then."""

    job_id: str
    due_at: float
    until: float
    tries: int
    warning: str


class Copies:
    """The list of late copies. It outlives the process; of several processes one tries each."""

    def __init__(self, database: Database, *, now: Callable[[], float] = time.time) -> None:
        self._database = database
        self._engine = database.engine
        self._now = now
        self._news = asyncio.Event()

    async def add(self, job_id: str, warning: str, *, until: datetime) -> None:
        """Have a copy tried from soon on until a moment. What is listed already stays.

        However long the database is away: what was paid for is not to fail for it.
        """
        due_at = self._now() + FIRST_PAUSE
        row = LateCopy(job_id, due_at, until.timestamp(), 0, warning)
        await self._database.patiently(partial(self._list, row))
        self._news.set()

    async def _list(self, row: LateCopy) -> None:
        with contextlib.suppress(sa.exc.IntegrityError):
            async with self._engine.begin() as connection:
                await connection.execute(sa.insert(_copies).values(asdict(row)))

    async def claim(self) -> LateCopy | None:
        """The copy that has been due for longest, for this process alone; None where none is."""
        now = self._now()
        due = sa.select(_copies).where(_copies.c.due_at <= now).order_by(_copies.c.due_at)
        async with self._engine.begin() as connection:
            row = (await connection.execute(due.limit(1))).mappings().one_or_none()
            if row is None:
                return None
            late = LateCopy(**row)
            mine = sa.update(_copies).where(
                _copies.c.job_id == late.job_id, _copies.c.due_at == late.due_at
            )
            claimed = await connection.execute(mine.values(due_at=now + CLAIMED_FOR))
        return late if claimed.rowcount else None

    async def postpone(self, late: LateCopy) -> bool:
        """Have it tried again later. False, and given up, when its time is over."""
        due_at = self._now() + min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (late.tries + 1))
        if due_at > late.until:
            await self.remove(late.job_id)
            return False
        change = sa.update(_copies).where(_copies.c.job_id == late.job_id)
        async with self._engine.begin() as connection:
            await connection.execute(change.values(due_at=due_at, tries=late.tries + 1))
        return True

    async def remove(self, job_id: str) -> None:
        """Try no more."""
        async with self._engine.begin() as connection:
            await connection.execute(sa.delete(_copies).where(_copies.c.job_id == job_id))

    async def next(self) -> None:
        """Wait until another copy may be due."""
        async with self._engine.connect() as connection:
            due_at = (await connection.execute(sa.select(sa.func.min(_copies.c.due_at)))).scalar()
        pause = _LOOK_AGAIN if due_at is None else max(0.0, due_at - self._now())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(pause, _LOOK_AGAIN)):
                await self._news.wait()
        self._news.clear()
