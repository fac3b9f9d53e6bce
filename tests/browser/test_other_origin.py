"""A page on another host, which calls the service from its own scripts."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.service import Service

PAGE = b"""<!doctype html><title>elsewhere</title>
<input type="file" id="image"><input type="file" id="audio">"""
CALL = """async ([url, fields]) => {
    const form = new FormData();
    for (const name of ["image", "audio"]) {
        form.append(name, document.getElementById(name).files[0]);
    }
    for (const [name, value] of Object.entries(fields)) form.append(name, value);
    const answer = await fetch(url, { method: "POST", body: form });
    const told = { status: answer.status, location: answer.headers.get("Location") };
    return { ...told, ...(await answer.json()), status: answer.status };
}"""


class _Elsewhere(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Elsewhere)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that waits for nobody and takes small pictures only."""
    folder = tmp_path_factory.mktemp("strict")
    with Service(folder, MAX_IMAGE_MB="0.1", LIPSYNC_TIMEOUT_SECONDS="0.05") as running:
        yield running


@pytest.fixture
def page(browser: Browser, elsewhere: str) -> Iterator[Page]:
    page = browser.new_page()
    page.goto(elsewhere)
    yield page
    page.close()


def call(page: Page, service: Service, image: Path, audio: Path, **fields: str) -> dict[str, Any]:
    page.locator("#image").set_input_files(image)
    page.locator("#audio").set_input_files(audio)
    told: dict[str, Any] = page.evaluate(CALL, [f"{service.base_url}/lipsync", fields])
    return told


def test_it_makes_a_video_and_plays_it(
    page: Page, service: Service, photo: Path, speech: Path
) -> None:
    job = call(page, service, photo, speech)
    assert (job["status"], job["phase"]) == (200, "done")
    width = page.evaluate(
        """(url) => new Promise((resolve, reject) => {
            const video = Object.assign(document.createElement("video"), { src: url });
            video.onloadeddata = () => resolve(video.videoWidth);
            video.onerror = () => reject(video.error);
        })""",
        job["video_url"],
    )
    assert width > 0


def test_it_reads_why_a_file_is_too_large(
    page: Page, strict: Service, speech: Path, tmp_path: Path
) -> None:
    large = tmp_path / "large.jpg"
    large.write_bytes(b"\xff\xd8" + bytes(3_000_000))
    problem = call(page, strict, large, speech)
    assert (problem["status"], problem["code"]) == (413, "too_large")
    assert problem["detail"] == "The image is too large. The limit is 0.1 MB."


def test_it_reads_what_is_wrong_with_a_field(
    page: Page, strict: Service, photo: Path, speech: Path
) -> None:
    problem = call(page, strict, photo, speech, provider="nobody")
    assert (problem["status"], problem["code"]) == (422, "invalid_request")
    assert problem["detail"].startswith("There is no such provider.")


def test_it_learns_where_to_ask_when_the_wait_is_over(
    page: Page, strict: Service, photo: Path, speech: Path
) -> None:
    problem = call(page, strict, photo, speech)
    assert (problem["status"], problem["code"]) == (504, "timeout")
    assert problem["location"] == f"/lipsync/{problem['job_id']}"
    assert strict.finished(problem["job_id"])["status"] == "success"
