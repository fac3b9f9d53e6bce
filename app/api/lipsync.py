"""The job resource: make one, and read it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from pydantic.json_schema import SkipJsonSchema
from starlette.responses import JSONResponse

from app.api.orders import Counter
from app.api.problems import JobProblem, documented, recall
from app.api.schemas import UNFINISHED, JobOut, job_out
from app.errors import (
    InternalError,
    InvalidRequest,
    NoFace,
    NoSpeech,
    NotFound,
    Overloaded,
    ProviderError,
    ProviderNotConfigured,
    RateLimited,
    TimedOut,
    TooLarge,
    TooLong,
    Unauthorized,
    UnreadableMedia,
    UnsupportedAudio,
    UnsupportedImage,
)
from app.model import Job, State
from app.providers import AUTO, HTTP_PROVIDERS
from app.providers.local import Local
from app.runner import Runner
from app.speech import LONGEST_TEXT
from app.store import Store
from app.voices import VOICES

LONGEST_POLL = 55
"""Seconds: shorter than the minute after which common proxies give up."""
_ASK_AGAIN_IN = "1"
_REREAD = 2.0
"""Seconds after which a waiting request looks again, whether it heard of a change or not."""

_FORM = {
    "type": "object",
    "required": ["image"],
    "properties": {
        "image": {
            "type": "string",
            "format": "binary",
            "description": "still image or video of a face",
        },
        "audio": {
            "type": "string",
            "format": "binary",
            "description": "speech; needed unless there is a `text`",
        },
        "text": {
            "type": "string",
            "maxLength": LONGEST_TEXT,
            "description": "what to say, instead of `audio`",
        },
        "voice": {
            "type": "string",
            "description": f"who says the `text`, by default {VOICES[0].name};"
            " `GET /text-to-speech/voices` lists them",
        },
        "provider": {
            "type": "string",
            "description": "who renders; `auto` takes the first configured one, else `local`",
            "enum": [AUTO, *(kind.name for kind in HTTP_PROVIDERS), Local.name],
        },
        "options": {
            "type": "string",
            "description": "the provider's own options as a JSON object; `GET /providers` has them",
            "example": "{}",
        },
        "wait": {
            "type": "number",
            "minimum": 0,
            "maximum": 3600,
            "example": 120,
            "description": "seconds to hold the request; 0 answers 202 at once",
        },
    },
}
_PROBLEMS = (
    UnsupportedImage,
    UnsupportedAudio,
    UnreadableMedia,
    Unauthorized,
    TooLarge,
    InvalidRequest,
    NoFace,
    NoSpeech,
    TooLong,
    RateLimited,
    ProviderNotConfigured,
    InternalError,
    ProviderError,
    Overloaded,
    TimedOut,
)
_PREFER = re.compile(r"(respond-async)|wait\s*=\s*(\d+)")


@dataclass(frozen=True, slots=True)
class LipsyncRoutes:
    """The routes under /lipsync. A request that asks for nothing else is held ``hold_seconds``.

    Once ``closing`` is set nobody is held any longer: the service is about to end.
    """

    counter: Counter
    store: Store
    runner: Runner
    hold_seconds: float
    closing: asyncio.Event
    sign: Callable[[str], str]

    def router(self) -> APIRouter:
        """The routes, described for OpenAPI."""
        router = APIRouter(tags=["lipsync"])
        router.add_api_route(
            "/lipsync",
            self.create,
            methods=["POST"],
            summary="Make a talking video",
            response_model=JobOut,
            openapi_extra={"requestBody": _request_body()},
            responses={
                202: {
                    "model": JobOut,
                    "description": "Not finished yet: see `Location`",
                    "content": {"application/json": {"example": UNFINISHED}},
                },
                **documented(*_PROBLEMS),
            },
        )
        router.add_api_route(
            "/lipsync/{job_id}",
            self.read,
            summary="How a job stands",
            response_model=JobOut,
            responses=documented(NotFound, InvalidRequest),
        )
        return router

    async def create(
        self,
        request: Request,
        prefer: Annotated[
            str | SkipJsonSchema[None],
            Header(description="`respond-async` or `wait=N` (RFC 7240)"),
        ] = None,
    ) -> Response:
        """Send a face and a voice; the answer is the finished job with the video's address.

        The request is held until the video is there. When that takes longer than the service
        holds requests, the answer is a 504 whose `job_id` and `Location` lead to the job, which
        goes on. With `wait` or `Prefer` an unfinished job is answered as a 202 instead.
        """
        job, wait = await self.counter.take(request)
        await self.runner.begin(job.id)
        asked = _asked_to_wait(wait, prefer)
        job = await self._finished(job, self.hold_seconds if asked is None else asked)
        headers = {"Location": f"/lipsync/{job.id}"}
        if prefer and wait is None and asked is not None:
            headers["Preference-Applied"] = f"wait={asked:g}" if asked else "respond-async"
        if job.state is State.SUCCESS:
            return self._answer(job, 200, headers)
        if job.state.final:
            raise JobProblem(recall(job.error or {}), job, headers["Location"])
        if asked is None:
            raise JobProblem(TimedOut(), job, headers["Location"])
        return self._answer(job, 202, headers | {"Retry-After": _ASK_AGAIN_IN})

    async def read(
        self,
        job_id: str,
        wait: Annotated[
            float,
            Query(ge=0, le=LONGEST_POLL, description="seconds to wait for the job to be final"),
        ] = 0,
    ) -> Response:
        """The job resource; with `wait` it is answered once the job is final, or time is up."""
        job = await self._finished(await self._existing(job_id), wait)
        return self._answer(job, 200, {} if job.state.final else {"Retry-After": _ASK_AGAIN_IN})

    def _answer(self, job: Job, status: int, headers: Mapping[str, str]) -> JSONResponse:
        others = None if job.provider == "gooey" else {"gooey_url"}
        told = job_out(job, self.sign).model_dump(mode="json", exclude=others)
        return JSONResponse(told, status, dict(headers))

    async def _existing(self, job_id: str) -> Job:
        job = await self.store.find(job_id)
        if job is None:
            raise NotFound("There is no such job.")
        return job

    async def _finished(self, job: Job, within: float) -> Job:
        """The job once it is final, or as it stands when time is up."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + within
        while not job.state.final and (left := deadline - loop.time()) > 0:
            if self.closing.is_set():
                break
            await self.store.changed(job.id, within=min(left, _REREAD))
            job = await self._existing(job.id)
        return job


def _request_body() -> dict[str, Any]:
    return {"required": True, "content": {"multipart/form-data": {"schema": _FORM}}}


def _asked_to_wait(wait: float | None, prefer: str | None) -> float | None:
    """Seconds the caller wants to wait, or None when it said nothing about that."""
    if wait is not None:
        return wait
    asked = _PREFER.search((prefer or "").lower())
    if asked is None:
        return None
    return 0.0 if asked[1] else float(asked[2])
