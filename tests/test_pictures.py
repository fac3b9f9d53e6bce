"""No picture outlives its video."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest
from starlette.requests import Request

from app.api.pictures import PictureRoutes
from app.api.reading import Reader
from app.archive import Archive
from app.database import Database
from app.errors import Gone, NotFound
from app.inspections import Inspections
from app.model import Job, Kind, Media, Phase, State
from app.storage import Disk
from app.store import Store


class Slow:
    """Draws a picture, and does something else before that is done."""

    def __init__(self, meanwhile: Callable[[str], Awaitable[None]]) -> None:
        self._meanwhile = meanwhile

    async def run(self, _draw: object, _video: Path, _at: float, to: Path, **_: object) -> None:
        await asyncio.to_thread(to.write_bytes, b"a face")
        await self._meanwhile("lsj_1")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'jobs.sqlite'}")
    await database.open()
    store = Store(database, root=tmp_path)
    media = Media(tmp_path / "video.mp4", Kind.VIDEO, "mp4", 7, "0" * 64, duration=1.0)
    job = Job(
        id="lsj_1",
        provider="gooey",
        state=State.SUCCESS,
        phase=Phase.DONE,
        created_at=datetime.now(UTC),
        base_url="http://localhost:8000",
        face=media,
        audio=media,
        result=media,
        options={},
    )
    await store.add(job)
    yield store
    await database.close()


@pytest.mark.parametrize(("end", "told"), [("remove", NotFound), ("expire", Gone)])
async def test_a_video_is_deleted_while_its_picture_is_drawn(
    store: Store, tmp_path: Path, end: str, told: type[Exception]
) -> None:
    kept = tmp_path / "media" / "lsj_1"
    kept.mkdir(parents=True)
    (kept / "video.mp4").write_bytes(b"a video")
    archive = Archive(tmp_path / "jobs", Disk(tmp_path / "media"))

    async def delete(job_id: str) -> None:
        await archive.discard(job_id)
        await getattr(store, end)(job_id)

    reader = Reader(store, asyncio.Event(), str)
    routes = PictureRoutes(reader, archive, cast("Inspections", Slow(delete)))
    request = Request({"type": "http", "method": "GET", "headers": []})
    with pytest.raises(told):
        await routes.thumbnail("lsj_1", request)
    assert not kept.exists()
