"""The job resource: make one, and read it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from pydantic.json_schema import SkipJsonSchema

from app.api.idempotency import KEY_PATTERN
from app.api.orders import Counter
from app.api.patience import LONGEST_WAIT, patience
from app.api.problems import JobProblem, documented, recall
from app.api.reading import ASK_AGAIN, Reader
from app.api.schemas import UNFINISHED, JobId, JobOut
from app.errors import (
    AlreadyFinal,
    Gone,
    InvalidRequest,
    NotFound,
    Overloaded,
    RangeNotSatisfiable,
    StillRunning,
    TimedOut,
    every_error,
)
from app.model import State
from app.providers import AUTO, HTTP_PROVIDERS
from app.providers.local import Local
from app.runner import Runner
from app.speech import LONGEST_TEXT
from app.voices import VOICES

LONGEST_POLL = 55
"""Seconds: shorter than the minute after which common proxies give up."""

_FORM = {
    "type": "object",
    "properties": {
        "image": {
            "type": "string",
            "format": "binary",
            "description": "still image or video of a face; needed unless there is an `image_url`",
        },
        "image_url": {
            "type": "string",
            "description": "where the image lies on the web, instead of `image`",
        },
        "audio": {
            "type": "string",
            "format": "binary",
            "description": "speech; needed unless there is an `audio_url` or a `text`",
        },
        "audio_url": {
            "type": "string",
            "description": "where the speech lies on the web, instead of `audio`",
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
        "callback_url": {
            "type": "string",
            "description": "who is told when the job is final, by a signed webhook",
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
            "maximum": LONGEST_WAIT,
            "example": 120,
            "description": "seconds to hold the request; 0 answers 202 at once",
        },
        "max_cost": {
            "type": "number",
            "minimum": 0,
            "example": 20,
            "description": "refuses before anything is paid when the provider is expected to charge"
            " more, or nobody knows; in the provider's own unit, as `cost` counts",
        },
    },
}
_ELSEWHERE = (NotFound, Gone, AlreadyFinal, StillRunning, RangeNotSatisfiable)
"""What can be wrong with a job that is there already; everything else may befall an order."""
_PROBLEMS = [kind for kind in every_error() if kind not in _ELSEWHERE]
_HEADERS = {
    "Location": "where the job is",
    "Retry-After": "seconds after which it is worth to ask again",
    "Preference-Applied": "what `Prefer` asked for and got",
    "Idempotency-Replayed": "`true` where the job was there before",
}
_TOLD = ("Location", "Preference-Applied", "Idempotency-Replayed")

STOPPING_FOR = 5
"""Seconds after which another replica, or this one once it is back, takes the order."""


@dataclass(frozen=True, slots=True)
class LipsyncRoutes:
    """An order, and the job it became.

    An order that asks for nothing else is held ``hold_seconds``.
    """

    counter: Counter
    reader: Reader
    runner: Runner
    hold_seconds: float

    def router(self) -> APIRouter:
        """The routes, described for OpenAPI."""
        router = APIRouter(tags=["lipsync"])
        router.add_api_route(
            "/lipsync",
            self.create,
            methods=["POST"],
            summary="Make a talking video",
            response_description="The job is finished: its video is at `video_url`",
            response_model=JobOut,
            openapi_extra={"requestBody": _request_body()},
            responses={
                200: {"headers": _headers(*_TOLD)},
                202: {
                    "model": JobOut,
                    "description": "Not finished yet: see `Location`",
                    "content": {"application/json": {"example": UNFINISHED}},
                    "headers": _headers(*_TOLD, "Retry-After"),
                },
                **documented(*_PROBLEMS),
            },
        )
        job = "/lipsync/{job_id}"
        router.add_api_route(job, self.read, methods=["HEAD"], include_in_schema=False)
        router.add_api_route(
            job,
            self.read,
            summary="How a job stands",
            response_description="The job as it stands, and once it is final its video or error",
            response_model=JobOut,
            responses=documented(NotFound, InvalidRequest),
        )
        return router

    async def create(
        self,
        request: Request,
        _prefer: Annotated[
            str | SkipJsonSchema[None],
            Header(
                alias="Prefer",
                description="`respond-async`, `wait=N`, or both (RFC 7240); the field `wait`"
                " counts for more",
            ),
        ] = None,
        _key: Annotated[
            str | SkipJsonSchema[None],
            Header(
                alias="Idempotency-Key",
                description="1 to 255 visible ASCII characters: sent again with the same parts"
                " within 24 hours, the order is answered with the job that it has already",
                json_schema_extra={"pattern": KEY_PATTERN},
            ),
        ] = None,
    ) -> Response:
        """Send a face and a voice; the answer is the finished job with the video's address.

        The request is held until the video is there. When that takes longer than the service
        holds requests, the answer is a 504 whose `job_id` and `Location` lead to the job, which
        goes on. With `wait` or `Prefer` an unfinished job is answered as a 202 instead.

        With an `Idempotency-Key` the order can be sent again when its answer was lost: the answer
        is then that of the job it has already, with `Idempotency-Replayed: true`.
        """
        if self.reader.closing.is_set():
            raise Overloaded("The service is about to stop. Try again.", retry_after=STOPPING_FOR)
        taken = await self.counter.take(request)
        if not taken.replayed:
            await self.runner.begin(taken.job.id)
        asked = patience(taken.wait, request.headers.getlist("prefer"))
        hold = self.hold_seconds if asked.seconds is None else asked.seconds
        job = await self.reader.finished(taken.job, hold)
        headers = self.reader.place(job)
        if taken.replayed:
            headers["Idempotency-Replayed"] = "true"
        if asked.applied:
            headers["Preference-Applied"] = asked.applied
        if job.state is State.SUCCESS:
            return self.reader.answer(job, 200, headers)
        if job.state.final:
            raise JobProblem(recall(job.error or {}), job, headers)
        if asked.seconds is None:
            raise JobProblem(TimedOut(), job, headers)
        return self.reader.answer(job, 202, headers | ASK_AGAIN)

    async def read(
        self,
        job_id: JobId,
        wait: Annotated[
            float,
            Query(ge=0, le=LONGEST_POLL, description="seconds to wait for the job to be final"),
        ] = 0,
    ) -> Response:
        """The job resource; with `wait` it is answered once the job is final, or time is up."""
        job = await self.reader.finished(await self.reader.existing(job_id), wait)
        return self.reader.answer(job, 200, {} if job.state.final else ASK_AGAIN)


def _headers(*names: str) -> dict[str, Any]:
    return {name: {"description": _HEADERS[name], "schema": {"type": "string"}} for name in names}


def _request_body() -> dict[str, Any]:
    return {"required": True, "content": {"multipart/form-data": {"schema": _FORM}}}
