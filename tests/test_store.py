"""What a job's row promises: it is final once, and its order is announced once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.database import Database
from app.model import Job, Kind, Media, Phase, State
from app.store import Intent, Store


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'jobs.sqlite'}")
    store = Store(database, root=tmp_path)
    await database.open()
    await store.add(_job(tmp_path))
    yield store
    await database.close()


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


@pytest.mark.parametrize("final", [State.SUCCESS, State.FAILED, State.CANCELED])
async def test_a_final_job_never_changes_again(store: Store, final: State) -> None:
    assert await store.save("lsj_1", state=final, message="The end.")
    before = await store.find("lsj_1")
    assert not await store.save("lsj_1", state=State.PROCESSING, message="Once more.")
    assert await store.find("lsj_1") == before
    assert await store.adopt() == []


async def test_an_order_is_announced_once(store: Store) -> None:
    assert await store.intend("lsj_1") is Intent.MADE
    job = await store.find("lsj_1")
    assert job is not None
    assert job.submitting_at is not None
    assert await store.intend("lsj_1") is Intent.REFUSED
    assert await store.find("lsj_1") == job
