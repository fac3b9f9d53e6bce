"""All platforms on one loopback port, over real sockets: the judge of what was paid for.

``python -m tests.standin --port 19000 --folder /tmp/standin --seconds 2`` serves the platforms that
`tests/vendors` describes, each under the name of its host, with real uploads and real videos.

- ``GET /_seen`` tells what arrived: the orders with their files, how many of them were paid to each
  provider, files that were uploaded, keys that strayed to ``/files`` and requests nobody expects.
- ``POST /_fault`` makes something fail: ``{"provider": …, "at": …, "kind": …, "times": 1}``, where
  ``at`` is upload, put, submit, status, result or download, and ``kind`` one of 401, 402, 403_auth,
  403_credits, 422, 429, 500, 502, 503, 504, html, truncated, reset_before, hang; at submit also
  reset_after_acceptance; at status also unknown_word, no_url, failed; at download also cut, in
  the middle, expired, until the order is asked after again, and mute, short, long and webm.
- ``DELETE /_fault?provider=…`` takes back those that did not strike yet, of all or of one.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

from tests.service import free_port
from tests.vendors import VENDORS
from tests.vendors.base import KEY

START_SECONDS = 60.0


class RunningStandIn:
    """The stand-in as a process of its own on a free port.

    A job takes ``seconds``, and a request that moves something up to ``latency`` seconds.
    """

    def __init__(self, folder: Path, *, seconds: float = 0.0, latency: float = 0.0) -> None:
        self.folder = folder
        self.times = ["--seconds", str(seconds), "--latency", str(latency)]
        self.port = free_port()
        self.base_url = f"http://127.0.0.1:{self.port}"
        self.client = httpx.Client(base_url=self.base_url, trust_env=False)

    @property
    def settings(self) -> dict[str, str]:
        """The variables that make a service use the stand-in in place of the platforms."""
        keys = {vendor.provider.key_variable(): KEY for vendor in VENDORS}
        addresses = {name: url for vendor in VENDORS for name, url in vendor.addresses.items()}
        here = {name: f"{self.base_url}/{urlsplit(url).netloc}" for name, url in addresses.items()}
        return {**keys, **here, "ALLOW_PRIVATE_URLS": "true"}

    def __enter__(self) -> Self:
        command = ["--port", str(self.port), "--folder", str(self.folder)]
        with (self.folder / "standin.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.standin", *command, *self.times],
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                self.seen()
            except httpx.TransportError:
                continue
            return self
        self.__exit__()
        raise AssertionError(f"it did not start:\n{(self.folder / 'standin.log').read_text()}")

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self.process.terminate()
        self.process.wait(timeout=10)

    def seen(self) -> dict[str, Any]:
        """Everything that arrived so far."""
        told: dict[str, Any] = self.client.get("/_seen").raise_for_status().json()
        return told

    def fail(self, provider: str, at: str, kind: str, *, times: int = 1) -> None:
        """Make something go wrong, that many times."""
        fault = {"provider": provider, "at": at, "kind": kind, "times": times}
        self.client.post("/_fault", json=fault).raise_for_status()

    def heal(self, provider: str = "") -> None:
        """Take back the faults that did not strike yet, of every platform or of one."""
        self.client.delete("/_fault", params={"provider": provider}).raise_for_status()
