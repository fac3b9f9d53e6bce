"""What the jobs come to, taken together: how many are under way, and how long they take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import sqlalchemy as sa

from app.database import Database
from app.job_rows import UNFINISHED
from app.job_rows import jobs as _jobs
from app.model import State


class Tallies:
    """Reads figures off the table of jobs; writes nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def under_way(self) -> Mapping[tuple[str, State], int]:
        """How many jobs of each provider are in each state that is not final."""
        query = (
            sa.select(_jobs.c.provider, _jobs.c.state, sa.func.count())
            .where(UNFINISHED)
            .group_by(_jobs.c.provider, _jobs.c.state)
        )
        rows = await self._rows(query)
        return {(provider, State(state)): count for provider, state, count in rows}

    async def durations(self, provider: str, most: int) -> list[tuple[float, float]]:
        """Of the latest successes: seconds of audio, and seconds from the order to the video.

        They are waited for, however long the database is away.
        """
        query = (
            sa.select(_jobs.c.audio, _jobs.c.rendered_at - _jobs.c.submitting_at)
            .where(_jobs.c.provider == provider, _jobs.c.state == State.SUCCESS)
            .where(_jobs.c.submitting_at.is_not(None), _jobs.c.rendered_at.is_not(None))
            .order_by(_jobs.c.created_at.desc())
            .limit(most)
        )
        rows = await self._database.patiently(partial(self._rows, query))
        return [(audio["duration"] or 0.0, took) for audio, took in reversed(rows)]

    async def _rows(self, query: sa.Select[Any]) -> Sequence[Any]:
        async with self._database.engine.connect() as connection:
            return list((await connection.execute(query)).all())
