"""Jobs at rest: the one record of each job that every reader sees.

Everything is written through :class:`Store`, one row a job. A final row never changes again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime
from enum import Enum, auto
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from app import claims, deliveries
from app.claims import Claim
from app.database import Database, away
from app.errors import Overloaded
from app.hints import CANCEL, DELIVERY, JOB, LOOK, ROOM, Hints
from app.job_rows import UNFINISHED, JobRows
from app.job_rows import jobs as _jobs
from app.model import Allowance, Job, Media, Phase, State
from app.recent import Recent
from app.replicas import LIVING

ONLY = "local"
"""Who carries out the jobs where there is one process only."""

_FINAL = [state for state in State if state.final]
_COUNT = sa.select(sa.func.count()).select_from(_jobs).where(UNFINISHED)
RECENT = 10_000
"""Jobs that one process may have under way: each is read over and over by whoever waits for it."""
BUSY_FOR = 10
"""Seconds after which a caller may find room again."""
_NUL = "\0"
"""PostgreSQL refuses even to look for it; nothing here has it in its name."""


class Intent(Enum):
    """What came of a wish to submit a job."""

    MADE = auto()
    WAIT = auto()  # the provider may not be sent more right now
    REFUSED = auto()  # it was recorded before, or the job is not to go on here


class Store:
    """The jobs table. Paths are kept relative to ``root``.

    ``owner`` is this process: it carries out the jobs that it records, and those that it adopts.
    ``ended`` is called with each job that became final here.
    """

    def __init__(
        self,
        database: Database,
        *,
        root: Path,
        owner: str = ONLY,
        hints: Hints | None = None,
        ended: Callable[[Job], None] = lambda _job: None,
    ) -> None:
        self._database = database
        self._engine = database.engine
        self._ended = ended
        self._table = JobRows(root)
        self._adding = asyncio.Lock()
        self._recent = Recent(0 if database.shared else RECENT)
        self._full = False
        self.owner = owner
        self.hints = hints or Hints()

    async def check(self) -> None:
        """Raise what the database raises when it cannot be written to."""
        async with self._engine.begin() as connection:
            await connection.execute(sa.update(_jobs).where(sa.false()).values(message=None))

    async def add(self, job: Job, claim: Claim | None = None, *, most: int | None = None) -> None:
        """Record a new job. When this returns, it outlives the process and the power.

        Raises, and records nothing: KeyTaken when the claim was laid by another order, Overloaded
        when ``most`` jobs are under way.
        """
        row = self._table.row(job) | {"owner": self.owner}
        written = False
        try:
            async with self._adding, self._engine.begin() as connection:
                if most is not None:
                    await self._refuse_more_than(most, connection)
                if claim:
                    await claims.lay(connection, claim, job.id)
                await connection.execute(sa.insert(_jobs).values(row))
                written = True
        except DBAPIError as problem:
            # The answer to the commit may be lost: what was recorded all the same is carried out,
            # and not sent again by whoever would take it for refused.
            if not (written and away(problem)) or await self.surely(job.id) is None:
                raise
        self._recent.keep(replace(job, owner=self.owner))

    async def _refuse_more_than(self, most: int, connection: AsyncConnection) -> None:
        await self._database.exclusively(connection, "add")
        self._full = (await connection.execute(_COUNT)).scalar_one() >= most
        if self._full:
            raise Overloaded(retry_after=BUSY_FOR)

    async def claimed(self, claim: Claim) -> tuple[str, str] | None:
        """The fingerprint that a claim's key was kept with, and the id of its job."""
        async with self._engine.connect() as connection:
            return await claims.find(connection, claim)

    async def find(self, job_id: str) -> Job | None:
        """The job as it stands, or None."""
        if _NUL in job_id:
            return None
        if known := self._recent.find(job_id):
            return known
        async with self._engine.connect() as connection:
            rows = await connection.execute(sa.select(_jobs).where(_jobs.c.id == job_id))
            row = rows.mappings().one_or_none()
        return self._recent.keep(self._table.job(row)) if row else None

    async def surely(self, job_id: str) -> Job | None:
        """The job as it stands, however long the database is away."""
        return await self._database.patiently(partial(self.find, job_id))

    async def latest(
        self,
        most: int,
        *,
        before: str | None = None,
        state: State | None = None,
        provider: str | None = None,
    ) -> Sequence[Job]:
        """The newest jobs first, those before the id ``before`` if there is one."""
        if provider is not None and _NUL in provider:
            return []
        query = sa.select(_jobs).order_by(_jobs.c.id.desc()).limit(most)
        if before is not None:
            query = query.where(_jobs.c.id < before)
        if state is not None:
            query = query.where(_jobs.c.state == state)
        if provider is not None:
            query = query.where(_jobs.c.provider == provider)
        async with self._engine.connect() as connection:
            rows = (await connection.execute(query)).mappings().all()
        return [self._table.job(row) for row in rows]

    async def save(self, job_id: str, **changes: object) -> bool:
        """Write what has changed, however long the database is away.

        False, and nothing written, once the job is final or another process carries it out.
        """
        values = {name: self._table.value(value) for name, value in changes.items()}
        topics = (JOB, ROOM) if changes.get("state") in _FINAL else (JOB,)
        change = partial(self._change, job_id, values, UNFINISHED, self._mine, topics=topics)
        written = await self._database.patiently(change)
        if written and "finished_at" in changes and (job := await self.surely(job_id)):
            self._ended(job)
        return written

    async def add_copy(self, job_id: str, result: Media, warnings: tuple[str, ...]) -> bool:
        """Add our own copy to a success that has none: the one change that a final row sees.

        False, and nothing written, where there is no such success any more.
        """
        return await self._change(
            job_id,
            {"result": self._table.value(result), "warnings": list(warnings)},
            _jobs.c.state == State.SUCCESS,
            _jobs.c.result.is_(sa.null()),
            _jobs.c.expired_at.is_(None),
            topics=(JOB,),
        )

    async def intend(self, job_id: str, allowance: Allowance | None = None) -> Intent:
        """Record that the job is about to be submitted, if there is room for it."""
        moment = datetime.now(UTC).timestamp()
        return await self._database.patiently(partial(self._intend, job_id, moment, allowance))

    async def _intend(self, job_id: str, moment: float, allowance: Allowance | None) -> Intent:
        may = [_jobs.c.id == job_id, UNFINISHED, self._mine, _jobs.c.cancel_asked_at.is_(None)]
        room = [_jobs.c.submitting_at.is_(None), *(_room(job_id, allowance) if allowance else ())]
        change = sa.update(_jobs).values(
            submitting_at=moment,
            state=State.PROCESSING,
            phase=Phase.SUBMITTING,
            revision=_jobs.c.revision + 1,
        )
        async with self._engine.begin() as connection:
            if allowance:
                await self._database.exclusively(connection, f"submit {allowance.providers}")
            row = await _changed(connection, change.where(*may, *room))
            if row:
                await self._database.hint(connection, JOB, job_id)
            else:
                seen = await connection.execute(sa.select(_jobs.c.submitting_at).where(*may))
                before = seen.one_or_none()
        if row:
            self._recent.keep(self._table.job(row))
            self.hints.tell(JOB, job_id)
            return Intent.MADE
        # The same moment means that it was recorded by a first attempt whose answer was lost.
        if before and before.submitting_at == moment:
            return Intent.MADE
        return Intent.WAIT if before and before.submitting_at is None else Intent.REFUSED

    async def ask_cancel(self, job_id: str) -> bool:
        """Have the job end, whichever process carries it out. False once it is final.

        It may still end otherwise: a video that is there already is kept.
        """
        asked_at = sa.func.coalesce(_jobs.c.cancel_asked_at, datetime.now(UTC).timestamp())
        asked = {"cancel_asked_at": asked_at}
        return await self._change(job_id, asked, UNFINISHED, topics=(JOB, CANCEL))

    async def canceled(self) -> list[str]:
        """The ids of this process's unfinished jobs that are not wanted any more."""
        query = sa.select(_jobs.c.id).where(
            UNFINISHED, self._mine, _jobs.c.cancel_asked_at.is_not(None)
        )
        async with self._engine.connect() as connection:
            return list((await connection.execute(query)).scalars())

    async def ended_before(self, moment: datetime, *, most: int, expired: bool) -> list[str]:
        """Jobs that have been final since before a moment, with or without their files yet."""
        query = (
            sa.select(_jobs.c.id)
            .where(sa.not_(UNFINISHED), _jobs.c.finished_at < moment.timestamp())
            .where(_jobs.c.expired_at.is_not(None) if expired else _jobs.c.expired_at.is_(None))
            .order_by(_jobs.c.finished_at)
            .limit(most)
        )
        async with self._engine.connect() as connection:
            return list((await connection.execute(query)).scalars())

    async def expire(self, job_id: str) -> bool:
        """Note that a final job's files were deleted, because they had become old."""
        now = datetime.now(UTC).timestamp()
        return await self._change(job_id, {"expired_at": now}, sa.not_(UNFINISHED), topics=(JOB,))

    async def remove(self, job_id: str) -> bool:
        """Forget a final job, the key it was ordered under, and whom to tell of it.

        False when it is not final.
        """
        final = sa.delete(_jobs).where(_jobs.c.id == job_id, sa.not_(UNFINISHED))
        async with self._engine.begin() as connection:
            removed = (await connection.execute(final)).rowcount > 0
            if removed:
                await claims.drop(connection, job_id)
                await deliveries.drop(connection, job_id)
        self._recent.forget(job_id)
        return removed

    async def look_at(self, providers: Sequence[str], run_id: str) -> None:
        """Have a job under way asked after now, wherever it is carried out: its provider says so.

        ``run_id`` is the provider's; one that nobody knows changes nothing.
        """
        query = sa.select(_jobs.c.id).where(
            UNFINISHED,
            _jobs.c.provider.in_(providers),
            _jobs.c.ticket["run_id"].as_string() == run_id,
        )
        async with self._engine.begin() as connection:
            found = (await connection.execute(query)).scalars().all()
            for job_id in found:
                await self._database.hint(connection, LOOK, job_id)
        for job_id in found:
            self.hints.tell(LOOK, job_id)

    async def adopt(self) -> list[str]:
        """Make this process's own what no living one carries out: the ids, the oldest first."""
        orphans = (
            sa.select(_jobs.c.id)
            .where(UNFINISHED, _jobs.c.owner.is_(None) | _jobs.c.owner.not_in(LIVING))
            .with_for_update(skip_locked=True)
        )
        change = sa.update(_jobs).where(_jobs.c.id.in_(orphans)).values(owner=self.owner)
        async with self._engine.begin() as connection:
            adopted = sorted((await connection.execute(change.returning(_jobs.c.id))).scalars())
        self._recent.clear()
        return adopted

    @property
    def _mine(self) -> sa.ColumnElement[bool]:
        return _jobs.c.owner == self.owner

    async def _change(
        self,
        job_id: str,
        values: Mapping[str, object],
        *conditions: sa.ColumnElement[bool],
        topics: Sequence[str],
    ) -> bool:
        change = sa.update(_jobs).where(_jobs.c.id == job_id, *conditions)
        change = change.values({**values, "revision": _jobs.c.revision + 1})
        async with self._engine.begin() as connection:
            row = await _changed(connection, change)
            to_be_told = row and row["callback_url"] and values.get("state") in _FINAL
            if to_be_told:
                await deliveries.announce(connection, job_id)
            for topic in topics:
                await self._database.hint(connection, topic, job_id)
        if row:
            self._recent.keep(self._table.job(row))
        for topic in (*topics, *((DELIVERY,) if to_be_told else ())):
            self.hints.tell(topic, job_id)
        return row is not None

    async def refuse_if_still_full(self, most: int) -> None:
        """Raise Overloaded if the last job found no room among ``most``, and there is none yet.

        It saves what looking into an order costs; ``add`` is what counts.
        """
        if self._full:
            async with self._engine.connect() as connection:
                if (await connection.execute(_COUNT)).scalar_one() >= most:
                    raise Overloaded(retry_after=BUSY_FOR)

    async def unfinished(self) -> set[str]:
        """The ids of the jobs that are not final yet."""
        query = sa.select(_jobs.c.id).where(UNFINISHED)
        async with self._engine.connect() as connection:
            return set((await connection.execute(query)).scalars())

    def news(self, job_id: str) -> AbstractContextManager[asyncio.Event]:
        """An event that every change of a job sets.

        Whoever waits for it clears it first and reads then, so that no change is missed. It is a
        hint: a change may come without it, and it may come without a change.
        """
        return self.hints.news(JOB, job_id)


