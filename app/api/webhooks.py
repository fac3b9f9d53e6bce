"""Webhooks: those of vendors, heard, and those of callers, sent once more for whoever lost one."""

from __future__ import annotations

import time

from fastapi import APIRouter, Request, Response
from starlette.responses import JSONResponse

from app.api.problems import documented
from app.api.reading import Reader
from app.api.schemas import JobId, JobOut
from app.errors import InvalidRequest, NotFound, StillRunning, TooLarge
from app.hooks import Hooks
from app.providers import Providers
from app.providers.webhooks import run_told_of
from app.store import Store

_LONGEST = 1_000_000
"""Bytes of a vendor's webhook."""


def routes(hooks: Hooks, reader: Reader) -> APIRouter:
    """What callers can ask about their webhooks."""
    router = APIRouter(tags=["lipsync"])

    @router.post(
        "/lipsync/{job_id}/webhook/replay",
        summary="Send a job's webhook again",
        response_description="The webhook is on its way: this is the job it tells of",
        status_code=202,
        response_model=JobOut,
        responses=documented(NotFound, StillRunning, InvalidRequest),
    )
    async def replay(job_id: JobId) -> JSONResponse:
        """The webhook goes to the job's `callback_url` once more, under the same `webhook-id`.

        It is sent in the background, and tried as often as the first time.
        """
        return reader.answer(await hooks.replay(job_id), 202, {})

    return router


def vendor_routes(providers: Providers, store: Store) -> APIRouter:
    """Where vendors say that a run is worth a look. They carry no key, but a signature."""
    router = APIRouter()

    @router.post("/webhooks/{vendor}", include_in_schema=False)
    async def hear(vendor: str, request: Request) -> Response:
        models = providers.hearing(vendor)
        if not models:
            raise NotFound
        webhook, body = models[0].webhook, await _body(request)
        assert webhook is not None
        run_id = await run_told_of(webhook, models[0], request.headers, body, now=time.time())
        if run_id is not None:
            await store.look_at([model.name for model in models], run_id)
        return Response(status_code=204)

    return router


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LONGEST:
            raise TooLarge("The webhook is too large. The limit is 1 MB.")
    return bytes(body)
