"""A service that is about to end begins nothing that may be paid for and cut off."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest

from app.database import Database
from app.following import Following
from app.model import Job, Kind, Media, Phase, State
from app.runner import Runner
from app.steps import Steps
from app.store import Store
from app.watch import Watch


class Noticed:
    """Steps, and the following after them, that say when they begin."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()

    async def hand_over(self, _job: Job, _watch: Watch) -> None:
        self.begun.set()

    async def keep(self, _job: Job, _watch: Watch) -> None:
        """Nothing is kept."""

    async def follow(self, _job: Job, _watch: Watch) -> None:
        """Nothing is asked."""


@pytest.mark.parametrize("stopping", [False, True])
async def test_nothing_is_begun_at_the_end(tmp_path: Path, stopping: bool) -> None:
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'jobs.db'}")
    await database.open()
    store = Store(database, root=tmp_path)
    media = Media(tmp_path / "face", Kind.IMAGE, "jpeg", 1000, "0" * 64)
    job = Job(
        id="lsj_1",
        provider="gooey",
        state=State.QUEUED,
        phase=Phase.RECEIVED,
        created_at=datetime.now(UTC),
        base_url="http://localhost:8000",
        face=media,
        audio=media,
        options={},
    )
    await store.add(job)
    steps = Noticed()
    runner = Runner(cast("Steps", steps), cast("Following", steps), store, database)
    await runner.start(tmp_path / "workflows.db")
    try:
        if stopping:
            await runner.park()
        await runner.begin(job.id)
        waiting = asyncio.create_task(steps.begun.wait())
        await asyncio.wait((waiting,), timeout=0.5 if stopping else 10)
        assert steps.begun.is_set() is not stopping
        waiting.cancel()
    finally:
        await runner.stop()
        await database.close()
