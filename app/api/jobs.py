"""The jobs there are: listed, newest first."""

from __future__ import annotations

import binascii
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic.json_schema import SkipJsonSchema
from starlette.responses import JSONResponse

from app.api.problems import documented
from app.api.reading import Reader
from app.api.schemas import JobsOut
from app.errors import InvalidRequest
from app.model import State
from app.store import Store

MOST_JOBS = 100
"""On one page."""
_JOB_ID = re.compile("lsj_[0-9A-HJKMNP-TV-Z]{26}")


@dataclass(frozen=True, slots=True)
class JobRoutes:
    """What can be asked about jobs, and done to them."""

    store: Store
    reader: Reader

    def router(self) -> APIRouter:
        """The routes, described for OpenAPI."""
        router = APIRouter(tags=["lipsync"])
        router.add_api_route(
            "/lipsync",
            self.page,
            summary="The jobs, newest first",
            response_model=JobsOut,
            responses=documented(InvalidRequest),
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
            State | SkipJsonSchema[None], Query(description="only jobs that stand like this")
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
        return JSONResponse({"jobs": jobs, "next_cursor": next_cursor})


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
