"""The service about itself: alive, able to work, and documented without the internet."""

from __future__ import annotations

import importlib.util
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Literal

from fastapi import APIRouter, FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse

ASSETS = "/docs/assets"
Check = Callable[[], Awaitable[None]]


class Health(BaseModel):
    """That the service is alive."""

    status: Literal["ok"] = "ok"


class Readiness(BaseModel):
    """Whether the service can take work, and for each thing it needs, what is wrong with it."""

    status: Literal["ready", "not_ready"]
    checks: dict[str, str]


def routes(checks: dict[str, Check]) -> APIRouter:
    """The routes that operators and their load balancers ask."""
    router = APIRouter(tags=["service"])

    @router.get("/health", summary="Alive")
    async def health() -> Health:
        """Answers as long as the process does."""
        return Health()

    @router.get("/ready", summary="Able to take work", responses={503: {"model": Readiness}})
    async def ready() -> JSONResponse:
        """Asks everything that a job will need."""
        findings = {name: await _finding(check) for name, check in checks.items()}
        fine = all(finding == "ok" for finding in findings.values())
        answer = Readiness(status="ready" if fine else "not_ready", checks=findings)
        return JSONResponse(answer.model_dump(), 200 if fine else 503)

    @router.get("/", include_in_schema=False)
    async def index() -> RedirectResponse:
        return RedirectResponse("/docs")

    return router


def install_docs(app: FastAPI) -> None:
    """Serve /docs with assets of our own, so that it works where no other host is reachable."""
    app.mount(ASSETS, StaticFiles(directory=_assets()), name="docs-assets")

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return get_swagger_ui_html(
            openapi_url="/openapi.json",
            title=app.title,
            swagger_js_url=f"{ASSETS}/swagger-ui-bundle.js",
            swagger_css_url=f"{ASSETS}/swagger-ui.css",
            swagger_favicon_url=f"{ASSETS}/favicon.png",
            swagger_ui_parameters={"tryItOutEnabled": True, "defaultModelsExpandDepth": 0},
        )


async def _finding(check: Check) -> str:
    try:
        await check()
    except Exception as problem:  # whatever is wrong, an operator wants to read it
        return f"{type(problem).__name__}: {problem}"
    return "ok"


def _assets() -> Path:
    package = importlib.util.find_spec("fastapi_offline")
    assert package is not None
    assert package.origin is not None
    return Path(package.origin).parent / "static"
