"""Where files are kept for good: a folder, or a bucket at S3, Google Cloud Storage or Azure."""

from __future__ import annotations

import asyncio
import math
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit
from urllib.request import url2pathname
from uuid import uuid4

import obstore
import structlog
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import from_url

from app.errors import StorageUnavailable

if TYPE_CHECKING:
    from obstore.store import ObjectStore

BUCKETS = ("s3", "gs", "az")
_PART = 8 << 20
_PARTS_AT_ONCE = 4
_RETRY_AFTER = 10.0
_PROVEN_FOR = 30.0
"""Seconds for which a bucket that could be written to is taken to be writable: asking costs."""
_PROBE = "ready"

log = structlog.get_logger(__name__)


class Storage(Protocol):
    """Files under keys such as ``lsj_1/video.mp4``; a file is there whole or not at all.

    Every method raises StorageUnavailable while the place cannot be reached.
    """

    block: int
    """Bytes that are worth reading at a time."""

    async def put(self, key: str, file: Path, *, lasting: bool) -> None:
        """Keep a file that stays as it is. With ``lasting`` it outlives the power when done."""

    async def fetch(self, key: str, to: Path) -> None:
        """Have a kept file at ``to``. Raises FileNotFoundError."""

    async def read(self, key: str, start: int, end: int) -> bytes:
        """The bytes of a kept file from ``start`` up to ``end``. Raises FileNotFoundError."""

    async def delete(self, folder: str) -> None:
        """Forget everything whose key begins with ``folder`` and a slash."""

    async def check(self) -> None:
        """Raise StorageUnavailable if nothing could be kept right now."""


class Disk:
    """A folder. A file from the same file system is linked and not copied."""

    block = 256 << 10

    def __init__(self, root: Path) -> None:
        self._root = root

    async def put(self, key: str, file: Path, *, lasting: bool) -> None:
        """Keep a file: the same bytes under a second name, where that is possible."""
        with _told():
            await asyncio.to_thread(_place, file, self._root / key, lasting)

    async def fetch(self, key: str, to: Path) -> None:
        """Have a kept file at ``to``, too."""
        with _told():
            await asyncio.to_thread(_place, self._root / key, to, False)

    async def read(self, key: str, start: int, end: int) -> bytes:
        """A part of a kept file."""
        with _told():
            return await asyncio.to_thread(_part, self._root / key, start, end)

    async def delete(self, folder: str) -> None:
        """Remove a folder."""
        await asyncio.to_thread(shutil.rmtree, self._root / folder, ignore_errors=True)

    async def check(self) -> None:
        """Write a file and remove it."""
        with _told():
            await asyncio.to_thread(self.prove)

    def prove(self) -> None:
        """Write a file and remove it. Raises OSError."""
        self._root.mkdir(parents=True, exist_ok=True)
        probe = _beside(self._root / _PROBE)
        probe.write_bytes(b"")
        probe.unlink()


class Bucket:
    """A bucket and a prefix in it, with credentials as the vendor's own tools read them."""

    block = 2 << 20

    def __init__(self, url: str) -> None:
        self._store: ObjectStore = from_url(
            url,
            # Whoever names an endpoint without TLS means it: it is on their own network.
            client_options={"allow_http": True, "connect_timeout": "5s", "timeout": "60s"},
            retry_config={"max_retries": 3, "retry_timeout": timedelta(seconds=30)},
        )
        self._proven_at = -math.inf

    async def put(self, key: str, file: Path, *, lasting: bool) -> None:
        """Upload a file, a large one in parts."""
        with _told(found=True):
            await obstore.put_async(
                self._store, key, file, chunk_size=_PART, max_concurrency=_PARTS_AT_ONCE
            )

    async def fetch(self, key: str, to: Path) -> None:
        """Download a file."""
        partial = _beside(to)
        try:
            with _told():
                size = (await obstore.head_async(self._store, key))["size"]
                await asyncio.to_thread(partial.touch)
                # One request for all of it would have to be done within its own time limit.
                for start in range(0, size, _PART):
                    part = await self.read(key, start, min(start + _PART, size))
                    await asyncio.to_thread(_append, partial, part)
                await asyncio.to_thread(partial.replace, to)
        finally:
            await asyncio.to_thread(partial.unlink, missing_ok=True)

    async def read(self, key: str, start: int, end: int) -> bytes:
        """A part of a kept file."""
        with _told():
            return bytes(await obstore.get_range_async(self._store, key, start=start, end=end))

    async def delete(self, folder: str) -> None:
        """Delete every file below a folder."""
        # Another process may be deleting the same, which not every vendor forgives.
        with suppress(FileNotFoundError), _told():
            listed = await obstore.list(self._store, folder).collect_async()
            if listed:
                await obstore.delete_async(self._store, [entry["path"] for entry in listed])

    async def check(self) -> None:
        """Write a small file, unless that was done a moment ago."""
        if time.monotonic() - self._proven_at > _PROVEN_FOR:
            with _told(found=True):
                await asyncio.to_thread(self.prove)
            self._proven_at = time.monotonic()

    def prove(self) -> None:
        """Write a small file. Raises FileNotFoundError for a bucket that is none, and BaseError."""
        obstore.put(self._store, _PROBE, b"")


