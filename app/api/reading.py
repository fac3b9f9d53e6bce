"""Reads jobs for whoever asks: as they stand, as they change, or once they are final."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from starlette.responses import JSONResponse

from app.api.schemas import job_out
from app.errors import NotFound
from app.model import Job
from app.store import Store

NOT_KEPT = {"Cache-Control": "no-store"}
"""What goes with all that is said of jobs: it changes, and is not for everybody."""
ASK_AGAIN = {"Retry-After": "1"}
"""What goes with the answer about a job that is not final."""
_REREAD = 2.0
"""Seconds after which a waiting request looks again, whether it heard of a change or not."""
_MOST_REREADS = 100
"""A second, of all waiting requests together: thousands of them would leave no time for others."""
_GLANCE = 2.0
"""Seconds after which a waiting request notices that the service is about to end."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Once ``closing`` is set nobody is kept waiting any longer: the service is about to end.

    ``sign`` makes the path of a video one that plays without a key.
    """

    store: Store
    closing: asyncio.Event
    sign: Callable[[str], str]

    def told(self, job: Job) -> dict[str, Any]:
        """The job resource."""
        others = None if job.provider == "gooey" else {"gooey_url"}
        return job_out(job, self.sign).model_dump(mode="json", exclude=others)

    def answer(self, job: Job, status: int, headers: Mapping[str, str]) -> JSONResponse:
        """The job resource as an answer."""
        return JSONResponse(self.told(job), status, {**NOT_KEPT, **headers})

    def place(self, job: Job) -> dict[str, str]:
        """The header that says where a job is, also for who reaches this service under a path."""
        return {"Location": f"{urlsplit(job.base_url).path}/lipsync/{job.id}"}

    async def existing(self, job_id: str) -> Job:
        """The job as it stands. Raises NotFound."""
        job = await self.store.find(job_id)
        if job is None:
            raise NotFound("There is no such job.")
        return job

    async def finished(self, job: Job, within: float) -> Job:
        """The job once it is final, or as it stands after ``within`` seconds."""
        if within > 0 and not job.state.final:
            async for changed in self.watch(job.id, within):
                job = changed
        return job

    async def watch(self, job_id: str, within: float = math.inf) -> AsyncIterator[Job]:
        """The job as it stands and after every change, for ``within`` seconds or until it is final.

        Changes that come faster than they are read are seen as one. Raises NotFound.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + within
        with self.store.news(job_id) as news:
            seen = job = await self.existing(job_id)
            yield job
            while not (job.state.final or self.closing.is_set()) and loop.time() < deadline:
                await self._hear(news, min(deadline, loop.time() + self._pause()))
                job = await self.existing(job_id)
                if job.revision != seen.revision:
                    seen = job
                    yield job

    def _pause(self) -> float:
        return max(_REREAD, self.store.hints.awaited / _MOST_REREADS)

    async def _hear(self, news: asyncio.Event, deadline: float) -> None:
        """Wait for the event, and make it ready for the next before anything is read."""
        loop = asyncio.get_running_loop()
        while not (news.is_set() or self.closing.is_set()) and loop.time() < deadline:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(min(deadline, loop.time() + _GLANCE)):
                    await news.wait()
        news.clear()
