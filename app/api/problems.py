"""Every error as a problem (RFC 9457), in one shape and with one clear sentence."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any
from uuid import uuid4

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response
from starlette.routing import Match

from app.database import away
from app.errors import (
    Charged,
    InternalError,
    InvalidRequest,
    LipSyncError,
    NotFound,
    Overloaded,
    Unauthorized,
    VendorWords,
    every_error,
)
from app.model import Job

_SOON = 5.0
_RETRY_AFTER = 30.0
"""Seconds, where whoever refused did not say when to come back."""

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
_FASTAPIS = "HTTPValidationError"

log = structlog.get_logger(__name__)


class Problem(BaseModel):
    """What every error answer looks like."""

    type: str = Field(description="names the kind of problem")
    title: str = Field(description="the kind of problem in a few words")
    status: int = Field(description="the HTTP status")
    detail: str = Field(description="one sentence: what is wrong and what to do")
    code: str = Field(description="the kind of problem in one stable word")
    provider: str | None = Field(None, description="who was to render")
    job_id: str | None = Field(None, description="of the job that failed, or goes on")
    retryable: bool = Field(False, description="whether the same request may succeed later")
    charged: Charged = Field(Charged.NO, description="whether the provider took money")
    provider_error: dict[str, Any] | None = Field(None, description="what the provider itself said")
    errors: list[dict[str, Any]] | None = Field(
        None, description="everything that is wrong with the request"
    )


class ProblemResponse(JSONResponse):
    """A problem on its way out."""

    media_type = "application/problem+json"

    def __init__(self, problem: Problem, headers: dict[str, str] | None = None) -> None:
        content = problem.model_dump(mode="json", exclude_none=True)
        # Some caches keep what is not found, which may be there in a moment.
        super().__init__(content, problem.status, {"Cache-Control": "no-store", **(headers or {})})


class JobProblem(Exception):
    """A job's failure, told to the caller who waited for it."""

    def __init__(self, error: LipSyncError, job: Job, headers: Mapping[str, str]) -> None:
        self.error = error
        self.job = job
        self.headers = headers


def problem_of(error: LipSyncError, *, job: Job | None = None) -> Problem:
    """The problem that tells of an error, and of the job it befell."""
    return Problem(
        type=f"/problems/{error.code.replace('_', '-')}",
        title=error.title,
        status=error.status,
        detail=error.detail,
        code=error.code,
        provider=job.provider if job else None,
        job_id=job.id if job else None,
        retryable=error.retryable,
        charged=error.charged,
        provider_error=asdict(error.vendor) if error.vendor else None,
        errors=getattr(error, "errors", None),
    )


def recall(stored: Mapping[str, Any]) -> LipSyncError:
    """The error that a stored job failed with."""
    code, vendor = stored["code"], stored["provider_error"]
    kind = next((kind for kind in every_error() if kind.code == code), InternalError)
    return kind(
        stored["detail"],
        charged=Charged(stored["charged"]),
        vendor=VendorWords(**vendor) if vendor else None,
        retry_after=_RETRY_AFTER if kind.status in (429, 503) else None,
    )


def install(app: FastAPI) -> None:
    """Have every error of the app answered as a problem."""
    app.add_exception_handler(LipSyncError, _lipsync_error)  # type: ignore[arg-type]
    app.add_exception_handler(JobProblem, _job_problem)  # type: ignore[arg-type]
    app.add_exception_handler(RequestValidationError, _invalid)  # type: ignore[arg-type]
    app.add_exception_handler(HTTPException, _http)  # type: ignore[arg-type]
    app.add_exception_handler(DBAPIError, _database)  # type: ignore[arg-type]
    app.add_exception_handler(ClientDisconnect, _gone)  # type: ignore[arg-type]
    app.add_exception_handler(Exception, _bug)
    _describe(app)