def storage_at(url: str | None, default: Path) -> Storage:
    """The storage that STORAGE_URL names, after something was written to it.

    Raises ValueError, in words that follow the name of the variable.
    """
    try:
        storage = _named(url, default)
        storage.prove()
    except FileNotFoundError:
        raise ValueError("There is no such bucket") from None
    except (PermissionDeniedError, UnauthenticatedError):
        raise ValueError("The credentials do not allow writing there") from None
    except OSError as problem:
        raise ValueError(f"{problem.strerror}: {problem.filename}") from None
    except BaseError as problem:
        raise ValueError(f"It cannot be written to: {_first_words(problem)}") from None
    return storage


def _named(url: str | None, default: Path) -> Disk | Bucket:
    parts = urlsplit(url or "")
    if parts.scheme in BUCKETS and parts.netloc:
        return Bucket(str(url))
    if parts.scheme == "file" and not parts.netloc:
        return Disk(Path(url2pathname(parts.path)))
    if parts.scheme:
        kinds = ", ".join(f"{kind}://bucket/prefix" for kind in BUCKETS)
        raise ValueError(f"This must be a folder, or like {kinds}")
    return Disk(Path(url).expanduser().resolve() if url else default)


@contextmanager
def _told(*, found: bool = False) -> Iterator[None]:
    """Say StorageUnavailable for whatever went wrong, but for a file that is not there.

    With ``found`` nothing was looked for, so that it is the place itself that is not there.
    """
    try:
        yield
    except (BaseError, OSError) as problem:
        if isinstance(problem, FileNotFoundError) and not found:
            raise
        log.warning("the storage failed", reason=_first_words(problem))
        raise StorageUnavailable(retry_after=_RETRY_AFTER) from None


def _first_words(problem: Exception) -> str:
    """What happened, without the addresses' queries, which may hold a signature."""
    first, *_ = str(problem).splitlines() or [type(problem).__name__]
    return re.sub(r"\?\S+", "", first)[:300]


def _beside(path: Path) -> Path:
    """A name for what is to be at ``path`` once it is whole."""
    return path.with_name(f".{path.name}-{uuid4().hex}")


def _place(file: Path, to: Path, lasting: bool) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    # Renaming a file over another name of its own does nothing, and leaves both.
    if not (to.exists() and to.samefile(file)):
        partial = _beside(to)
        try:
            _link_or_copy(file, partial)
            partial.replace(to)
        finally:
            partial.unlink(missing_ok=True)
    if lasting:
        for path in (to, to.parent, to.parent.parent):
            _sync(path)


def _link_or_copy(file: Path, to: Path) -> None:
    try:
        to.hardlink_to(file)
    except OSError:
        shutil.copyfile(file, to)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _part(path: Path, start: int, end: int) -> bytes:
    with path.open("rb") as file:
        file.seek(start)
        return file.read(end - start)


def _append(path: Path, part: bytes) -> None:
    with path.open("ab") as file:
        file.write(part)
