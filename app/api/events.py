"""How a job goes, told as it happens: server-sent events."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic.json_schema import SkipJsonSchema
from starlette.exceptions import HTTPException

from app.api.problems import documented
from app.api.reading import NOT_KEPT, Reader
from app.api.schemas import JobId
from app.errors import NotFound

LastEventId = Annotated[
    str | SkipJsonSchema[None],
    Header(
        alias="Last-Event-ID", description="the `id` of the last event seen: it is not sent again"
    ),
]
_EXAMPLE = 'event: job\ndata: {"job_id": "lsj_01KAGTB6E6C6E4V4W4Y0Q7Z1RN", …}\nid: 7\n\n'


@dataclass(frozen=True, slots=True)
class EventRoutes:
    """The job resource as a stream."""

    reader: Reader

    def router(self) -> APIRouter:
        """The route, described for OpenAPI."""
        router = APIRouter(tags=["lipsync"])
        router.add_api_route(
            "/lipsync/{job_id}/events",
            self.stream,
            summary="How a job goes, as server-sent events",
            response_class=EventSourceResponse,
            dependencies=[Depends(self.begin)],
            responses={
                200: {
                    "description": "One event for each change, until the job is final",
                    "content": {"text/event-stream": {"example": _EXAMPLE}},
                },
                204: {"description": "The job is final, and `Last-Event-ID` was its last event"},
                **documented(NotFound),
            },
        )
        return router

    async def begin(
        self, job_id: JobId, response: Response, last_event_id: LastEventId = None
    ) -> None:
        """Answer what is no stream. An EventSource connects anew for ever, unless it gets a 204."""
        job = await self.reader.existing(job_id)
        if job.state.final and last_event_id == str(job.revision):
            raise HTTPException(204)
        response.headers.update(NOT_KEPT)

    async def stream(
        self, job_id: JobId, last_event_id: LastEventId = None
    ) -> AsyncIterator[ServerSentEvent]:
        """An event `job` with the job resource at once and after every change.

        The stream ends after the event of a final job. A comment every 15 seconds keeps the
        connection alive. `EventSource` reads it from any page; where `API_KEYS` is set it cannot
        send the key, but `fetch` can, and reads the stream as well.
        """
        async for job in self.reader.watch(job_id):
            event_id = str(job.revision)
            if event_id != last_event_id:
                yield ServerSentEvent(event="job", id=event_id, data=self.reader.told(job))
