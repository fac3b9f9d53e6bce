"""Where the face and the voice of an order come from: a file, an address, or words to be said."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from app.addresses import Addresses
from app.api.problems import invalid
from app.api.uploads import Form, Slot, Upload
from app.errors import (
    BlockedUrl,
    InvalidRequest,
    OrderError,
    ProviderUnavailable,
    TooLarge,
    UnsupportedAudio,
    UnsupportedImage,
)

FETCH_SECONDS = 60
"""How long a file may take to arrive from an address: its caller is waiting."""
_SOURCES = {"image": ("image", "image_url"), "audio": ("audio", "audio_url", "text")}
_CHOICES = {
    "image": "Send either image or image_url.",
    "audio": "Send either audio, or audio_url, or text with a voice.",
}
_UNSUPPORTED: Mapping[str, type[OrderError]] = {
    "image": UnsupportedImage,
    "audio": UnsupportedAudio,
}
_ABSENT = "Field required"
_PAGES = (b"<!doctype html", b"<html")


def refuse_unclear(form: Form) -> None:
    """Raise InvalidRequest unless a form holds one face and one voice, wherever they are from."""
    given = _given(form)
    missing = [
        {
            "type": "missing",
            "loc": ["body", name],
            "msg": _ABSENT if name not in form.fields else "This must be a file",
        }
        for name, sources in _SOURCES.items()
        if given.isdisjoint(sources)
    ]
    if missing:
        raise _incomplete(missing)
    if given.issuperset(_SOURCES["image"]):
        raise InvalidRequest(_CHOICES["image"])
    spoken = bool(given & {"text", "voice"})
    if ["audio" in given, "audio_url" in given, spoken].count(True) > 1:
        raise InvalidRequest(_CHOICES["audio"])


def _incomplete(missing: list[dict[str, Any]]) -> InvalidRequest:
    """What else would do, unless a field is there already and only wrong."""
    problem = invalid(missing)
    if all(each["msg"] == _ABSENT for each in missing):
        problem.detail = " ".join(_CHOICES[each["loc"][-1]] for each in missing)
    return problem


def _given(form: Form) -> set[str]:
    """The names of the files, and of the fields that say something."""
    given = {name for name, text in form.fields.items() if text.strip()} - set(_SOURCES)
    given |= set(form.files)
    if "text" in form.fields and given.isdisjoint(_SOURCES["audio"]):
        given.add("text")  # that there is nothing in it says more than that a file is missing
    return given


async def fetch(
    addresses: Addresses, form: Form, urls: Mapping[str, str | None], slots: Mapping[str, Slot]
) -> Form:
    """The form with the files to which its addresses lead.

    Raises BlockedUrl, TooLarge, InvalidRequest when one cannot be had, and what is said of a page
    that came in place of a file.
    """
    try:
        async with asyncio.TaskGroup() as group:
            arriving = {
                name: group.create_task(_fetched(addresses, name, url, slots[name]))
                for name, url in urls.items()
                if url
            }
    except ExceptionGroup as faults:
        raise faults.exceptions[0] from None
    arrived = {name: upload.result() for name, upload in arriving.items()}
    return Form(files={**form.files, **arrived}, fields=form.fields)


async def check_callback(addresses: Addresses, url: str) -> None:
    """Raise BlockedUrl or InvalidRequest where nobody could be told of a job's end."""
    with _told_of("callback_url"):
        await addresses.check(url)


@contextmanager
def _told_of(field: str) -> Iterator[None]:
    """Have what is wrong with an address told as a fault of the field it stands in."""
    try:
        yield
    except (BlockedUrl, TooLarge) as problem:
        raise type(problem)(f"{field}: {problem.detail}") from None
    except ProviderUnavailable as problem:
        unreachable = InvalidRequest(f"{field}: {problem.detail}")
        unreachable.retryable = True
        raise unreachable from None


async def _fetched(addresses: Addresses, name: str, url: str, slot: Slot) -> Upload:
    with _told_of(f"{name}_url"):
        file = await addresses.download(
            url, slot.path, most_bytes=slot.limit, seconds=FETCH_SECONDS
        )
    if await asyncio.to_thread(_is_page, slot.path):
        kind = _UNSUPPORTED[name]
        raise kind(f"{kind().detail}. The address in {name}_url leads to a web page, not a file.")
    return Upload(slot.path, file.size, file.sha256)


def _is_page(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(512).lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(_PAGES)
