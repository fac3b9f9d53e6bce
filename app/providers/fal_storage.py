"""fal's storage: where files go before an order, a large one in parts."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from app.model import Media
from app.providers.answers import Answer
from app.providers.http import HttpProvider
from app.providers.uploads import mime

PART = 10 << 20
IN_PARTS_FROM = 90 << 20


class Place(Answer):
    upload_url: str
    file_url: str


class Part(Answer):
    part_number: int = Field(alias="partNumber")
    etag: str


async def store(fal: HttpProvider[Any], rest_url: str, media: Media) -> str:
    """Upload a file, and say under which address fal's models find it."""
    if media.size > IN_PARTS_FROM:
        return await _store_in_parts(fal, rest_url, media)
    place = await _place(fal, rest_url, "initiate", media)
    await fal.put(place.upload_url, media, Answer, content_type=mime(media))
    return place.file_url


async def _store_in_parts(fal: HttpProvider[Any], rest_url: str, media: Media) -> str:
    place = await _place(fal, rest_url, "initiate-multipart", media)
    address, _, query = place.upload_url.partition("?")
    parts = [
        await fal.put(f"{address}/{n}?{query}", media, Part, start=start, size=PART)
        for n, start in enumerate(range(0, media.size, PART), start=1)
    ]
    done = {"parts": [part.model_dump(by_alias=True) for part in parts]}
    await fal.send(Answer, "POST", f"{address}/complete?{query}", json=done)
    return place.file_url


async def _place(fal: HttpProvider[Any], rest_url: str, flow: str, media: Media) -> Place:
    path = f"{rest_url}/storage/upload/{flow}?storage_type=fal-cdn-v3"
    file = {"file_name": f"{media.kind}.{media.container}", "content_type": mime(media)}
    return await fal.call(Place, "POST", path, json=file)
