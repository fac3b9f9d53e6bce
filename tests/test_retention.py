"""What has become old is deleted: the files first, the record much later."""

from __future__ import annotations

import select
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.archive import Archive
from app.database import Database
from app.model import Job, Kind, Media, Phase, State
from app.retention import Retention
from app.storage import Disk
from app.store import Store
from tests.service import ORIGIN, Service, assert_problem

HOUR = timedelta(hours=1)
NOW = datetime.now(UTC)


@dataclass
class House:
    """A store and an archive with jobs in them, whose files last an hour."""

    root: Path
    store: Store
    archive: Archive
    forgotten: list[str] = field(default_factory=list)

    async def add(self, job_id: str, *, ended: datetime | None) -> None:
        folder = await self.archive.open(job_id)
        for name in ("face", "audio", "video.mp4"):
            (folder / name).write_bytes(b"content")
        await self.archive.keep(job_id, *folder.iterdir())
        await self.archive.close(job_id)
        facts = (7, "0" * 64)
        await self.store.add(
            Job(
                id=job_id,
                provider="local",
                state=State.SUCCESS if ended else State.PROCESSING,
                phase=Phase.DONE if ended else Phase.RENDERING,
                created_at=NOW - 99 * HOUR,
                finished_at=ended,
                base_url="http://localhost:8000",
                face=Media(folder / "face", Kind.IMAGE, "jpeg", *facts),
                audio=Media(folder / "audio", Kind.AUDIO, "wav", *facts),
                result=Media(folder / "video.mp4", Kind.VIDEO, "mp4", *facts) if ended else None,
                options={},
            )
        )

    async def sweep(self) -> None:
        async def forget(job_id: str) -> None:
            self.forgotten.append(job_id)

        await Retention(self.store, self.archive, forget, HOUR).sweep(NOW)

    def kept(self, job_id: str) -> list[str]:
        return sorted(path.name for path in (self.root / "media" / job_id).glob("*"))


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'jobs.sqlite'}")
    await database.open()
    store = Store(database, root=tmp_path)
    yield House(tmp_path, store, Archive(tmp_path / "jobs", Disk(tmp_path / "media")))
    await database.close()


@pytest.mark.parametrize("state", [None, NOW - 0.9 * HOUR])
async def test_what_is_under_way_or_fresh_is_kept(house: House, state: datetime | None) -> None:
    await house.add("lsj_1", ended=state)
    await house.sweep()
    job = await house.store.find("lsj_1")
    assert job is not None
    assert job.expired_at is None
    assert house.kept("lsj_1") == ["audio", "face", "video.mp4"]


async def test_old_files_go_and_the_record_stays(house: House) -> None:
    await house.add("lsj_1", ended=NOW - 1.1 * HOUR)
    await house.sweep()
    job = await house.store.find("lsj_1")
    assert job is not None
    assert job.expired_at is not None
    assert job.state is State.SUCCESS
    assert house.kept("lsj_1") == []
    assert house.forgotten == []


async def test_at_last_the_record_goes_as_well(house: House) -> None:
    await house.add("lsj_1", ended=NOW - 4.1 * HOUR)
    await house.add("lsj_2", ended=NOW - 3.9 * HOUR)
    await house.sweep()
    assert await house.store.find("lsj_1") is None
    assert await house.store.find("lsj_2") is not None
    assert house.forgotten == ["lsj_1"]


async def test_many_are_swept_at_once(house: House) -> None:
    for number in range(101):
        await house.add(f"lsj_{number}", ended=NOW - 1.1 * HOUR)
    await house.sweep()
    assert not list((house.root / "media").glob("lsj_*"))


def test_a_video_that_was_deleted_is_gone(tmp_path: Path, photo: Path, speech: Path) -> None:
    with Service(tmp_path, RETENTION_HOURS="0.002") as service:
        job = service.order(photo, speech).json()
        video = service.client.get(job["download_url"])
        assert video.content[4:8] == b"ftyp"
        deadline = time.monotonic() + 40
        while service.client.head(job["download_url"]).status_code == 200:
            assert time.monotonic() < deadline
            select.select([], [], [], 0.05)
        for path in ("video", "thumbnail"):
            answer = service.client.get(f"/lipsync/{job['job_id']}/{path}", headers=ORIGIN)
            assert_problem(answer, 410, "gone")
        later = service.client.get(f"/lipsync/{job['job_id']}").json()
        assert later["status"] == "success"
        assert later["download_url"] is None
        assert later["video_url"] is None
        assert later["duration_seconds"] == job["duration_seconds"]