def _room(job_id: str, allowance: Allowance) -> Iterator[sa.ColumnElement[bool]]:
    """The conditions under which a provider may be sent one more order: the oldest first."""
    other = _jobs.alias()
    count = sa.select(sa.func.count()).where(other.c.provider.in_(allowance.providers))
    unfinished = other.c.state.in_([State.QUEUED, State.PROCESSING])
    if allowance.at_once is not None:
        there = count.where(unfinished, other.c.submitting_at.is_not(None))
        yield there.scalar_subquery() < allowance.at_once
    if allowance.orders is not None:
        since = datetime.now(UTC).timestamp() - allowance.seconds
        yield count.where(other.c.submitting_at > since).scalar_subquery() < allowance.orders
    before = count.where(
        unfinished,
        other.c.submitting_at.is_(None),
        other.c.cancel_asked_at.is_(None),
        other.c.phase == Phase.WAITING,
        other.c.id < job_id,
    )
    yield before.scalar_subquery() == 0


async def _changed(connection: AsyncConnection, change: sa.Update) -> Mapping[Any, Any] | None:
    """The row as a change left it, or None where there was nothing to change."""
    rows = await connection.execute(change.returning(_jobs))
    row: Mapping[Any, Any] | None = rows.mappings().one_or_none()
    return row
