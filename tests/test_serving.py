"""Starting, being asked how it is, and ending."""

from __future__ import annotations

import http.client
import json
import re
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from app.providers import HTTP_PROVIDERS
from tests.service import ORIGIN, Service, alive, environment, free_port


def start(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Start a service that is expected to refuse."""
    return subprocess.run(
        [sys.executable, "-m", "app", "serve", "--port", str(free_port()), *arguments],
        env=environment(**settings),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("LIPSYNC_TIMEOUT_SECONDS", "-1"),
        ("JOB_TIMEOUT_SECONDS", "soon"),
        ("MAX_IMAGE_MB", "0"),
        ("WORKER_CONCURRENCY", "1.5"),
        ("LOCAL_CONCURRENCY", "0"),
        ("LOG_LEVEL", "LOUD"),
        ("PUBLIC_BASE_URL", "not an address"),
        ("DEFAULT_PROVIDER", "nobody"),
        ("DEFAULT_PROVIDER", "gooey"),
        ("PROVIDER_ORDER", "gooey,nobody"),
        ("DATA_DIR", __file__),
        ("FACE_MODELS_DIR", "/nowhere"),
    ],
)
def test_a_setting_that_cannot_work_stops_the_start(
    tmp_path: Path, variable: str, value: str
) -> None:
    refused = start(**{"DATA_DIR": str(tmp_path / "data"), variable: value})
    assert refused.returncode == 2
    assert refused.stderr.startswith(f"{variable}: ")
    assert refused.stderr.count("\n") == 1
    assert "Traceback" not in refused.stderr


def test_a_second_process_on_the_same_data_refuses_to_start(service: Service) -> None:
    refused = start(DATA_DIR=str(service.folder / "data"))
    assert refused.returncode == 2
    assert refused.stderr.startswith("DATA_DIR: another process of this service already uses")
    assert refused.stderr.count("\n") == 1
    assert service.client.get("/health").status_code == 200


def test_a_port_that_is_taken_is_told_in_a_sentence(service: Service, tmp_path: Path) -> None:
    refused = start("--port", str(service.port), DATA_DIR=str(tmp_path / "data"))
    assert refused.returncode == 2
    assert "Address already in use" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_health_and_readiness(client: httpx.Client) -> None:
    assert client.get("/health").json() == {"status": "ok"}
    ready = client.get("/ready")
    assert ready.status_code == 200
    assert ready.json()["status"] == "ready"
    assert set(ready.json()["checks"].values()) == {"ok"}


def test_a_service_that_cannot_store_is_not_ready(tmp_path: Path) -> None:
    with Service(tmp_path) as service:
        with sqlite3.connect(tmp_path / "data" / "jobs.db") as hog:
            hog.execute("BEGIN EXCLUSIVE")
            ready = service.client.get("/ready")
            hog.rollback()
        hog.close()
        assert ready.status_code == 503
        assert ready.json()["status"] == "not_ready"
        assert ready.json()["checks"]["store"] != "ok"


def test_sigterm_ends_an_idle_service_cleanly(tmp_path: Path) -> None:
    with Service(tmp_path) as service:
        assert service.stop() == -signal.SIGTERM
        assert "Traceback" not in service.log.read_text()


def test_sigterm_lets_waiting_callers_go_and_the_next_start_goes_on(
    tmp_path: Path, photo: Path, long_speech: Path
) -> None:
    with Service(tmp_path) as service:
        job_id = service.order(photo, long_speech, wait="0").json()["job_id"]
        service.reached(job_id, "rendering")
        workers = service.workers()
        assert workers
        waiting = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
        waiting.request("GET", f"/lipsync/{job_id}?wait=50")
        # Once a later request is answered, the earlier one has arrived.
        service.reached(job_id, "rendering")
        assert service.stop() == -signal.SIGTERM
        assert json.load(waiting.getresponse())["status"] == "processing"
        waiting.close()
        assert not any(alive(pid) for pid in workers)
        service.start()
        assert service.finished(job_id)["status"] == "success"
        assert "Traceback" not in service.log.read_text()


def test_more_callers_can_be_held_than_a_system_lets_a_program_have_at_first(
    tmp_path: Path,
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (128, hard))
    service = Service(tmp_path)
    try:
        service.launch()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    with ExitStack() as open_connections:
        open_connections.push(service)
        service.await_health()
        address = ("127.0.0.1", service.port)
        for _ in range(200):
            caller = open_connections.enter_context(socket.create_connection(address, 10))
            caller.sendall(b"GET /health HTTP/1.1\r\nHost: here\r\n")
        # All others are still in the middle of their requests.
        caller.sendall(b"Connection: close\r\n\r\n")
        assert caller.recv(100).startswith(b"HTTP/1.1 200")


def test_ctrl_c_ends_it_too(tmp_path: Path) -> None:
    with Service(tmp_path) as service:
        service.process.send_signal(signal.SIGINT)
        service.process.wait(timeout=30)
        assert "Traceback" not in service.log.read_text()


def test_providers_are_listed_with_what_they_take(client: httpx.Client) -> None:
    answer = client.get("/providers").json()
    assert answer["default"] == "local"
    listed = {provider["name"]: provider for provider in answer["providers"]}
    assert list(listed) == [*(kind.name for kind in HTTP_PROVIDERS), "local"]
    assert listed["gooey"]["configured"] is False
    assert listed["gooey"]["setup_hint"].startswith("GOOEY_API_KEY not configured.")
    local = listed["local"]
    assert local["configured"] is True
    assert local["takes"]["image"] is True
    assert local["takes"]["video"] is True
    assert set(local["options"]["properties"]) == {
        "max_side",
        "fps",
        "head_motion",
        "blink",
        "seed",
    }


def test_a_page_on_another_host_may_ask(client: httpx.Client) -> None:
    preflight = client.options(
        "/lipsync",
        headers=ORIGIN
        | {
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "prefer,idempotency-key",
        },
    )
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == "*"
    exposed = client.get("/health", headers=ORIGIN).headers["access-control-expose-headers"]
    assert {"Location", "Retry-After", "Content-Disposition"} <= set(exposed.split(", "))


def test_only_chosen_hosts_may_ask_when_they_are_named(tmp_path: Path) -> None:
    with Service(tmp_path, CORS_ALLOW_ORIGINS="https://a.example, https://b.example") as service:
        allowed = service.client.get("/health", headers={"Origin": "https://b.example"})
        assert allowed.headers["access-control-allow-origin"] == "https://b.example"
        stranger = service.client.get("/health", headers={"Origin": "https://c.example"})
        assert "access-control-allow-origin" not in stranger.headers


def test_links_use_the_public_address(tmp_path: Path, photo: Path, speech: Path) -> None:
    with Service(tmp_path, PUBLIC_BASE_URL="https://talk.example/api/") as service:
        answer = service.order(photo, speech)
        job = answer.json()
        assert job["video_url"] == f"https://talk.example/api/lipsync/{job['job_id']}/video"
        assert answer.headers["location"] == f"/api/lipsync/{job['job_id']}"


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_the_pages_need_no_other_host(client: httpx.Client, path: str) -> None:
    page = client.get(path)
    assert page.status_code == 200
    assert "http://" not in page.text
    assert "https://" not in page.text
    loaded = re.findall(r'(?:href|src)="([\w/.-]+\.\w+)"', page.text)
    assert len(loaded) > 4
    for asset in loaded:
        assert client.get(f"/{asset}").status_code == 200


def test_openapi_shows_file_pickers_and_an_example_of_every_problem(client: httpx.Client) -> None:
    api = client.get("/openapi.json").json()
    create = api["paths"]["/lipsync"]["post"]
    form = create["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert form["properties"]["image"]["format"] == "binary"
    assert form["properties"]["audio"]["format"] == "binary"
    codes = {
        code
        for response in create["responses"].values()
        for code in response["content"].get("application/problem+json", {}).get("examples", {})
    }
    assert codes >= {
        "unsupported_image",
        "unsupported_audio",
        "unreadable_media",
        "too_large",
        "invalid_request",
        "no_face",
        "no_speech",
        "too_long",
        "provider_not_configured",
        "internal_error",
        "provider_error",
        "overloaded",
        "timeout",
    }
