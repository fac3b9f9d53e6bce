"""Carries each job from its order to its video, on a durable engine (DBOS Transact).

One workflow a job, its id the job's. The workflow only holds how far the work has got; what a
reader sees is the job's row. A process that ends in the middle goes on at the step it was in.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
import structlog
from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer, SetWorkflowID

from app.archive import Archive
from app.errors import (
    Charged,
    InternalError,
    LipSyncError,
    ProviderError,
    TimedOut,
    UnreadableMedia,
)
from app.media import preflight
from app.model import Job, Order, Phase, State, Update
from app.polling import Clock, follow
from app.providers import Providers
from app.providers.base import Provider
from app.store import Store, keep_safe
from app.workers import WorkerDied, WorkerPool, WorkerTimedOut

STEPS = "1"
"""Changes only when the steps do: jobs under way are only taken up by the version they began in."""
CHECK_SECONDS = 60

log = structlog.get_logger(__name__)
Step = Callable[[str], Awaitable[bool]]


class Runner:
    """The one writer of a job's row, once the job is recorded."""

    def __init__(
        self,
        store: Store,
        archive: Archive,
        providers: Providers,
        inspections: WorkerPool,
        *,
        models: Path,
        job_seconds: float,
        clock: Clock,
    ) -> None:
        self._store = store
        self._archive = archive
        self._providers = providers
        self._inspections = inspections
        self._models = models
        self._job_seconds = job_seconds
        self._clock = clock
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
                log_level="WARNING",
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
        steps = [
            DBOS.step(name="inspect")(self._ending(self._inspect)),
            DBOS.step(name="submit")(self._ending(self._submit)),
            DBOS.step(name="follow", preemptible=True)(self._ending(self._follow)),
            DBOS.step(name="archive")(self._ending(self._archive_result)),
        ]

        async def carry(job_id: str) -> None:
            for step in steps:
                if not await step(job_id):
                    return

        return DBOS.workflow(name="lipsync")(carry)

    def _ending(self, step: Callable[[Job], Awaitable[None]]) -> Step:
        """A step that ends the job in any case of error: a caller may be waiting for it."""

        async def run(job_id: str) -> bool:
            job = await self._job(job_id)
            try:
                await step(job)
            except Exception as problem:
                await self._park_if_stopping()
                await self._fail(job, _told(problem, job))
                return False
            await self._park_if_stopping()
            return True

        return run

    async def _park_if_stopping(self) -> None:
        """Wait for the end of the process, whatever it did to the step: the next start goes on."""
        if self._stopping:
            await asyncio.Future()

    async def _inspect(self, job: Job) -> None:
        await self._note(job, Phase.CHECKING)
        try:
            await self._inspections.run(
                preflight.check, job.face, job.audio, self._models, seconds=CHECK_SECONDS
            )
        except (WorkerDied, WorkerTimedOut, MemoryError):
            raise UnreadableMedia("The files take too long or too much memory to read.") from None

    async def _submit(self, job: Job) -> None:
        if job.ticket is not None:
            return
        provider = self._provider(job)
        first = await self._store.intend(job.id)
        if not first and not provider.submit_is_free:
            raise ProviderError(
                f"{provider.label} may have been given this job before the service was"
                " interrupted; it is not sent again, because that may cost twice.",
                charged=Charged.UNKNOWN,
            )
        order = self._order(job, provider)
        provider.refuse(order)
        await self._note(job, Phase.SUBMITTING)
        ticket = await provider.submit(order, lambda phase: self._note(job, phase))
        await self._store.save(job.id, ticket=ticket)

    async def _follow(self, job: Job) -> None:
        assert job.ticket is not None
        provider = self._provider(job)
        patience = self._job_seconds - (datetime.now(UTC) - job.created_at).total_seconds()
        seen = Update(State.QUEUED)
        try:
            async for update in follow(
                provider, job.ticket, pace=provider.pace, patience=patience, clock=self._clock
            ):
                await self._park_if_stopping()
                if update.error:
                    raise update.error
                if _worth_telling(seen, update):
                    await self._tell(job, update)
                    seen = update
        except TimedOut:
            if provider.can_cancel:
                await provider.cancel(job.ticket)
            raise

    async def _archive_result(self, job: Job) -> None:
        await self._note(job, Phase.ARCHIVING)
        video = self._archive.video(job.id)
        rendered = job.video.path if job.video else None
        if rendered and rendered.exists():
            rendered.replace(video)
        result = await self._inspections.run(preflight.describe, video, seconds=CHECK_SECONDS)
        await self._store.save(
            job.id,
            state=State.SUCCESS,
            phase=Phase.DONE,
            progress=1.0,
            message="Lip-sync video generated successfully!",
            result=result,
            finished_at=datetime.now(UTC),
        )

    async def _fail(self, job: Job, error: LipSyncError) -> None:
        await self._store.save(
            job.id,
            state=State.FAILED,
            phase=Phase.DONE,
            message=error.detail,
            error={"code": error.code, "detail": error.detail, "charged": error.charged},
            finished_at=datetime.now(UTC),
        )

    async def _note(self, job: Job, phase: Phase) -> None:
        await self._store.save(job.id, state=State.PROCESSING, phase=phase)

    async def _tell(self, job: Job, update: Update) -> None:
        await self._store.save(
            job.id,
            phase=update.phase,
            progress=update.progress,
            message=update.message,
            video=update.video,
        )

    async def _job(self, job_id: str) -> Job:
        job = await self._store.find(job_id)
        assert job is not None, f"{job_id} was begun before it was recorded"
        return job

    def _provider(self, job: Job) -> Provider:
        return self._providers.choose(job.provider)

    def _order(self, job: Job, provider: Provider) -> Order:
        return Order(
            key=job.id,
            face=job.face,
            audio=job.audio,
            options=provider.options.model_validate(job.options),
            folder=self._archive.folder(job.id),
        )


def _told(problem: Exception, job: Job) -> LipSyncError:
    """What a job's readers are told; of a bug only where to look it up."""
    if isinstance(problem, LipSyncError):
        return problem
    reference = uuid4().hex[:12]
    log.error("a job met a bug", job_id=job.id, reference=reference, exc_info=problem)
    return InternalError(f"Something went wrong here. Log reference: {reference}.")


def _worth_telling(seen: Update, update: Update) -> bool:
    """Whether a person would notice: each telling is a write to disk."""
    moved = abs((update.progress or 0) - (seen.progress or 0)) >= 0.02
    spoke = seen.message is None and update.message is not None
    return moved or spoke or update.phase is not seen.phase or update.state.final


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
