"""A late copy is tried by one process at a time, ever more rarely, and not for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from app.copies import CLAIMED_FOR, FIRST_PAUSE, LONGEST_PAUSE, Copies
from app.database import Database


class Time:
    """Seconds since 1970, which pass when a test says so."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 20, tzinfo=UTC).timestamp()

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
async def replicas(tmp_path: Path, time: Time) -> AsyncIterator[tuple[Copies, Copies]]:
    """Two processes that share a database."""
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'jobs.sqlite'}")
    await database.open()
    yield Copies(database, now=time), Copies(database, now=time)
    await database.close()


def _in(time: Time, **span: float) -> datetime:
    return datetime.fromtimestamp(time.now, UTC) + timedelta(**span)


async def test_one_process_tries_at_a_time(replicas: tuple[Copies, Copies], time: Time) -> None:
    one, other = replicas
    await one.add("lsj_1", "Not copied.", until=_in(time, hours=24))
    assert await other.claim() is None
    time.now += FIRST_PAUSE
    late = await one.claim()
    assert late is not None
    assert (late.job_id, late.warning) == ("lsj_1", "Not copied.")
    assert await other.claim() is None
    # The first one ended in the middle.
    time.now += CLAIMED_FOR
    assert await other.claim() is not None


async def test_it_is_listed_however_long_the_database_is_away(tmp_path: Path, time: Time) -> None:
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'jobs.sqlite'}")
    copies = Copies(database, now=time)
    adding = asyncio.create_task(copies.add("lsj_1", "Not copied.", until=_in(time, hours=24)))
    done, _ = await asyncio.wait((adding,), timeout=0.2)
    assert not done
    await database.open()
    await adding
    time.now += FIRST_PAUSE
    assert await copies.claim() is not None
    await database.close()


async def test_it_is_tried_more_and_more_rarely_until_its_time_is_over(
    replicas: tuple[Copies, Copies], time: Time
) -> None:
    copies, _ = replicas
    until = _in(time, hours=24)
    await copies.add("lsj_1", "Not copied.", until=until)
    pauses, last = [], time.now
    while True:
        time.now += 1
        if late := await copies.claim():
            pauses.append(time.now - last)
            last = time.now
            if not await copies.postpone(late):
                break
        else:
            # Nothing is due for as long as that takes.
            time.now += 9
    assert pauses[0] == FIRST_PAUSE + 1
    assert all(later >= sooner for sooner, later in pairwise(pauses))
    assert max(pauses) <= LONGEST_PAUSE + 10
    assert 25 <= len(pauses) <= 40
    assert time.now <= until.timestamp() < time.now + LONGEST_PAUSE
    assert await copies.claim() is None


async def test_what_is_listed_stays_as_it_is(replicas: tuple[Copies, Copies], time: Time) -> None:
    one, other = replicas
    await one.add("lsj_1", "First.", until=_in(time, hours=1))
    await other.add("lsj_1", "Second.", until=_in(time, hours=2))
    time.now += FIRST_PAUSE
    late = await one.claim()
    assert late is not None
    assert late.warning == "First."
    await other.remove("lsj_1")
    time.now += CLAIMED_FOR
    assert await one.claim() is None
