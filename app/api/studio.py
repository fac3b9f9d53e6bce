"""The studio: the page at `/` that makes talking videos, with everything it loads."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, Request, Response

from app.api.assets import Assets
from app.samples import sample_photo

WEB = Path(__file__).parent.parent / "web"
FILES = "/studio"
"""Where the page's own files are: open to everybody, like the page."""
_SAMPLE = "sample.jpg"
_RULES = {
    # The video may come from a provider's host; nothing else comes from elsewhere.
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' blob:",
    "media-src": "'self' blob: https:",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}


def page_headers(**exceptions: str) -> dict[str, str]:
    """What browsers are told a page of ours may do; ``exceptions`` to the rules are by name."""
    rules = _RULES | {name.replace("_", "-"): value for name, value in exceptions.items()}
    return {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in rules.items()),
        "Referrer-Policy": "no-referrer",
        "Permissions-Policy": "camera=(self), microphone=(self), geolocation=(), payment=()",
        "Cross-Origin-Opener-Policy": "same-origin",
    }


def routes() -> APIRouter:
    """The page and its files."""
    router = APIRouter(include_in_schema=False)
    assets = Assets(WEB.iterdir())
    sample = Assets([sample_photo()])
    headers = page_headers()

    @router.api_route("/", methods=["GET", "HEAD"])
    async def page(request: Request) -> Response:
        return await assets.answer(request, "index.html", headers)

    @router.api_route(f"{FILES}/{_SAMPLE}", methods=["GET", "HEAD"])
    async def portrait(request: Request) -> Response:
        return await sample.answer(request, sample_photo().name)

    @router.api_route(f"{FILES}/{{name}}", methods=["GET", "HEAD"])
    async def file(request: Request, name: str) -> Response:
        return await assets.answer(request, name)

    return router
