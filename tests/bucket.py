"""An S3 server on loopback, with one empty bucket."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Self

import httpx

from tests.service import free_port

BUCKET = "results"
START_SECONDS = 60.0


class RunningBucket:
    """`moto`'s server as a process of its own on a free port; it keeps everything in memory."""

    def __init__(self, folder: Path) -> None:
        self._log = folder / "bucket.log"
        self.port = free_port()
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", trust_env=False)

    @property
    def settings(self) -> dict[str, str]:
        """The variables that make a service keep its files there."""
        return {
            "STORAGE_URL": f"s3://{BUCKET}/lipsync",
            "AWS_ENDPOINT_URL": str(self.client.base_url),
            "AWS_ACCESS_KEY_ID": "somebody",
            "AWS_SECRET_ACCESS_KEY": "something",
            "AWS_REGION": "us-east-1",
        }

    def __enter__(self) -> Self:
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)],
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                self.client.put(f"/{BUCKET}").raise_for_status()
            except httpx.TransportError:
                continue
            return self
        self.__exit__()
        raise AssertionError(f"it did not start:\n{self._log.read_text()}")

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self.process.terminate()
        self.process.wait(timeout=10)

    def listing(self) -> str:
        """What is in the bucket, as S3 lists it."""
        return self.client.get(f"/{BUCKET}", params={"list-type": "2"}).raise_for_status().text
