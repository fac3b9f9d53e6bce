"""Customers who order all the while, whatever becomes of the service."""

from __future__ import annotations

import hashlib
import itertools
import random
import threading
import time
import wave
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any, Self

import httpx

from tests.service import FINAL

AT_ONCE = 4
"""Customers, each with a connection of its own."""
OPEN_ORDERS = 7
"""Of each customer, so that kills find jobs in every phase and the machine can keep up."""
OPEN_RENDERS = 1
"""Of each customer: a render begins again after a kill, and only ends once it is left in peace."""
RETRY_SECONDS = 0.05
UNAVAILABLE = 503


@dataclass(slots=True)
class Placed:
    """An order: what tells it from all others, and what its customer was told."""

    provider: str
    key: str
    audio: bytes
    face: Path
    voice: str
    """SHA-256 of the audio, by which the platforms know it."""
    job: dict[str, Any] = field(default_factory=dict)

    @property
    def final(self) -> bool:
        """Whether its customer knows how it ended."""
        return self.job.get("status") in FINAL


class Customers:
    """Threads that place orders, each by its own Idempotency-Key until it is answered."""

    def __init__(
        self, addresses: Sequence[str], *, providers: list[str], faces: list[Path], audio: Path
    ) -> None:
        self.orders: list[Placed] = []
        self._addresses = addresses
        self._providers = itertools.cycle(providers)
        self._faces = faces
        self._audio = audio
        self._numbers = itertools.count(1)
        self._sending: set[str] = set()
        self._enough = threading.Event()
        self._threads = [threading.Thread(target=self._shop, daemon=True) for _ in range(AT_ONCE)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.go_home()

    @property
    def sending(self) -> int:
        """How many orders are on their way to the service right now."""
        return len(self._sending)

    def go_home(self) -> None:
        """Place no new orders; what was placed is still asked for until it is final."""
        self._enough.set()

    def all_served(self, *, within: float) -> bool:
        """Whether everybody learns how each order ended, in that many seconds."""
        self.go_home()
        deadline = time.monotonic() + within
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _shop(self) -> None:
        placed: list[Placed] = []
        with _Line(self._addresses) as line:
            while True:
                waiting = [order for order in placed if not order.final]
                if self._enough.is_set():
                    if not waiting:
                        return
                elif order := self._next_order(waiting):
                    placed.append(order)
                    self._place(line, order)
                    continue
                for order in waiting:
                    _ask(line, order)
                time.sleep(RETRY_SECONDS)

    def _next_order(self, waiting: list[Placed]) -> Placed | None:
        if len(waiting) >= OPEN_ORDERS:
            return None
        provider = next(self._providers)
        if [order.provider for order in waiting].count("local") >= OPEN_RENDERS:
            while provider == "local":
                provider = next(self._providers)
        audio = self._speech(next(self._numbers))
        voice = hashlib.sha256(audio).hexdigest()
        face = random.choice(self._faces)
        order = Placed(provider, f"order-{voice[:24]}", audio, face, voice)
        self.orders.append(order)
        return order

    def _speech(self, number: int) -> bytes:
        """The same words, but a recording of their own: the first samples count the orders."""
        written = BytesIO()
        with wave.open(str(self._audio)) as said, wave.open(written, "wb") as own:
            own.setparams(said.getparams())
            own.writeframes(number.to_bytes(4, "little") + said.readframes(said.getnframes())[4:])
        return written.getvalue()

    def _place(self, line: _Line, order: Placed) -> None:
        """Send the order until it is answered: its key makes that one job."""
        self._sending.add(order.key)
        while not order.job:
            if answer := line.send("POST", "/lipsync", *_form(order)):
                order.job = answer.json()
        self._sending.discard(order.key)


class _Line:
    """A customer's way to the service: another replica's address after each failure."""

    def __init__(self, addresses: Sequence[str]) -> None:
        clients = [httpx.Client(base_url=each, timeout=10, trust_env=False) for each in addresses]
        self._clients = random.sample(clients, len(clients))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for client in self._clients:
            client.close()

    def send(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> httpx.Response | None:
        """The answer, or None where there was none, or only that there is none just now."""
        client = self._clients[0]
        try:
            content = _slowly(body) if body else None
            answer = client.request(method, path, content=content, headers=headers)
            if answer.status_code != UNAVAILABLE:
                return answer.raise_for_status()
        except httpx.TransportError:
            pass
        self._clients.append(self._clients.pop(0))
        time.sleep(RETRY_SECONDS)
        return None


def _ask(line: _Line, order: Placed) -> None:
    if answer := line.send("GET", f"/lipsync/{order.job['job_id']}"):
        order.job = answer.json()


def _form(order: Placed) -> tuple[bytes, Mapping[str, str]]:
    form = httpx.Request(
        "POST",
        "http://form",
        files={"image": order.face.read_bytes(), "audio": ("audio.wav", order.audio)},
        data={"provider": order.provider, "wait": "0", "options": _options(order)},
        headers={"Idempotency-Key": order.key},
    )
    kind = form.headers["Content-Type"]
    return form.read(), {"Content-Type": kind, "Idempotency-Key": order.key}


def _options(order: Placed) -> str:
    return '{"max_side": 128, "fps": 10}' if order.provider == "local" else "{}"


def _slowly(body: bytes) -> Iterator[bytes]:
    """A form that takes its time, so that kills meet it half sent."""
    middle = len(body) // 2
    yield body[:middle]
    time.sleep(random.uniform(0, 0.1))
    yield body[middle:]
