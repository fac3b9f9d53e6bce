"""Where a job's inputs and its result live: in a folder while it is worked on, and in storage."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Collection, Iterable
from pathlib import Path

from app.model import Job
from app.storage import Storage


class Archive:
    """One folder a job: on this disk for as long as it is worked on, in storage until it is old.

    A file has the same name in both: ``face`` and ``audio`` as they came, what was made of them
    for the provider, and the video. The names are ours alone: nothing that a caller called a file
    is ever part of a path. What is kept never changes. Methods that reach the storage raise
    StorageUnavailable, and FileNotFoundError for what is not kept.
    """

    def __init__(self, root: Path, storage: Storage) -> None:
        self._root = root
        self._storage = storage

    def folder(self, job_id: str) -> Path:
        """The job's own folder on this disk, for as long as it is worked on."""
        return self._root / job_id

    async def open(self, job_id: str) -> Path:
        """Make the job's folder, if it is not there."""
        folder = self.folder(job_id)
        await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
        return folder

    async def close(self, job_id: str) -> None:
        """Remove the job's folder on this disk: what was kept stays."""
        await asyncio.to_thread(shutil.rmtree, self.folder(job_id), ignore_errors=True)

    async def keep(
        self, job_id: str, *files: Path, name: str | None = None, lasting: bool = False
    ) -> None:
        """Put files of the job's folder where every replica finds them.

        ``name`` is what a file is kept as, if not as it is called. With ``lasting`` the files
        outlive the power once this returns.
        """
        puts = [
            self._storage.put(f"{job_id}/{name or file.name}", file, lasting=lasting)
            for file in files
        ]
        # Whoever is told of a fault may delete everything, so that nothing may still be on its way.
        for fault in await asyncio.gather(*puts, return_exceptions=True):
            if fault:
                raise fault

    async def bring(self, job: Job) -> None:
        """Have what a job works on in its folder: another replica may have received it."""
        inputs = (job.face, job.audio, job.sent_face, job.sent_audio)
        paths = dict.fromkeys(media.path for media in inputs if media)
        for path in await asyncio.to_thread(_missing, paths):
            await self.open(job.id)
            await self._storage.fetch(f"{job.id}/{path.name}", path)

    async def fetch(self, job_id: str, name: str, to: Path) -> None:
        """Have a file that is kept on this disk, to look into it."""
        await self._storage.fetch(f"{job_id}/{name}", to)

    @property
    def block(self) -> int:
        """Bytes that are worth asking for at a time."""
        return self._storage.block

    async def read(self, job_id: str, name: str, start: int, end: int) -> bytes:
        """The bytes from ``start`` up to ``end`` of a file that is kept."""
        return await self._storage.read(f"{job_id}/{name}", start, end)

    async def discard(self, job_id: str) -> None:
        """Forget every file of a job."""
        await self.close(job_id)
        await self._storage.delete(job_id)

    async def check(self) -> None:
        """Raise StorageUnavailable if nothing could be kept right now."""
        await self._storage.check()

    async def sweep(self, under_way: Collection[str]) -> None:
        """Remove the folders of jobs that ended, or never began, when the service did."""
        await asyncio.to_thread(self._sweep, frozenset(under_way))

    def _sweep(self, under_way: Collection[str]) -> None:
        for folder in self._root.glob("*"):
            if folder.name not in under_way:
                shutil.rmtree(folder, ignore_errors=True)


def _missing(paths: Iterable[Path]) -> list[Path]:
    return [path for path in paths if not path.exists()]
