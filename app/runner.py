"""Carries each job from its order to its video, on a durable engine (DBOS Transact).

One workflow a job, its id the job's. The workflow only holds how far the work has got; what a
reader sees is the job's row. A process that ends in the middle goes on at the step it was in.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer, SetWorkflowID

from app.database import keep_safe
from app.model import Job
from app.steps import Steps
from app.store import Store

STEPS = "2"
"""Changes only when the steps do: jobs under way are only taken up by the version they began in."""
GO_ON, NEXT, END = "go on", "next", "end"

Step = Callable[[str], Awaitable[str]]


class Runner:
    """Starts jobs, takes up those that were interrupted, and parks them at the end."""

    def __init__(self, steps: Steps, store: Store) -> None:
        self._steps = steps
        self._store = store
        self._stopping = False

    async def start(self, database: Path) -> None:
        """Start the engine on the running loop and take up what an earlier process left."""
        url = f"sqlite:///{database}"
        DBOS(
            config=DBOSConfig(
                name="lipsync-gateway",
                application_version=STEPS,
                executor_id="local",
                system_database_url=url,
                system_database_engine=_engine(url),
                serializer=DBOSPortableJSONSerializer(),
                max_executor_threads=16,
                log_level="ERROR",
            )
        )
        self._carry = self._workflow()
        DBOS.launch()
        await self._take_up()

    async def stop(self) -> None:
        """Park what is under way for the next start."""
        self._stopping = True
        await asyncio.to_thread(DBOS.destroy, destroy_registry=True)
        # The engine made its own threads the loop's, and ended them just now.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor())

    async def begin(self, job_id: str) -> None:
        """Have a recorded job carried out. Doing so twice changes nothing."""
        # Not through a queue: one that is looked into often enough to start a job within 100 ms
        # keeps an idle service busy. How many jobs there may be is decided at the door.
        with SetWorkflowID(job_id):
            await DBOS.start_workflow_async(self._carry, job_id)

    async def _take_up(self) -> None:
        """Give a workflow to jobs that have none, or none that goes on by itself."""
        for job_id in await self._store.unfinished():
            status = await DBOS.get_workflow_status_async(job_id)
            if status is None:
                await self.begin(job_id)
            elif status.status not in ("PENDING", "ENQUEUED"):
                await DBOS.resume_workflow_async(job_id)

    def _workflow(self) -> Callable[[str], Coroutine[Any, Any, None]]:
        steps = self._steps
        inspect = DBOS.step(name="inspect")(self._settled(steps.inspect))
        keep = DBOS.step(name="archive")(self._settled(steps.keep))
        asking = [
            DBOS.step(name="convert")(self._settled(steps.convert)),
            DBOS.step(name="submit")(self._settled(steps.submit)),
            DBOS.step(name="follow", preemptible=True)(self._settled(self._follow)),
        ]

        async def ask(job_id: str) -> str:
            """One provider after the other, until one takes the order to its end."""
            while (word := await _in_turn(asking, job_id)) == NEXT:
                pass
            return word

        async def carry(job_id: str) -> None:
            if await inspect(job_id) == GO_ON and await ask(job_id) == GO_ON:
                await keep(job_id)

        return DBOS.workflow(name="lipsync")(carry)

    def _settled(self, act: Callable[[Job], Awaitable[None]]) -> Step:
        """A step that ends the job in any case of error: a caller may be waiting for it."""

        async def run(job_id: str) -> str:
            try:
                await act(await self._steps.job(job_id))
            except Exception as problem:
                await self._park_if_stopping()
                return NEXT if await self._steps.settle(job_id, problem) else END
            await self._park_if_stopping()
            return GO_ON

        return run

    async def _follow(self, job: Job) -> None:
        await self._steps.follow(job, self._park_if_stopping)

    async def _park_if_stopping(self) -> None:
        """Wait for the end of the process, whatever it did to the step: the next start goes on."""
        if self._stopping:
            await asyncio.Future()


async def _in_turn(steps: Sequence[Step], job_id: str) -> str:
    for step in steps:
        if (word := await step(job_id)) != GO_ON:
            return word
    return GO_ON


def _engine(url: str) -> sa.Engine:
    """The engine's own database, kept as safe as the jobs are."""
    engine = sa.create_engine(url)
    sa.event.listen(engine, "connect", keep_safe)
    sa.event.listen(engine, "connect", _settle_in)
    return engine


def _settle_in(connection: sqlite3.Connection, _record: object) -> None:
    # The engine does this to the connections it makes itself: writers take turns from the start.
    connection.isolation_level = "IMMEDIATE"
    connection.execute("PRAGMA foreign_keys=ON")
    # From Python 3.12 on the engine takes for granted what SQLite has since 3.42 only.
    if sqlite3.sqlite_version_info < (3, 42):
        connection.create_function("unixepoch", 1, lambda _subsec: round(time.time(), 3))
