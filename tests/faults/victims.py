"""What is killed: one process over SQLite, or either of two replicas over PostgreSQL."""

from __future__ import annotations

import random
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import psycopg
from psycopg.rows import dict_row

from tests.service import Service

START_SECONDS = 60.0
A_MOMENT = 0.3
"""Seconds after the phase that was waited for in which the kill comes."""
WHILE_STARTING = 0.15
"""Share of the kills that come before the process answers at all."""
WORTH_A_KILL = (
    "checking",
    "converting",
    "uploading",
    "submitting",
    "waiting",
    "rendering",
    "archiving",
)
_UNFINISHED = (
    "SELECT id, phase, owner, submitting_at, ticket FROM jobs"
    " WHERE state IN ('queued', 'processing')"
)

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Death:
    """What a kill met: the unfinished jobs, and those of them whose outcome nobody can know."""

    rows: Sequence[Row]
    unknowable: frozenset[str]
    while_starting: bool = False


class Victims(Protocol):
    """Services that can be killed again and again."""

    services: Sequence[Service]

    def kill_one(self) -> Death:
        """Let one live for a while, and end it as a power cut does."""
        ...

    def revive(self) -> None:
        """Have all of them up, to stay."""
        ...


class OneProcess:
    """A service over SQLite: nothing goes on before it is started again."""

    longest_life = 4.0
    """Seconds that it lives at most if no job comes to where it is to die."""

    def __init__(self, service: Service) -> None:
        self.services: Sequence[Service] = [service]
        self._service = service
        self._database = service.folder / "data" / "jobs.db"

    def kill_one(self) -> Death:
        """Start it anew, and end it while it starts, or in a phase that is chosen by lot."""
        self._service.kill()
        self._service.launch()
        starting = random.random() < WHILE_STARTING
        if starting:
            time.sleep(random.uniform(0, 1.5))
        else:
            self._service.await_health(within=START_SECONDS)
            _await_phase(lambda: _sqlite_rows(self._database), self.longest_life)
        self._service.kill()
        rows = self._as_killed()
        return Death(rows, frozenset(row["id"] for row in rows if _unknowable(row)), starting)

    def revive(self) -> None:
        """Start it, to stay."""
        self._service.kill()
        self._service.launch()
        self._service.await_health(within=START_SECONDS)

    def _as_killed(self) -> list[Row]:
        """The rows, read from a copy: the service must mend its own files."""
        with tempfile.TemporaryDirectory() as temporary:
            for suffix in ("", "-wal"):
                with suppress(FileNotFoundError):
                    shutil.copy(f"{self._database}{suffix}", temporary)
            return _sqlite_rows(Path(temporary) / self._database.name)


class TwoReplicas:
    """Two services over one PostgreSQL: what the dead one left, the other goes on with."""

    longest_life = 12.0
    """Seconds: a replica takes up what another left only once it has lived for a while itself."""

    def __init__(self, services: Sequence[Service], database: str) -> None:
        self.services = services
        self._database = database
        self._owners: dict[Service, str] = {}
        for service in services:
            service.kill()
            self._start(service)

    def kill_one(self) -> Death:
        """End one of them in a phase that is chosen by lot, and put another in its place."""
        service = random.choice(self.services)
        _await_phase(lambda: self._ask(_UNFINISHED), self.longest_life)
        service.kill()
        # What it sent last may still be carried out by the server.
        time.sleep(A_MOMENT)
        rows = self._ask(_UNFINISHED)
        own = [row for row in rows if row["owner"] == self._owners[service]]
        time.sleep(random.uniform(0, 2))
        self._start(service)
        return Death(rows, frozenset(row["id"] for row in own if _unknowable(row)))

    def revive(self) -> None:
        """They are up already."""

    def _start(self, service: Service) -> None:
        before = [row["id"] for row in self._ask("SELECT id FROM replicas")]
        service.launch()
        service.await_health(within=START_SECONDS)
        now = [row["id"] for row in self._ask("SELECT id FROM replicas")]
        (self._owners[service],) = [replica for replica in now if replica not in before]

    def _ask(self, query: str) -> list[Row]:
        with psycopg.connect(self._database, row_factory=dict_row) as connection:
            return list(connection.execute(query).fetchall())


def _unknowable(row: Row) -> bool:
    """Whether the order was announced, and nothing was heard of it."""
    return row["submitting_at"] is not None and row["ticket"] in (None, "null")


def _await_phase(read: Callable[[], Sequence[Row]], longest: float) -> None:
    phase, deadline = random.choice(WORTH_A_KILL), time.monotonic() + random.uniform(0, longest)
    while time.monotonic() < deadline:
        if phase in [row["phase"] for row in read()]:
            break
        time.sleep(0.01)
    time.sleep(random.uniform(0, A_MOMENT))


def _sqlite_rows(database: Path) -> list[Row]:
    with closing(sqlite3.connect(database)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(_UNFINISHED)]
