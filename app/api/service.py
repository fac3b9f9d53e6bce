"""The service about itself: alive, and able to take work."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse

Check = Callable[[], Awaitable[None]]


class Health(BaseModel):
    """That the service is alive."""

    status: Literal["ok"] = Field("ok", description="always")


class Readiness(BaseModel):
    """Whether the service can take work, and for each thing it needs, what is wrong with it."""

    status: Literal["ready", "not_ready"] = Field(description="whether every check is ok")
    checks: dict[str, str] = Field(
        description="for each thing that work needs: `ok`, or what is wrong",
        examples=[{"store": "ok", "storage": "ok"}],
    )


def routes(checks: Mapping[str, Check]) -> APIRouter:
    """The routes that operators and their load balancers ask."""
    router = APIRouter(tags=["service"])

    @router.head("/health", include_in_schema=False)
    @router.get("/health", summary="Alive", response_description="The process is alive")
    async def health() -> Health:
        """Answers as long as the process does."""
        return Health()

    @router.head("/ready", include_in_schema=False)
    @router.get(
        "/ready",
        summary="Able to take work",
        response_description="Able to take work",
        response_model=Readiness,
        responses={503: {"model": Readiness, "description": "Not able to take work"}},
    )
    async def ready() -> JSONResponse:
        """Asks everything that a job will need."""
        findings = {name: await _finding(check) for name, check in checks.items()}
        fine = all(finding == "ok" for finding in findings.values())
        answer = Readiness(status="ready" if fine else "not_ready", checks=findings)
        return JSONResponse(answer.model_dump(), 200 if fine else 503)

    return router


async def _finding(check: Check) -> str:
    try:
        await check()
    except Exception as problem:  # whatever is wrong, an operator wants to read it
        return f"{type(problem).__name__}: {problem}"
    return "ok"
