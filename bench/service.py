"""What the service itself takes: starting, uploads, and answering while a render is at work."""

from __future__ import annotations

import queue
import socket
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
from PIL import Image

from app.espeak import speak, write_wav
from app.samples import sample_photo
from bench.processes import SERVICE, processor_seconds, resident, running

UPLOAD_MEGABYTES = 500
ORDERS = 10
_BOUNDARY = "lipsync-bench"
_CHUNK = bytes(1 << 20)

_BARE_ENDPOINT = """
import sys, uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

async def take(request):
    async with request.form() as form:
        return JSONResponse({"size": form["image"].size})

uvicorn.run(
    Starlette(routes=[Route("/lipsync", take, methods=["POST"])]),
    port=int(sys.argv[1]), log_level="error",
)
"""


def main() -> None:
    """Print every figure."""
    with tempfile.TemporaryDirectory() as folder:
        _starting(Path(folder))
        _uploading(Path(folder))
        _answering(Path(folder))
        _handing_over(Path(folder))
        _idling(Path(folder))


def _starting(folder: Path) -> None:
    took = []
    for number in range(5):
        began = time.perf_counter()
        with running(folder / f"start-{number}"):
            took.append(time.perf_counter() - began)
    print(f"/health answers after      {statistics.median(took):6.2f} s  (median of {len(took)})")


def _uploading(folder: Path) -> None:
    bare = _megabytes_per_second([sys.executable, "-c", _BARE_ENDPOINT], folder / "bare")
    ours = _megabytes_per_second(SERVICE, folder / "ours", MAX_IMAGE_MB="1000")
    refused = _megabytes_per_second(SERVICE, folder / "refused")
    print(f"upload of {UPLOAD_MEGABYTES} MB, bare      {bare.speed:6.0f} MB/s")
    print(
        f"upload of {UPLOAD_MEGABYTES} MB, ours      {ours.speed:6.0f} MB/s  "
        f"({ours.speed / bare.speed:.0%} of bare; memory +{ours.grown:.0f} MB)"
    )
    print(
        f"upload of {UPLOAD_MEGABYTES} MB, refused   {refused.speed:6.0f} MB/s  "
        f"(answer {refused.status}; memory +{refused.grown:.0f} MB)"
    )


class _Figures:
    def __init__(self, speed: float, grown: float, status: int) -> None:
        self.speed, self.grown, self.status = speed, grown, status


def _megabytes_per_second(command: Sequence[str], folder: Path, **settings: str) -> _Figures:
    with running(folder, command, **settings) as (client, process):
        idle = resident(process.pid)
        peak = [idle]
        with _repeating(lambda: peak.append(resident(process.pid))):
            began = time.perf_counter()
            answer = client.post(
                "/lipsync",
                content=_form(),
                headers={"Content-Type": f"multipart/form-data; boundary={_BOUNDARY}"},
            )
            took = time.perf_counter() - began
    return _Figures(UPLOAD_MEGABYTES / took, max(peak) - idle, answer.status_code)


def _form() -> Iterator[bytes]:
    head = 'Content-Disposition: form-data; name="{0}"; filename="{0}"\r\n\r\n'
    yield f"--{_BOUNDARY}\r\n{head.format('image')}".encode()
    for _ in range(UPLOAD_MEGABYTES):
        yield _CHUNK[:1_000_000]
    yield f"\r\n--{_BOUNDARY}\r\n{head.format('audio')}x\r\n--{_BOUNDARY}--\r\n".encode()


def _answering(folder: Path) -> None:
    audio = folder / "speech.wav"
    write_wav(speak("Please bring my mother a big warm apple pie. " * 20), audio)
    with running(folder / "answering") as (client, _):
        with sample_photo().open("rb") as face, audio.open("rb") as voice:
            job = client.post(
                "/lipsync", files={"image": face, "audio": voice}, data={"wait": "0"}
            ).json()
        took = []
        path = f"/lipsync/{job['job_id']}"
        while job["finished_at"] is None:
            began = time.perf_counter()
            job = client.get(path).json()
            if job["phase"] == "rendering":
                took.append((time.perf_counter() - began) * 1000)
            time.sleep(0.002)
    took.sort()
    print(
        f"GET /lipsync/{{id}} while rendering: p50 {took[len(took) // 2]:.1f} ms, "
        f"p99 {took[len(took) * 99 // 100]:.1f} ms, max {took[-1]:.1f} ms ({len(took)} requests)"
    )


