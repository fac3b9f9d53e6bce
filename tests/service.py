"""The service as its users meet it: a process, and HTTP."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import httpx

START_SECONDS = 60.0
FINAL = ("success", "failed", "canceled")


class Service:
    """`python -m app serve` on a free loopback port, over a data folder that outlives it."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.log = folder / "service.log"
        self._settings = settings
        self.port = free_port()
        self.base_url = f"http://127.0.0.1:{self.port}"
        self.client = httpx.Client(base_url=self.base_url, timeout=60)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self.client.close()

    def start(self) -> None:
        self.launch()
        self.await_health()

    def launch(self) -> None:
        """Begin to start; who needs it to be up waits with `await_health`."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "app", "serve", "--port", str(self.port)],
                env=environment(DATA_DIR=str(self.folder / "data"), **self._settings),
                stdout=log,
                stderr=log,
            )

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(timeout=30)

    def kill(self) -> None:
        """What a power cut does, and the system's out-of-memory killer."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def order(self, image: Path, audio: Path, **fields: str) -> httpx.Response:
        """`POST /lipsync` as a form with two files."""
        with image.open("rb") as face, audio.open("rb") as voice:
            return self.client.post(
                "/lipsync", files={"image": face, "audio": voice}, data=fields, headers=ORIGIN
            )

    def say(self, image: Path, text: str, **fields: str) -> httpx.Response:
        """`POST /lipsync` with words in place of a recording."""
        with image.open("rb") as face:
            return self.client.post(
                "/lipsync", files={"image": face}, data={"text": text, **fields}, headers=ORIGIN
            )

    def finished(self, job_id: str, *, within: float = 60) -> dict[str, Any]:
        """The job once it is final."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            job: dict[str, Any] = self.client.get(f"/lipsync/{job_id}", params={"wait": 5}).json()
            if job["status"] in FINAL:
                return job
        raise AssertionError(f"{job_id} is not final after {within} seconds: {job}")

    def reached(self, job_id: str, phase: str, *, within: float = 30) -> dict[str, Any]:
        """The job once it is in a phase, and says something about it if it is rendering."""
        deadline = time.monotonic() + within
        job: dict[str, Any] = {}
        with self.client.stream("GET", f"/lipsync/{job_id}/events") as events:
            for line in events.iter_lines():
                kind, _, told = line.partition(": ")
                job = json.loads(told) if kind == "data" else job
                if job.get("phase") == phase and (job["message"] or phase != "rendering"):
                    return job
                if time.monotonic() > deadline:
                    break
        raise AssertionError(f"{job_id} never came to {phase}: {job}")

    def workers(self) -> list[int]:
        """The process ids of the service's own child processes that do its work."""
        listed = subprocess.run(
            ["ps", "-axwwo", "pid=,ppid=,args="], capture_output=True, text=True, check=True
        ).stdout
        processes = [line.split(maxsplit=2) for line in listed.splitlines()]
        return [
            int(pid)
            for pid, parent, command in processes
            if int(parent) == self.process.pid and "spawn_main" in command
        ]

    def breathe(self) -> None:
        """Leave the processor to the service for a moment, or until it ends."""
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=0.05)

    def await_health(self, *, within: float = START_SECONDS) -> None:
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise AssertionError(f"the service did not start:\n{self.log.read_text()}")
            try:
                self.client.get("/health").raise_for_status()
            except httpx.TransportError:
                self.breathe()
                continue
            return
        self.kill()  # nobody else would: a service that did not start is never left
        raise AssertionError(f"the service does not answer:\n{self.log.read_text()}")


ORIGIN = {"Origin": "https://page.example"}
"""What a browser adds to the request of a page on another host."""


def environment(**settings: str) -> dict[str, str]:
    """The caller's environment without anything that would configure the service."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
    return kept | settings


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def assert_problem(
    answer: httpx.Response, status: int, code: str, *, charged: str = "no"
) -> dict[str, Any]:
    """The answer is this problem, whole, and a page on another host can read it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["access-control-allow-origin"] == "*"
    problem: dict[str, Any] = answer.json()
    assert problem["code"] == code
    assert problem["status"] == status
    assert problem["type"].endswith(f"/problems/{code.replace('_', '-')}")
    assert problem["title"]
    assert isinstance(problem["detail"], str)
    assert problem["detail"].count("\n") == 0
    assert problem["charged"] == charged
    assert isinstance(problem["retryable"], bool)
    return problem
