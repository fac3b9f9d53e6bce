"""What a job's row promises: it is final once, and its order is announced once."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.database import Database
from app.errors import Overloaded
from app.model import Allowance, Job, Kind, Media, Phase, State
from app.store import Intent, Store
from app.tallies import Tallies


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'jobs.sqlite'}")
    await database.open()
    yield database
    await database.close()


@pytest.fixture
async def store(database: Database, tmp_path: Path) -> Store:
    store = Store(database, root=tmp_path)
    await store.add(_job(tmp_path))
    return store


def _job(folder: Path) -> Job:
    face = Media(folder / "face", Kind.IMAGE, "jpeg", 1000, "0" * 64)
    audio = Media(folder / "audio", Kind.AUDIO, "wav", 1000, "1" * 64, duration=1.0)
    return Job(
        id="lsj_1",
        provider="gooey",
        state=State.QUEUED,
        phase=Phase.RECEIVED,
        created_at=datetime.now(UTC),
        base_url="http://localhost:8000",
        face=face,
        audio=audio,
        options={},
    )


class Forgetful:
    """An engine whose next transaction is kept or not, and then the connection breaks."""

    def __init__(self, engine: AsyncEngine, *, keeps: bool) -> None:
        self._engine = engine
        self._keeps = keeps
        self._breaks = True

    def connect(self) -> AsyncConnection:
        return self._engine.connect()

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        async with self._engine.begin() as connection:
            yield connection
            if self._breaks and not self._keeps:
                await connection.rollback()
        if self._breaks:
            self._breaks = False
            raise OperationalError("COMMIT", None, Exception("the connection broke"))


@pytest.mark.parametrize("kept", [True, False])
async def test_an_order_whose_answer_was_lost_is_recorded_or_refused(
    tmp_path: Path, kept: bool
) -> None:
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'jobs.sqlite'}")
    await database.open()
    engine, job = database.engine, _job(tmp_path)
    database.engine = cast("AsyncEngine", Forgetful(engine, keeps=kept))
    store = Store(database, root=tmp_path)
    with nullcontext() if kept else pytest.raises(OperationalError):
        await store.add(job)
    assert await store.find(job.id) == (replace(job, owner=store.owner) if kept else None)
    await engine.dispose()


@pytest.mark.parametrize("final", [State.SUCCESS, State.FAILED, State.CANCELED])
async def test_a_final_job_never_changes_again(store: Store, final: State) -> None:
    assert await store.save("lsj_1", state=final, message="The end.")
    before = await store.find("lsj_1")
    assert not await store.save("lsj_1", state=State.PROCESSING, message="Once more.")
    assert await store.find("lsj_1") == before
    assert await store.adopt() == []


async def test_only_its_owner_changes_a_job(store: Store, tmp_path: Path) -> None:
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'jobs.sqlite'}")
    other = Store(database, root=tmp_path, owner="another")
    assert not await other.save("lsj_1", message="Mine.")
    assert await other.intend("lsj_1") is Intent.REFUSED
    assert await other.adopt() == ["lsj_1"]
    assert not await store.save("lsj_1", message="Still mine.")
    assert await store.intend("lsj_1") is Intent.REFUSED
    assert await other.save("lsj_1", message="Mine now.")
    await database.close()


async def test_an_order_that_is_not_wanted_is_not_announced(store: Store) -> None:
    assert await store.ask_cancel("lsj_1")
    assert await store.intend("lsj_1") is Intent.REFUSED


async def test_no_more_jobs_are_recorded_than_there_may_be(store: Store, tmp_path: Path) -> None:
    jobs = [replace(_job(tmp_path), id=f"lsj_{number}") for number in range(2, 8)]
    adding = [store.add(job, most=4) for job in jobs]
    outcomes = await asyncio.gather(*adding, return_exceptions=True)
    assert outcomes.count(None) == 3
    assert [type(outcome) for outcome in outcomes if outcome] == [Overloaded] * 3
    assert len(await store.unfinished()) == 4


async def test_the_oldest_has_its_turn_when_there_is_room(store: Store, tmp_path: Path) -> None:
    for number in (2, 3):
        await store.add(replace(_job(tmp_path), id=f"lsj_{number}"))
    one = Allowance(("gooey",), at_once=1)
    assert await store.intend("lsj_1", one) is Intent.MADE
    for job_id in ("lsj_2", "lsj_3"):
        assert await store.intend(job_id, one) is Intent.WAIT
        await store.save(job_id, phase=Phase.WAITING)
    await store.save("lsj_1", state=State.SUCCESS)
    assert await store.intend("lsj_3", one) is Intent.WAIT
    assert await store.intend("lsj_2", one) is Intent.MADE
    assert await store.intend("lsj_3", one) is Intent.WAIT


async def test_so_many_orders_leave_in_so_many_seconds(store: Store, tmp_path: Path) -> None:
    for number in (2, 3):
        await store.add(replace(_job(tmp_path), id=f"lsj_{number}"))
    two = Allowance(("gooey",), orders=2, seconds=60)
    assert await store.intend("lsj_1", two) is Intent.MADE
    assert await store.intend("lsj_2", two) is Intent.MADE
    assert await store.intend("lsj_3", two) is Intent.WAIT


async def test_what_a_provider_took_leaves_out_what_keeping_its_video_took(
    store: Store, database: Database
) -> None:
    await store.intend("lsj_1")
    ordered = (await _job_of(store)).submitting_at
    assert ordered is not None
    await store.save("lsj_1", rendered_at=ordered + timedelta(seconds=40))
    finished_at = ordered + timedelta(seconds=100)
    await store.save("lsj_1", state=State.SUCCESS, finished_at=finished_at)
    ((length, took),) = await Tallies(database).durations("gooey", 10)
    assert length == 1
    assert took == pytest.approx(40)


async def _job_of(store: Store) -> Job:
    job = await store.find("lsj_1")
    assert job is not None
    return job


async def test_an_order_is_announced_once(store: Store) -> None:
    assert await store.intend("lsj_1") is Intent.MADE
    job = await store.find("lsj_1")
    assert job is not None
    assert job.submitting_at is not None
    assert await store.intend("lsj_1") is Intent.REFUSED
    assert await store.find("lsj_1") == job


async def test_what_was_read_or_written_is_known_as_it_stands(store: Store, tmp_path: Path) -> None:
    """One process reads what it knows itself; what another one finds in the file is the same."""
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'jobs.sqlite'}")
    for change in (_nothing, _progress, _intent, _wish, _end, _expiry):
        await change(store)
        fresh = Store(database, root=tmp_path)
        assert await store.find("lsj_1") == await fresh.find("lsj_1"), change
    assert await store.remove("lsj_1")
    assert await store.find("lsj_1") is None
    await database.close()


async def test_readers_and_writers_at_once_end_with_what_was_written_last(store: Store) -> None:
    changes = [store.save("lsj_1", progress=number / 100) for number in range(100)]
    reads = [store.find("lsj_1") for _ in range(100)]
    await asyncio.gather(*(each for pair in zip(changes, reads, strict=True) for each in pair))
    job = await store.find("lsj_1")
    assert job is not None
    assert job.revision == 100
    assert job.progress == 0.99


async def _nothing(_store: Store) -> None:
    pass


async def _progress(store: Store) -> None:
    assert await store.save("lsj_1", progress=0.5, warnings=("Slow.",))


async def _intent(store: Store) -> None:
    assert await store.intend("lsj_1") is Intent.MADE


async def _wish(store: Store) -> None:
    assert await store.ask_cancel("lsj_1")


async def _end(store: Store) -> None:
    now = datetime.now(UTC)
    assert await store.save("lsj_1", state=State.CANCELED, message="Over.", finished_at=now)


async def _expiry(store: Store) -> None:
    assert await store.expire("lsj_1")


async def test_a_database_of_an_earlier_version_gets_what_is_new(
    store: Store, tmp_path: Path
) -> None:
    before = await store.find("lsj_1")
    path = tmp_path / "jobs.sqlite"
    with closing(sqlite3.connect(path)) as old:
        for column in ("text", "revision", "cancel_asked_at"):
            old.execute(f"ALTER TABLE jobs DROP COLUMN {column}")
        old.commit()
    database = Database(f"sqlite+aiosqlite:///{path}")
    await database.open()
    assert await Store(database, root=tmp_path).find("lsj_1") == before
    await database.close()
