"""What the stand-in remembers: files, orders, and faults that are to come."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field
from typing import Any

from tests.vendors.base import Scene, Vendor


@dataclass(frozen=True, slots=True)
class File:
    """A file that arrived, where it is now, and the address it was sent to."""

    address: str
    path: str
    size: int
    sha256: str


@dataclass(slots=True)
class Order:
    """An order that was accepted, and therefore paid for."""

    vendor: Vendor
    job: str
    address: str
    fields: Any
    files: list[File]
    accepted_at: float = field(default_factory=time.monotonic)
    canceled: bool = False
    ending: Scene | None = None
    checks: int = 0
    downloads: int = 0
    expired_with: int = -1
    """How often it had been asked after when its link ceased to work."""

    def described(self) -> dict[str, Any]:
        """The order as `/_seen` tells it."""
        names = ("address", "fields", "canceled", "checks", "downloads", "accepted_at")
        told = {name: getattr(self, name) for name in names}
        files = [asdict(file) for file in self.files]
        return {"provider": self.vendor.name, "job_id": self.job, "files": files, **told}


@dataclass(slots=True)
class Fault:
    """What is to go wrong: at upload, put, submit, status, result or download; how; how often."""

    provider: str
    at: str
    kind: str
    times: int = 1


class Broken(Exception):
    """The connection ends without an answer: at once, or when the other side gives up."""

    def __init__(self, *, hang: bool = False) -> None:
        self.hang = hang
