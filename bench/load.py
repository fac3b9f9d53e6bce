"""What one process of the service carries: ``python -m bench.load [held] [instant] [polling]``.

*held*: 5,000 jobs under way, each with a client that waits for its answer; *instant*: how many jobs a
second are carried from order to video, each step on disk; *polling*: 1,000 clients that look at jobs
every second. The provider and the clients are processes of their own on the same machine.
"""  # noqa: E501

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import httpx
import numpy as np
from PIL import Image

from app.espeak import speak, write_wav
from app.samples import sample_photo
from bench.processes import processor_seconds, resident, running

HELD, HELD_SECONDS = 5000, 10
INSTANT, INSTANT_CLIENTS = 1000, 48
POLLING, POLLED_JOBS, POLLING_SECONDS = 1000, 100, 15
LONGEST = 600.0
"""Seconds after which a run is given up."""


def main(chosen: list[str]) -> None:
    """Print the figures of those that are chosen, or of all."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        video, form = _video(folder / "video.mp4"), _Form(folder)
        for name, measure in {"held": _held, "instant": _instant, "polling": _polling}.items():
            if not chosen or name in chosen:
                with _together(folder / name, video) as (vendor, service, pid):
                    measure(vendor, service, pid, form)


class _Form:
    """An order as it is sent, in a file from which the clients read it."""

    def __init__(self, folder: Path) -> None:
        face, audio = folder / "face.jpg", folder / "audio.wav"
        with Image.open(sample_photo()) as portrait:
            portrait.thumbnail((256, 256))
            portrait.save(face)
        write_wav(speak("Hello there."), audio)
        with face.open("rb") as image, audio.open("rb") as voice:
            request = httpx.Request(
                "POST",
                "http://bench",
                files={"image": image, "audio": voice},
                data={"provider": "gooey", "wait": str(LONGEST)},
            )
            self.kind = request.headers["content-type"]
            self.path = folder / "form"
            self.path.write_bytes(request.read())


def _held(
    vendor: httpx.Client, service: httpx.Client, process: subprocess.Popen[bytes], form: _Form
) -> None:
    began = time.perf_counter()
    with _crowd("order", service, form.path, form.kind, HELD, HELD) as crowd:
        with _asking_for_health(service) as took:
            while vendor.get("/count").json()["orders"] < HELD:
                assert crowd.poll() is None, "the clients are gone"
                assert time.perf_counter() - began < LONGEST, vendor.get("/count").text
                time.sleep(0.5)
            handed_over = time.perf_counter() - began
            used = _share_of_core(process.pid, HELD_SECONDS)
            memory = resident(process.pid, children=False)
            vendor.post("/finish")
            told = _told(crowd)
    print(f"held: {HELD} jobs under way after {handed_over:.0f} s, then {used:.0%} of a core")
    print(f"      answers: {told['outcomes']} after {told['seconds']:.0f} s in all")
    print(f"      memory of the process: {memory:.0f} MB; /health meanwhile: {_spread(took)}")


def _instant(
    vendor: httpx.Client, service: httpx.Client, process: subprocess.Popen[bytes], form: _Form
) -> None:
    vendor.post("/finish")
    _order(service, form, INSTANT_CLIENTS)
    before = processor_seconds(process.pid)
    told = _order(service, form, INSTANT)
    used = (processor_seconds(process.pid) - before) * 1000 / INSTANT
    print(
        f"instant: {INSTANT / told['seconds']:.0f} jobs/s, {used:.1f} ms of processor time each;"
        f" answers: {told['outcomes']}"
    )


def _polling(
    vendor: httpx.Client, service: httpx.Client, process: subprocess.Popen[bytes], form: _Form
) -> None:
    headers = {"Content-Type": form.kind, "Prefer": "respond-async"}
    content = form.path.read_bytes().replace(str(LONGEST).encode(), b"0")
    paths = [
        service.post("/lipsync", content=content, headers=headers).headers["location"]
        for _ in range(POLLED_JOBS)
    ]
    with _crowd("poll", service, POLLING, POLLING_SECONDS, *paths) as crowd:
        used = _share_of_core(process.pid, POLLING_SECONDS - 2)
        took = _told(crowd)
    print(
        f"polling: {POLLING} clients, {len(took) / POLLING_SECONDS:.0f} requests/s,"
        f" {used:.0%} of a core: {_spread(took)}"
    )
    vendor.post("/finish")


def _order(service: httpx.Client, form: _Form, count: int) -> Any:
    with _crowd("order", service, form.path, form.kind, count, INSTANT_CLIENTS) as crowd:
        return _told(crowd)


@contextmanager
def _together(
    folder: Path, video: Path
) -> Iterator[tuple[httpx.Client, httpx.Client, subprocess.Popen[bytes]]]:
    command = [sys.executable, "-m", "bench.vendor", str(video)]
    with running(folder, command) as (vendor, _):
        settings = {
            "GOOEY_API_KEY": "none",
            "GOOEY_BASE_URL": str(vendor.base_url).rstrip("/"),
            "ALLOW_PRIVATE_URLS": "true",
            "WORKER_CONCURRENCY": "10000",
        }
        with running(folder, **settings) as (service, process):
            yield vendor, service, process


@contextmanager
def _crowd(act: str, service: httpx.Client, *words: object) -> Iterator[subprocess.Popen[bytes]]:
    port = str(service.base_url.port)
    command = [sys.executable, "-m", "bench.crowd", act, port, *map(str, words)]
    crowd = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        yield crowd
    finally:
        crowd.kill()
        crowd.wait()


def _told(crowd: subprocess.Popen[bytes]) -> Any:
    printed, _ = crowd.communicate(timeout=LONGEST)
    return json.loads(printed)


@contextmanager
def _asking_for_health(service: httpx.Client) -> Iterator[list[float]]:
    """What `/health` takes in the meantime, in milliseconds."""
    took: list[float] = []
    enough = threading.Event()

    def ask() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", service.base_url.port)
        while not enough.wait(0.02):
            began = time.perf_counter()
            connection.request("GET", "/health")
            connection.getresponse().read()
            took.append((time.perf_counter() - began) * 1000)
        connection.close()

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield took
    finally:
        enough.set()
        thread.join()


def _share_of_core(pid: int, seconds: float) -> float:
    before, began = processor_seconds(pid), time.perf_counter()
    time.sleep(seconds)
    return (processor_seconds(pid) - before) / (time.perf_counter() - began)


def _spread(took: list[float]) -> str:
    ordered = sorted(took)
    middle, late = ordered[len(ordered) // 2], ordered[len(ordered) * 99 // 100]
    return f"p50 {middle:.1f} ms, p99 {late:.1f} ms, max {ordered[-1]:.0f} ms ({len(took)} times)"


def _video(path: Path) -> Path:
    """A second of grey with a hum, as small as a video can be."""
    with av.open(path, "w") as file:
        picture = file.add_stream("libx264", rate=10)
        picture.width = picture.height = 64
        sound = file.add_stream("aac", rate=16_000, layout="mono")
        for number in range(10):
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), number, np.uint8), "rgb24")
            file.mux(picture.encode(frame))
        hum = np.sin(np.arange(16_000) / 10).astype(np.float32)[None] / 10
        noise = av.AudioFrame.from_ndarray(hum, format="fltp", layout="mono")
        noise.sample_rate = 16_000
        file.mux(sound.encode(noise))
        for stream in (picture, sound):
            file.mux(stream.encode(None))
    return path


if __name__ == "__main__":
    main(sys.argv[1:])
