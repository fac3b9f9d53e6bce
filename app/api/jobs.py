"""The jobs there are: listed, canceled and deleted."""

from __future__ import annotations

import binascii
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic.json_schema import SkipJsonSchema, WithJsonSchema
from starlette.responses import JSONResponse

from app.api.problems import JobProblem, documented
from app.api.reading import ASK_AGAIN, NOT_KEPT, Reader
from app.api.schemas import CANCELED, UNFINISHED, JobId, JobOut, JobsOut
from app.archive import Archive
from app.errors import AlreadyFinal, InvalidRequest, NotFound, StillRunning
from app.model import State
from app.runner import Runner
from app.store import Store

MOST_JOBS = 100
"""On one page."""
CANCEL_SECONDS = 5
"""How long a request waits for the job to end: some providers take their time to stop."""
_JOB_ID = re.compile("lsj_[0-9A-HJKMNP-TV-Z]{26}")


@dataclass(frozen=True, slots=True)
class JobRoutes:
    """What can be asked about jobs, and done to them."""

    store: Store
    archive: Archive
    runner: Runner
    reader: Reader

    def router(self) -> APIRouter:
        """The routes, described for OpenAPI."""
        router = APIRouter(tags=["lipsync"])
        router.add_api_route(
            "/lipsync",
            self.page,
            summary="The jobs, newest first",
            response_description="One page of jobs, and the cursor of the next",
            response_model=JobsOut,
            responses=documented(InvalidRequest),
        )
        router.add_api_route(
            "/lipsync/{job_id}/cancel",
            self.cancel,
            methods=["POST"],
            summary="Cancel a job",
            response_description="The job is canceled",
            response_model=JobOut,
            responses={
                200: {"content": {"application/json": {"example": CANCELED}}},
                202: {
                    "model": JobOut,
                    "description": "It is about to end: see `Location`",
                    "content": {"application/json": {"example": UNFINISHED}},
                },
                **documented(NotFound, AlreadyFinal),
            },
        )
        router.add_api_route(
            "/lipsync/{job_id}",
            self.delete,
            methods=["DELETE"],
            status_code=204,
            summary="Delete a job and its files",
            response_description="The job and its files are gone",
            responses=documented(NotFound, StillRunning),
        )
        return router

    async def page(
        self,
        limit: Annotated[int, Query(ge=1, le=MOST_JOBS, description="jobs on a page")] = 20,
        cursor: Annotated[
            str | SkipJsonSchema[None],
            Query(description="`next_cursor` of the page before this one"),
        ] = None,
        status: Annotated[
            State | None,
            Query(description="only jobs that stand like this"),
            WithJsonSchema({"type": "string", "enum": [state.value for state in State]}),
        ] = None,
        provider: Annotated[
            str | SkipJsonSchema[None], Query(description="only jobs of this provider")
        ] = None,
    ) -> JSONResponse:
        """One page of jobs. `next_cursor` leads to the next one, and is null on the last."""
        before = _job_id(cursor) if cursor is not None else None
        found = await self.store.latest(limit + 1, before=before, state=status, provider=provider)
        page = found[:limit]
        next_cursor = _cursor(page[-1].id) if len(found) > limit else None
        jobs = [self.reader.told(job) for job in page]
        return JSONResponse({"jobs": jobs, "next_cursor": next_cursor}, headers=NOT_KEPT)

    async def cancel(self, job_id: JobId) -> Response:
        """End a job that is under way; the provider is told to stop where it can.

        Before the order has left nothing is spent. Where the provider cannot stop, or may charge
        all the same, the job's `warnings` and its error's `charged` say so. A video that is there
        already is kept: then the answer is a 409.
        """
        job = await self.reader.existing(job_id)
        if await self.store.ask_cancel(job_id):
            job = await self.reader.finished(job, CANCEL_SECONDS)
            if job.state is State.CANCELED:
                return self.reader.answer(job, 200, {})
            if not job.state.final:
                return self.reader.answer(job, 202, self.reader.place(job) | ASK_AGAIN)
        raise JobProblem(AlreadyFinal(), job, {})

    async def delete(self, job_id: JobId) -> None:
        """Forget a final job: its record, what was sent, its video, and its Idempotency-Key."""
        job = await self.reader.existing(job_id)
        if not job.state.final:
            raise JobProblem(StillRunning(), job, {})
        # The record goes last: as long as it is there, what failed half-way can be done again.
        await self.runner.forget(job_id)
        await self.archive.discard(job_id)
        await self.store.remove(job_id)


def _cursor(job_id: str) -> str:
    return urlsafe_b64encode(job_id.encode()).decode().rstrip("=")


def _job_id(cursor: str) -> str:
    """The job after which a page begins. Raises InvalidRequest for what is no cursor of ours."""
    try:
        job_id = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
    except (binascii.Error, ValueError):
        job_id = ""
    if not _JOB_ID.fullmatch(job_id):
        raise InvalidRequest("cursor: send the next_cursor of an earlier answer, or none.")
    return job_id
