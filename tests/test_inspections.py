"""The same content is looked into once; a look that tells nothing about it is not remembered.

Where a test names a file that is not there, whatever is told about it was remembered.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from app.errors import NoFace, NoSpeech, UnsupportedImage
from app.inspections import Inspections
from app.media.face import face_models_dir
from app.media.probe import Limits
from app.workers import WorkerPool

ONE, OTHER = "1" * 64, "2" * 64


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pool() -> AsyncIterator[WorkerPool]:
    pool = WorkerPool(2, memory=3 << 30, keep=True)
    yield pool
    await pool.close()


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def inspections(pool: WorkerPool) -> Inspections:
    return Inspections(pool, models=face_models_dir(), remembered=4)


@pytest.fixture
def gone(tmp_path: Path) -> Path:
    return tmp_path / "gone"


async def test_a_copy_of_a_known_file_is_known(
    inspections: Inspections, photo: Path, speech: Path, gone: Path
) -> None:
    face = await inspections.face(photo, sha256=ONE, limits=Limits())
    audio = await inspections.audio(speech, sha256=ONE, limits=Limits())
    assert face.path == photo
    again = await inspections.face(gone, sha256=ONE, limits=Limits())
    assert again == replace(face, path=gone)
    assert await inspections.audio(gone, sha256=ONE, limits=Limits()) == replace(audio, path=gone)


async def test_whoever_asks_meanwhile_shares_the_look(
    inspections: Inspections, photo: Path, gone: Path
) -> None:
    paths = [photo, *[gone] * 49]
    looks = [inspections.face(path, sha256=ONE, limits=Limits()) for path in paths]
    assert [media.path for media in await asyncio.gather(*looks)] == paths


async def test_verdicts_are_remembered(
    inspections: Inspections, photo: Path, speech: Path, gone: Path
) -> None:
    face = await inspections.face(photo, sha256=ONE, limits=Limits())
    audio = await inspections.audio(speech, sha256=ONE, limits=Limits())
    await inspections.check(face, audio)
    await inspections.check(replace(face, path=gone), replace(audio, path=gone))


async def test_refusals_are_remembered(
    inspections: Inspections, scenery: Path, silence: Path, photo: Path, speech: Path, gone: Path
) -> None:
    face = await inspections.face(scenery, sha256=ONE, limits=Limits())
    audio = await inspections.audio(silence, sha256=ONE, limits=Limits())
    with pytest.raises(NoFace):
        await inspections.check(face, audio)
    with pytest.raises(NoFace):
        await inspections.check(replace(face, path=gone), audio)
    seen = await inspections.face(photo, sha256=OTHER, limits=Limits())
    with pytest.raises(NoSpeech):
        await inspections.check(seen, replace(audio, path=gone))
    for path in (speech, gone):
        with pytest.raises(UnsupportedImage):
            await inspections.face(path, sha256="3" * 64, limits=Limits())


async def test_other_limits_are_another_question(
    inspections: Inspections, photo: Path, gone: Path
) -> None:
    await inspections.face(photo, sha256=ONE, limits=Limits())
    with pytest.raises(FileNotFoundError):
        await inspections.face(gone, sha256=ONE, limits=Limits(max_seconds=1))


async def test_what_befell_one_copy_is_not_held_against_another(
    inspections: Inspections, photo: Path, gone: Path
) -> None:
    first = inspections.face(gone, sha256=ONE, limits=Limits())
    second = inspections.face(photo, sha256=ONE, limits=Limits())
    lost, found = await asyncio.gather(first, second, return_exceptions=True)
    assert isinstance(lost, FileNotFoundError)
    assert getattr(found, "path", None) == photo
    await inspections.face(photo, sha256=ONE, limits=Limits())
    assert (await inspections.face(gone, sha256=ONE, limits=Limits())).path == gone


async def test_who_gives_up_takes_nothing_from_the_others(
    inspections: Inspections, photo: Path, gone: Path
) -> None:
    first = asyncio.create_task(inspections.face(photo, sha256=ONE, limits=Limits()))
    second = asyncio.create_task(inspections.face(gone, sha256=ONE, limits=Limits()))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).path == gone


async def test_the_oldest_findings_are_forgotten(
    inspections: Inspections, photo: Path, gone: Path
) -> None:
    for digit in "12345":
        await inspections.face(photo, sha256=digit * 64, limits=Limits())
    await inspections.face(gone, sha256="5" * 64, limits=Limits())
    with pytest.raises(FileNotFoundError):
        await inspections.face(gone, sha256=ONE, limits=Limits())
