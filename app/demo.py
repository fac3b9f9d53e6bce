"""Shows the service at work: starts one of its own, sends it a face and words, saves the video.

Nothing but loopback is spoken to, and no provider's key is used.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from app.samples import sample_photo

SAMPLE_TEXT = (
    "Hello! I was only a photograph, until somebody gave me a voice."
    " Maybe you have a picture that would like to say something, too."
)
START_SECONDS = 30
_BAR = 32


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be said, and by whom; without a recording and without words, a sample sentence."""

    image: Path | None = None
    audio: Path | None = None
    text: str | None = None
    voice: str | None = None


def demo(wish: Wish, out: Path) -> int:
    """Make one talking video and save it at ``out``. The exit code is 1 when none came out."""
    with ExitStack() as rooms:
        folder = Path(rooms.enter_context(tempfile.TemporaryDirectory(prefix="lipsync-demo-")))
        files = {"image": wish.image or sample_photo()}
        if wish.audio:
            files["audio"] = wish.audio
        if missing := [str(file) for file in files.values() if not file.is_file()]:
            _say(f"There is no file {' and no file '.join(missing)}.")
            return 1
        if not out.parent.is_dir():
            _say(f"There is no folder {out.parent} to save the video in.")
            return 1
        _say("Starting the service, with no provider's key …")
        base_url = rooms.enter_context(_service(folder / "data"))
        client = rooms.enter_context(httpx.Client(base_url=base_url, timeout=60))
        return _make_video(client, files, _fields(wish), out)


def _fields(wish: Wish) -> dict[str, str]:
    text = wish.text if wish.audio else wish.text or SAMPLE_TEXT
    said = {"text": text, "voice": wish.voice}
    return {"provider": "local", **{name: value for name, value in said.items() if value}}


def _make_video(
    client: httpx.Client, files: Mapping[str, Path], fields: dict[str, str], out: Path
) -> int:
    began = time.monotonic()
    sent = [file.name for file in files.values()]
    sent += [f'the words "{fields["text"]}"'] if "text" in fields else []
    _say(f"POST {client.base_url}/lipsync with {' and '.join(sent)}")
    with ExitStack() as opened:
        answer = client.post(
            "/lipsync",
            files={name: opened.enter_context(path.open("rb")) for name, path in files.items()},
            data=fields,
            headers={"Prefer": "respond-async"},
        )
    if answer.is_error:
        return _tell_problem(answer.json())
    job = _watch(client, answer.json())
    if job["status"] != "success":
        return _tell_problem(job["error"] | {"status": job["status"]})
    _say(json.dumps(job, indent=2))
    _save(client, job["download_url"], out)
    seconds, length = time.monotonic() - began, job["duration_seconds"]
    _say(f"Made {length:.1f} seconds of video in {seconds:.1f} seconds. Saved as {out}")
    return 0


def _watch(client: httpx.Client, job: dict[str, Any]) -> dict[str, Any]:
    """Follow a job until it is final, with a bar that grows."""
    while job["finished_at"] is None:
        _draw(job)
        time.sleep(0.1)
        job = client.get(f"/lipsync/{job['job_id']}").raise_for_status().json()
    _draw(job)
    sys.stdout.write("\n")
    return job


def _draw(job: dict[str, Any]) -> None:
    done = round(_BAR * (job["progress"] or 0))
    bar = "█" * done + "░" * (_BAR - done)
    start = "\r" if sys.stdout.isatty() else "\n"
    if start == "\r" or job["finished_at"]:
        word = "failed" if job["error"] else job["phase"]
        sys.stdout.write(f"{start}{bar} {job['progress'] or 0:4.0%}  {word:<12}")
        sys.stdout.flush()


def _save(client: httpx.Client, url: str, out: Path) -> None:
    with client.stream("GET", url) as video, out.open("wb") as file:
        video.raise_for_status()
        for data in video.iter_bytes():
            file.write(data)


def _tell_problem(problem: dict[str, Any]) -> int:
    _say(f"No video: {problem['detail']} ({problem['status']} {problem['code']})")
    return 1


@contextmanager
def _service(data: Path) -> Iterator[str]:
    """A service of our own on a free port; it is stopped by its process id."""
    port = _free_port()
    command = [sys.executable, "-m", "app", "serve", "--port", str(port)]
    data.mkdir()
    # Not in the project's own folder: what stands in its .env is not the demo's business.
    process = subprocess.Popen(command, env=_environment(data), cwd=data)
    base_url = f"http://127.0.0.1:{port}"
    try:
        _await_health(base_url, process)
        yield base_url
    finally:
        process.terminate()
        process.wait()


def _environment(data: Path) -> dict[str, str]:
    """Ours without any key, so that the demo shows what the service does without one."""
    kept = {name: value for name, value in os.environ.items() if "KEY" not in name}
    root = Path(__file__).parent.parent
    return kept | {
        "PYTHONPATH": str(root),
        "DATA_DIR": str(data),
        "LOG_LEVEL": "WARNING",
        "DEFAULT_PROVIDER": "auto",
    }


def _await_health(base_url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise SystemExit("The service did not start.")
        try:
            httpx.get(f"{base_url}/health").raise_for_status()
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit(f"The service did not answer within {START_SECONDS} seconds.")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
