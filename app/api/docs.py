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
_SCHEME = "key"


def install(app: FastAPI, *, keys: bool) -> None:
    """Serve the page. With ``keys`` the document tells that every request needs one."""
    assets = Assets([*packaged("fastapi_offline", "static").iterdir(), *WEB.iterdir()])
    # Swagger UI carries its icons in its style sheet, and sets the sizes of some parts inline.
    headers = page_headers(img_src="'self' data:", style_src="'self' 'unsafe-inline'")

    @app.get("/docs", include_in_schema=False)
    async def docs(request: Request) -> Response:
        return await assets.answer(request, "docs.html", headers)

    @app.get(f"{FILES}/{{name}}", include_in_schema=False)
    async def file(request: Request, name: str) -> Response:
        return await assets.answer(request, name, headers)

    if keys:
        _ask_for_key(app)


def _ask_for_key(app: FastAPI) -> None:
    """Have the document name the key, so that the page shows a button to enter it."""
    described = app.openapi

    def openapi() -> dict[str, Any]:
        document = described()
        schemes = document.setdefault("components", {}).setdefault("securitySchemes", {})
        schemes[_SCHEME] = {"type": "http", "scheme": "bearer", "description": "One of `API_KEYS`"}
        document["security"] = [{_SCHEME: []}]
        return document

    app.openapi = openapi  # type: ignore[method-assign]
