"""What was paid for is waited for, however long it had to wait before."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest

from app.archive import Archive
from app.database import Database
from app.errors import TimedOut
from app.following import Following
from app.model import Job, Kind, Media, Order, Phase, State, Ticket, Update, Video
from app.polling import Pace
from app.providers import Providers
from app.providers.base import Note, Options, Provider
from app.storage import Disk
from app.store import Store
from app.tallies import Tallies
from app.watch import Watch

JOB_SECONDS = 60.0


class Slow(Provider):
    """A provider whose video is there at the second look."""

    name = "slow"
    label = "Slow"
    options = Options
    pace = Pace(interval=1)
    takes_money = True

    def __init__(self) -> None:
        self.looks = 0

    async def submit(self, order: Order, note: Note) -> Ticket:
        raise NotImplementedError

    async def check(self, ticket: Ticket) -> Update:
        self.looks += 1
        if self.looks == 1:
            return Update(State.PROCESSING)
        return Update(State.SUCCESS, Phase.ARCHIVING, video=Video(url="https://slow.example/v"))


class Fast:
    """A clock on which a sleep is over at once."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'jobs.sqlite'}")
    await database.open()
    yield database
    await database.close()


async def _followed(database: Database, folder: Path, *, sent: timedelta) -> Job | None:
    """A job that arrived a day ago and was sent that long ago, once it was followed."""
    providers = Providers([Slow()], default="slow", order=["slow"])
    archive = Archive(folder / "jobs", Disk(folder / "media"))
    store, tallies = Store(database, root=folder), Tallies(database)
    following = Following(store, tallies, archive, providers, Fast(), job_seconds=JOB_SECONDS)
    now = datetime.now(UTC)
    media = Media(folder / "face", Kind.IMAGE, "jpeg", 1000, "0" * 64)
    job = Job(
        id="lsj_1",
        provider="slow",
        state=State.PROCESSING,
        phase=Phase.RENDERING,
        created_at=now - timedelta(days=1),
        submitting_at=now - sent,
        ticket={"run_id": "1"},
        base_url="http://localhost:8000",
        face=media,
        audio=media,
        options={},
    )
    await store.add(job)
    await following.follow(cast("Job", await store.find(job.id)), Watch())
    return await store.find(job.id)


async def test_the_wait_for_a_turn_does_not_count(database: Database, tmp_path: Path) -> None:
    job = await _followed(database, tmp_path, sent=timedelta(seconds=1))
    assert job
    assert job.video == Video(url="https://slow.example/v")


async def test_a_provider_that_takes_too_long_is_not_waited_for(
    database: Database, tmp_path: Path
) -> None:
    with pytest.raises(TimedOut):
        await _followed(database, tmp_path, sent=timedelta(seconds=JOB_SECONDS))
