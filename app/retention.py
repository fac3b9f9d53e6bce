"""Deletes what has become old: first the files of a job, much later all that is known of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog

from app.archive import Archive
from app.store import Store

RECORDS_LAST = 4
"""How many times as long as its files a job's record is kept."""
SWEEP_SECONDS = 3600.0
_BATCH = 100
"""Jobs that are asked for at a time."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Retention:
    """Files go ``lasts`` after their job has ended. Nothing of a job under way is touched.

    Several replicas may do this at the same time: what one of them deleted, another does not find.
    """

    store: Store
    archive: Archive
    forget: Callable[[str], Awaitable[None]]
    """Drops what the engine knows of a job."""
    lasts: timedelta

    async def run(self) -> None:
        """Sweep now and every hour, as long as the service runs."""
        while True:
            try:
                await self.sweep(datetime.now(UTC))
            except Exception:
                log.exception("the sweep did not come to its end")
            await asyncio.sleep(min(SWEEP_SECONDS, self.lasts.total_seconds()))

    async def sweep(self, now: datetime) -> None:
        """Delete what is old at this moment."""
        while jobs := await self.store.ended_before(now - self.lasts, most=_BATCH, expired=False):
            for job_id in jobs:
                await self.archive.discard(job_id)
                await self.store.expire(job_id)
            log.info("old files were deleted", jobs=len(jobs))
        forgotten = now - self.lasts * RECORDS_LAST
        while jobs := await self.store.ended_before(forgotten, most=_BATCH, expired=True):
            for job_id in jobs:
                await self.forget(job_id)
                await self.store.remove(job_id)
            log.info("old jobs were forgotten", jobs=len(jobs))
