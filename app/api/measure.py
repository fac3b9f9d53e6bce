"""Measures every request, and answers what was measured."""

from __future__ import annotations

import time

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.metrics import Metrics
from app.tallies import Tallies

_METHODS = frozenset({"GET", "HEAD", "POST", "DELETE", "OPTIONS"})
_EXAMPLE = """\
# HELP lipsync_submits_total Orders that left for a provider, by what became of them.
# TYPE lipsync_submits_total counter
lipsync_submits_total{provider="gooey",outcome="accepted"} 12.0
"""


class Measure:
    """ASGI middleware around everything, so that refused requests count, too."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and note how long it took."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = time.perf_counter(), "none"

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
            await send(message)

        with self._metrics.requests_under_way.track_inprogress():
            try:
                await self._app(scope, receive, sent)
            finally:
                labels = _route(scope), _method(scope), status
                seconds = time.perf_counter() - started
                self._metrics.requests.labels(*labels).observe(seconds)


def routes(metrics: Metrics, tallies: Tallies) -> APIRouter:
    """The route that Prometheus asks."""
    router = APIRouter(tags=["service"])

    @router.get(
        "/metrics",
        summary="Figures for Prometheus",
        response_description="The figures, one to a line",
        response_class=PlainTextResponse,
        responses={200: {"content": {"text/plain": {"example": _EXAMPLE}}}},
    )
    async def read() -> Response:
        """Requests, jobs, and orders that left for providers, in Prometheus' text format."""
        return Response(
            metrics.text(await tallies.under_way()), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )

    return router


def _route(scope: Scope) -> str:
    """The route's pattern and never the path itself: there are as many paths as jobs."""
    return getattr(scope.get("route"), "path", "none")


def _method(scope: Scope) -> str:
    return scope["method"] if scope["method"] in _METHODS else "other"
