"""The files of a job: its video, its pictures, and what the providers fetch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response

from app.api.access import Links
from app.api.problems import documented
from app.api.ranges import KeptFile
from app.api.reading import NOT_KEPT, Reader
from app.api.schemas import JobId
from app.archive import Archive
from app.errors import (
    Gone,
    InvalidRequest,
    NotFound,
    RangeNotSatisfiable,
    StorageUnavailable,
    Unauthorized,
)
from app.media.sniff import CONTENT_TYPES
from app.model import Job, Media

_PLAYABLE_ANYWHERE = {"Cross-Origin-Resource-Policy": "cross-origin"}
_VIDEO = {"schema": {"type": "string", "format": "binary"}}


@dataclass(frozen=True, slots=True)
class FileRoutes:
    """The routes under /lipsync/{job_id} that answer files."""

    reader: Reader
    archive: Archive
    links: Links

    def router(self) -> APIRouter:
        """The routes, described for OpenAPI."""
        router = APIRouter(tags=["lipsync"])
        video = "/lipsync/{job_id}/video"
        router.add_api_route(video, self.video, methods=["HEAD"], include_in_schema=False)
        router.add_api_route(
            video,
            self.video,
            summary="The video",
            response_class=Response,
            responses={
                200: {"content": {"video/mp4": _VIDEO}, "description": "The video, mostly an MP4"},
                206: {"content": {"video/mp4": _VIDEO}, "description": "What `Range` asks for"},
                304: {"description": "It is what `If-None-Match` names"},
                **documented(NotFound, Gone, RangeNotSatisfiable),
                **documented(InvalidRequest, StorageUnavailable),
            },
        )
        inputs = "/lipsync/{job_id}/inputs/{name}"
        router.add_api_route(inputs, self.input, methods=["GET", "HEAD"], include_in_schema=False)
        return router

    async def video(
        self,
        job_id: JobId,
        request: Request,
        download: Annotated[bool, Query(description="save it instead of playing it")] = False,
    ) -> Response:
        """The finished video, also in ranges, as players and downloads ask for it."""
        job = await self.reader.existing(job_id)
        kind = "attachment" if download else "inline"
        result = finished_video(job)
        headers = {
            **_PLAYABLE_ANYWHERE,
            # Kept by its viewer alone, and shown no longer than it is here.
            "Cache-Control": "private, no-cache",
            "Content-Disposition": f'{kind}; filename="{job_id}{result.path.suffix}"',
        }
        return await self._answer(job, result, request, headers)

    async def input(
        self, job_id: JobId, name: Literal["face", "audio"], request: Request
    ) -> Response:
        """What a provider was promised a link to: only with a signature that is still good."""
        if not self.links.allow(request.url.path, request.url.query):
            raise Unauthorized
        job = await self.reader.existing(job_id)
        sent = {"face": job.sent_face or job.face, "audio": job.sent_audio or job.audio}[name]
        return await self._answer(job, sent, request, NOT_KEPT)

    async def _answer(
        self, job: Job, media: Media, request: Request, headers: Mapping[str, str]
    ) -> Response:
        file = KeptFile(
            media.size,
            media.sha256,
            CONTENT_TYPES.get(media.container, "application/octet-stream"),
            partial(self.archive.read, job.id, media.path.name),
            self.archive.block,
        )
        try:
            return await file.answer(request, headers)
        except FileNotFoundError:
            raise NotFound("The file is not there any more.") from None


def finished_video(job: Job) -> Media:
    """Our own copy of a job's video. Raises Gone once it was deleted, and NotFound before."""
    if job.expired_at:
        raise Gone
    if job.result is None:
        raise NotFound(f"The job {job.id} has no video.")
    return job.result