def _handing_over(folder: Path) -> None:
    """From the last byte of an order to the first byte that a hosted provider gets.

    Files that were seen before need no look, and what the provider takes needs no conversion: what
    is left is the gateway's own. What other files take more is theirs.
    """
    audio, bitmap = folder / "order.wav", folder / "order.bmp"
    write_wav(speak("Please bring my mother a big warm apple pie."), audio)
    with Image.open(sample_photo()) as portrait:
        portrait.save(bitmap)
    photo, odd, voice = sample_photo().read_bytes(), bitmap.read_bytes(), audio.read_bytes()
    known = [(photo, voice)] * (ORDERS + 2)
    new = [(photo + bytes([number]), _spoken(voice, number)) for number in range(ORDERS)]
    to_convert = [(odd + bytes([number]), _spoken(voice, -number)) for number in range(ORDERS)]
    with _listening_provider() as (port, arrivals):
        keys = {"GOOEY_API_KEY": "none", "GOOEY_BASE_URL": f"http://127.0.0.1:{port}"}
        with running(folder / "handing-over", **keys) as (client, _):
            medians = []
            for orders in (known, new, to_convert):
                took = [_sent(client, *order, arrivals) for order in orders]
                medians.append(statistics.median(took[-ORDERS:]) * 1000)
    own, looked, converted = medians
    print(
        f"order received to first byte at the provider: {own:.1f} ms own"
        f" + {looked - own:.1f} ms to look for a face and speech"
        f" + {converted - looked:.1f} ms to convert a picture (medians of {ORDERS} orders)"
    )


def _spoken(voice: bytes, number: int) -> bytes:
    """The same recording with another first sample, behind a header of 44 bytes."""
    return voice[:44] + number.to_bytes(2, "little", signed=True) + voice[46:]


def _sent(client: httpx.Client, face: bytes, voice: bytes, arrivals: queue.Queue[float]) -> float:
    """Seconds from the moment at which an order's last byte was handed to the system."""
    form = {"image": face, "audio": voice}
    fields = {"provider": "gooey", "wait": "0"}
    request = client.build_request("POST", "/lipsync", files=form, data=fields)
    body, sent = request.read(), 0.0

    def stream() -> Iterator[bytes]:
        nonlocal sent
        yield body
        sent = time.perf_counter()

    kind = request.headers["content-type"]
    headers = {"Content-Type": kind, "Content-Length": str(len(body))}
    client.post("/lipsync", content=stream(), headers=headers).raise_for_status()
    return arrivals.get(timeout=30) - sent


@contextmanager
def _listening_provider() -> Iterator[tuple[int, queue.Queue[float]]]:
    """A provider that notes when it is spoken to, and hangs up."""
    arrivals: queue.Queue[float] = queue.Queue()
    with socket.create_server(("127.0.0.1", 0)) as door:

        def listen() -> None:
            with suppress(OSError):
                while True:
                    caller, _ = door.accept()
                    with caller:
                        caller.recv(1)
                        arrivals.put(time.perf_counter())

        threading.Thread(target=listen, daemon=True).start()
        yield door.getsockname()[1], arrivals
        door.shutdown(socket.SHUT_RDWR)


def _idling(folder: Path) -> None:
    with running(folder / "idling") as (_, process):
        time.sleep(2)
        before, began = processor_seconds(process.pid), time.perf_counter()
        time.sleep(10)
        used = processor_seconds(process.pid) - before
        share = used / (time.perf_counter() - began)
        print(f"idle: {share:.1%} of a core, {resident(process.pid):.0f} MB")


@contextmanager
def _repeating(act: Callable[[], object]) -> Iterator[None]:
    done = threading.Event()

    def repeat() -> None:
        while not done.wait(0.05):
            act()

    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


if __name__ == "__main__":
    main()
