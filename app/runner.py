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
from app.hints import CANCEL
from app.model import Job
from app.steps import Lost, Steps
from app.store import Store
from app.watch import Ending, Watch, parked

STEPS = "3"
"""Changes only when the steps do: a workflow under way goes on only in the version it began in."""
CLOSING_SECONDS = 2.0
GO_ON, NEXT, END = "go on", "next", "end"

Step = Callable[[str], Awaitable[str]]
Act = Callable[[Job, Watch], Awaitable[None]]


class Runner:
    """Starts jobs, takes up those that were interrupted, and parks them at the end."""

    def __init__(self, steps: Steps, store: Store) -> None:
        self._steps = steps
        self._store = store
        self._watches: dict[str, Watch] = {}
        self._stopping = False
        store.hints.listen(CANCEL, self._cancel)

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
        for watch in self._watches.values():
            watch.interrupt(Ending.PARKED)
        await asyncio.to_thread(DBOS.destroy, destroy_registry=True)
        # The engine made its own threads the loop's, and ended them just now.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor())

    async def begin(self, job_id: str) -> None:
        """Have a recorded job carried out. Doing so twice changes nothing."""
        # Not through a queue: one that is looked into often enough to start a job within 100 ms
        # keeps an idle service busy. How many jobs there may be is decided at the door.
        with SetWorkflowID(job_id):
            await DBOS.start_workflow_async(self._carry, job_id)

    async def forget(self, job_id: str) -> None:
        """Drop the engine's record of a final job."""
        # A job is final a moment before the engine has written down that its workflow is.
        deadline = time.monotonic() + CLOSING_SECONDS
        while time.monotonic() < deadline:
            status = await DBOS.get_workflow_status_async(job_id)
            if status is None or status.status != "PENDING":
                break
            await asyncio.sleep(0.02)
        await DBOS.delete_workflow_async(job_id)

    async def _take_up(self) -> None:
        """Give a workflow to jobs that have none, or none that goes on by itself."""
        for job_id in await self._store.adopt():
            status = await DBOS.get_workflow_status_async(job_id)
            if status and status.app_version != STEPS:
                # What is left to do is in the job's row; what was done under other names is not.
                await DBOS.delete_workflow_async(job_id)
                status = None
            if status is None:
                await self.begin(job_id)
            elif status.status not in ("PENDING", "ENQUEUED"):
                await DBOS.resume_workflow_async(job_id)

    def _workflow(self) -> Callable[[str], Coroutine[Any, Any, None]]:
        steps = self._steps
        asking = [
            DBOS.step(name="hand_over")(self._settled(steps.hand_over)),
            DBOS.step(name="follow", preemptible=True)(self._settled(steps.follow)),
        ]
        keep = DBOS.step(name="archive")(self._settled(steps.keep))

        async def carry(job_id: str) -> None:
            # One provider after the other, until one takes the order to its end.
            while (word := await _in_turn(asking, job_id)) == NEXT:
                pass
            if word == GO_ON:
                await keep(job_id)

        return DBOS.workflow(name="lipsync")(carry)

    def _settled(self, act: Act) -> Step:
        """A step that ends the job in any case of error: a caller may be waiting for it."""

        async def run(job_id: str) -> str:
            watch = self._watches[job_id] = Watch()
            try:
                return await self._attempt(act, job_id, watch)
            except Lost:
                # Whoever has the job now goes on with it; nothing may be said of this step.
                return await parked()
            finally:
                if self._watches.get(job_id) is watch:
                    del self._watches[job_id]

        return run

    async def _attempt(self, act: Act, job_id: str, watch: Watch) -> str:
        # The watch is there before the row is read, so that no wish to cancel falls in between.
        job = await self._steps.job(job_id)
        if job is None:
            return END
        if job.cancel_asked_at:
            watch.interrupt(Ending.CANCELED)
        word = GO_ON
        try:
            await act(job, watch)
        except Lost:
            raise
        except Exception as problem:
            await self._park_if_stopping()
            word = NEXT if await self._steps.settle(job_id, problem) else END
        await self._park_if_stopping()
        return word

    def _cancel(self, job_id: str) -> None:
        if watch := self._watches.get(job_id):
            watch.interrupt(Ending.CANCELED)

    async def _park_if_stopping(self) -> None:
        """Wait for the end of the process, whatever it did to the step: the next start goes on."""
        if self._stopping:
            await parked()


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
