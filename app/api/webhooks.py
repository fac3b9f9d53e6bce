"""Webhooks: sent once more for whoever lost one."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import JSONResponse

from app.api.problems import documented
from app.api.reading import Reader
from app.api.schemas import JobOut
from app.errors import InvalidRequest, NotFound, StillRunning
from app.hooks import Hooks


def routes(hooks: Hooks, reader: Reader) -> APIRouter:
    """What callers can ask about their webhooks."""
    router = APIRouter(tags=["lipsync"])

    @router.post(
        "/lipsync/{job_id}/webhook/replay",
        summary="Send a job's webhook again",
        status_code=202,
        response_model=JobOut,
        responses=documented(NotFound, StillRunning, InvalidRequest),
    )
    async def replay(job_id: str) -> JSONResponse:
        """The webhook goes to the job's `callback_url` once more, under the same `webhook-id`.

        It is sent in the background, and tried as often as the first time.
        """
        return reader.answer(await hooks.replay(job_id), 202, {})

    return router