def _describe(app: FastAPI) -> None:
    """Have the document tell of problems, and not of the errors that FastAPI would answer."""
    described = app.openapi

    def openapi() -> dict[str, Any]:
        document = described()
        for operation in (each for path in document["paths"].values() for each in path.values()):
            if _FASTAPIS in str(operation["responses"].get("422")):
                del operation["responses"]["422"]
        schemas = document["components"]["schemas"]
        for name in (_FASTAPIS, "ValidationError"):
            schemas.pop(name, None)
        problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas.update(problem.pop("$defs"), Problem=problem)
        return document

    app.openapi = openapi  # type: ignore[method-assign]


def documented(*kinds: type[LipSyncError]) -> dict[int | str, dict[str, Any]]:
    """The problems a route can answer, with an example of each, for its OpenAPI ``responses``."""
    responses: dict[int | str, dict[str, Any]] = {}
    for kind in kinds:
        response = responses.setdefault(kind.status, _documented_response())
        examples = response["content"]["application/problem+json"]["examples"]
        example = problem_of(kind()).model_dump(mode="json", exclude_none=True)
        examples[kind.code] = {"summary": kind.title, "value": example}
        response["description"] = ", ".join(e["summary"] for e in examples.values())
    return responses


def _documented_response() -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        "content": {"application/problem+json": {"schema": schema, "examples": {}}},
    }


async def _lipsync_error(_request: Request, error: LipSyncError) -> ProblemResponse:
    return ProblemResponse(problem_of(error), headers_of(error))


async def _job_problem(_request: Request, problem: JobProblem) -> ProblemResponse:
    headers = {**problem.headers, **headers_of(problem.error)}
    return ProblemResponse(problem_of(problem.error, job=problem.job), headers)


async def _invalid(_request: Request, error: RequestValidationError) -> ProblemResponse:
    return ProblemResponse(problem_of(invalid(error.errors())))


async def _http(request: Request, error: HTTPException) -> Response:
    if error.status_code < 400:
        return Response(status_code=error.status_code, headers=error.headers)
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = _allowed(request)
    ours = NotFound() if error.status_code == 404 else InvalidRequest(f"{error.detail}.")
    problem = problem_of(ours).model_copy(update={"status": error.status_code})
    return ProblemResponse(problem, headers)


def _allowed(request: Request) -> str:
    """The methods of all routes with this path; the framework names those of the first."""
    found = [
        method
        for method in _METHODS
        for route in request.app.routes
        if route.matches({**request.scope, "method": method})[0] is Match.FULL
    ]
    return ", ".join(dict.fromkeys(found))


async def _gone(_request: Request, _left: ClientDisconnect) -> Response:
    """Who left in the middle of a request reads no answer, and it is no fault of ours."""
    return Response(status_code=400)


async def _database(request: Request, error: DBAPIError) -> ProblemResponse:
    if not away(error):
        return await _bug(request, error)
    busy = Overloaded("The database cannot be reached. Try again later.", retry_after=_SOON)
    return await _lipsync_error(request, busy)


async def _bug(_request: Request, error: Exception) -> ProblemResponse:
    reference = uuid4().hex[:12]
    log.error("a request met a bug", reference=reference, exc_info=error)
    detail = f"Something went wrong here. Log reference: {reference}."
    return ProblemResponse(problem_of(InternalError(detail)))


def invalid(errors: Iterable[Any]) -> InvalidRequest:
    """One sentence about the first thing that is wrong, and the list of all."""
    listed = [{key: error[key] for key in ("type", "loc", "msg")} for error in errors]
    places = [str(part) for part in listed[0]["loc"] if part not in ("body", "query", "path")]
    sentence = f"{'.'.join(places)}: {listed[0]['msg']}." if places else f"{listed[0]['msg']}."
    problem = InvalidRequest(sentence)
    problem.errors = listed
    return problem


def headers_of(error: LipSyncError) -> dict[str, str]:
    """The headers that go with an error."""
    headers = {}
    if isinstance(error, Unauthorized):
        headers["WWW-Authenticate"] = "Bearer"
    if error.retry_after is not None:
        headers["Retry-After"] = str(math.ceil(error.retry_after))
    return headers
