"""Files as vendors get them: their media types, their extensions, and their bytes in blocks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from app.model import Kind, Media

_BLOCK = 1 << 20
_MIMES = {
    (Kind.VIDEO, "mov"): "video/quicktime",
    (Kind.VIDEO, "m4v"): "video/x-m4v",
    (Kind.VIDEO, "avi"): "video/x-msvideo",
    (Kind.VIDEO, "mkv"): "video/x-matroska",
    (Kind.AUDIO, "mp3"): "audio/mpeg",
    (Kind.AUDIO, "m4a"): "audio/mp4",
}
_EXTENSIONS = {"jpeg": "jpg", "heif": "heic"}


def mime(media: Media) -> str:
    """The media type by which a vendor knows a file."""
    return _MIMES.get((media.kind, media.container), f"{media.kind}/{media.container}")


def extension(media: Media) -> str:
    """The extension that a file of its kind usually has, without a dot."""
    return _EXTENSIONS.get(media.container, media.container)


async def blocks(path: Path, start: int, length: int) -> AsyncIterator[bytes]:
    """So many bytes of a file, one block after the other."""
    file = await asyncio.to_thread(path.open, "rb")
    try:
        file.seek(start)
        while length > 0 and (block := await asyncio.to_thread(file.read, min(_BLOCK, length))):
            length -= len(block)
            yield block
    finally:
        await asyncio.to_thread(file.close)
