"""A browser with a camera that sees a face and a microphone that hears speech."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import NoReturn

import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from app.samples import sample_photo
from tests.browser.pages import DESKTOP, Studio
from tests.service import Service
from tests.standin import RunningStandIn

HERE = Path(__file__).parent
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
AXE = HERE / "node_modules" / "axe-core" / "axe.min.js"
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
)
CAMERA_FRAMES = 20


def leave_out(reason: str) -> NoReturn:
    """Say why nothing was tried; where everything must be there, that is a failure."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def camera(files: Path) -> Path:
    """What the camera sees: a portrait, as a stream of JPEGs."""
    frame = BytesIO()
    with Image.open(sample_photo()) as portrait:
        portrait.crop((56, 0, 456, 400)).resize((480, 480)).save(frame, "JPEG", quality=90)
    path = files / "camera.mjpeg"
    path.write_bytes(frame.getvalue() * CAMERA_FRAMES)
    return path


@pytest.fixture(scope="package")
def browser(camera: Path, speech: Path) -> Iterator[Browser]:
    if CHROMIUM is None:
        leave_out("Chromium is not on this machine: the pages were not tried in a browser")
    # Only for this package: while it runs, no test could have an event loop of its own.
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=[
                *FLAGS,
                f"--use-file-for-fake-video-capture={camera}",
                f"--use-file-for-fake-audio-capture={speech}",
            ],
            env={**os.environ, "FONTCONFIG_FILE": str(HERE / "fonts.conf")},
        )
        yield running
        running.close()


@pytest.fixture(scope="session")
def axe() -> str:
    """axe-core, which finds what keeps people from using a page."""
    if not AXE.exists():
        leave_out("axe-core is not installed: whether everybody can use the pages was not tried")
    return AXE.read_text()


Visit = Callable[..., Studio]


@pytest.fixture
def visit(browser: Browser, service: Service) -> Iterator[Visit]:
    """Open the page as somebody new; afterwards, nothing may have gone wrong unnoticed."""
    visits: list[tuple[BrowserContext, Studio]] = []

    def go(on: Service = service, *, path: str = "/", **wishes: object) -> Studio:
        context = browser.new_context(**{"viewport": DESKTOP, **wishes})  # type: ignore[arg-type]
        studio = Studio(context.new_page(), on.base_url)
        visits.append((context, studio))
        return studio.open(path)

    yield go
    for context, studio in visits:
        context.close()
        assert studio.mishaps == []
        assert studio.strangers() == set()


@pytest.fixture(scope="module")
def hosted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with a key of every provider, all of whom are played by a stand-in."""
    folder = tmp_path_factory.mktemp("hosted")
    (folder / "platforms").mkdir()
    with (
        RunningStandIn(folder / "platforms", seconds=0.5) as standin,
        Service(folder, **standin.settings) as running,
    ):
        yield running
