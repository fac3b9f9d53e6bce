"""The documentation page at `/docs`, which works where no other host is reachable."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request, Response

from app.api.assets import Assets
from app.api.studio import WEB, page_headers
from app.samples import packaged

FILES = "/docs/assets"
"""Where the page's own files are: open to everybody, like the page."""
TAGS = [
    {"name": "lipsync", "description": "Make a talking video, and follow it to its end."},
    {"name": "providers", "description": "Who can render, what they take, and what it costs."},
    {"name": "speech", "description": "Speech from text, for those who have only words."},
    {"name": "service", "description": "For operators and their load balancers."},
]
DESCRIPTION = """\
One image (still or video) and one voice in, one talking video out.

`POST /lipsync` makes a **job** and answers it once the video is there. With `wait=0` it answers at
once; follow the job with `GET /lipsync/{job_id}?wait=55` or its server-sent events. Every error is
a problem (RFC 9457): one clear sentence in `detail`, a stable word in `code`.
"""
_SCHEME = "key"
_PROBLEM = "application/problem+json"
_JOB_ID = "`job_id` of the answer to `POST /lipsync`"


def install(app: FastAPI, *, keys: bool) -> None:
    """Serve the page and its document. With ``keys`` it tells that every request needs one."""
    assets = Assets([*packaged("fastapi_offline", "static").iterdir(), *WEB.iterdir()])
    # Swagger UI carries its icons in its style sheet, and sets the sizes of some parts inline.
    headers = page_headers(img_src="'self' data:", style_src="'self' 'unsafe-inline'")

    @app.api_route("/docs", methods=["GET", "HEAD"], include_in_schema=False)
    async def docs(request: Request) -> Response:
        return await assets.answer(request, "docs.html", headers)

    @app.api_route(f"{FILES}/{{name}}", methods=["GET", "HEAD"], include_in_schema=False)
    async def file(request: Request, name: str) -> Response:
        return await assets.answer(request, name)

    _finish_document(app, keys=keys)


def _finish_document(app: FastAPI, *, keys: bool) -> None:
    """Have the document say only what is true, and name the key where one is needed."""
    described = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = described()
            for operation in _operations(document):
                _finish(operation)
            for unused in ("HTTPValidationError", "ValidationError"):
                document["components"]["schemas"].pop(unused, None)
            if keys:
                _name_key(document)
        return described()

    app.openapi = openapi  # type: ignore[method-assign]


def _operations(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [operation for path in document["paths"].values() for operation in path.values()]


def _finish(operation: dict[str, Any]) -> None:
    for parameter in operation.get("parameters", []):
        if parameter["name"] == "job_id":
            parameter["description"] = _JOB_ID
    for response in operation["responses"].values():
        content = response.get("content", {})
        # A problem has one type; the framework adds the route's own.
        if _PROBLEM in content:
            response["content"] = {_PROBLEM: content[_PROBLEM]}


def _name_key(document: dict[str, Any]) -> None:
    """The page shows a button to enter the key."""
    schemes = document["components"].setdefault("securitySchemes", {})
    schemes[_SCHEME] = {"type": "http", "scheme": "bearer", "description": "One of `API_KEYS`"}
    document["security"] = [{_SCHEME: []}]
