"""The files of a job: its video, and what the providers fetch."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from starlette.responses import FileResponse

from app.api.access import Links
from app.api.problems import documented
from app.errors import InvalidRequest, NotFound, Unauthorized
from app.model import Job
from app.store import Store


@dataclass(frozen=True, slots=True)
class FileRoutes:
    """The routes under /lipsync/{job_id} that answer files."""

    store: Store
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
            response_class=FileResponse,
            responses={
                200: {"content": {"video/mp4": {}}, "description": "The MP4"},
                206: {"content": {"video/mp4": {}}, "description": "What `Range` asks for"},
                **documented(NotFound, InvalidRequest),
            },
        )
        inputs = "/lipsync/{job_id}/inputs/{name}"
        router.add_api_route(inputs, self.input, methods=["GET", "HEAD"], include_in_schema=False)
        return router

    async def video(
        self,
        job_id: str,
        download: Annotated[bool, Query(description="save it instead of playing it")] = False,
    ) -> FileResponse:
        """The finished MP4, also in ranges, as players and downloads ask for it."""
        job = await self._existing(job_id)
        if job.result is None or not await asyncio.to_thread(job.result.path.exists):
            raise NotFound(f"The job {job_id} has no video.")
        return FileResponse(
            job.result.path,
            media_type="video/mp4",
            filename=f"{job_id}.mp4",
            content_disposition_type="attachment" if download else "inline",
            headers={"Cross-Origin-Resource-Policy": "cross-origin"},
        )

    async def input(
        self, job_id: str, name: Literal["face", "audio"], request: Request
    ) -> Response:
        """What a provider was promised a link to: only with a signature that is still good."""
        if not self.links.allow(request.url.path, request.url.query):
            raise Unauthorized
        job = await self._existing(job_id)
        sent = {"face": job.sent_face or job.face, "audio": job.sent_audio or job.audio}[name]
        return FileResponse(sent.path)

    async def _existing(self, job_id: str) -> Job:
        job = await self.store.find(job_id)
        if job is None:
            raise NotFound("There is no such job.")
        return job
