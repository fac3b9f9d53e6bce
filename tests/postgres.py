"""A PostgreSQL server of the tests' own: in a temporary folder, on a free loopback port."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.service import free_port

START_SECONDS = 30.0
PLACES = ("/usr/lib/postgresql/*/bin", "/opt/homebrew/opt/postgresql*/bin", "/usr/pgsql-*/bin")
MISSING = "PostgreSQL is not installed (Debian: apt install postgresql): replicas were not tested"


class Postgres:
    """A server that can be ended and started again. It refuses to be run by root."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs = programs
        self._data = folder / "data"
        self._log = folder / "postgres.log"
        self._account: dict[str, Any] = {}
        if os.geteuid() == 0:
            account = pwd.getpwnam("postgres")
            self._account = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
            os.chown(folder, account.pw_uid, account.pw_gid)
        self.port = free_port()
        self._made = 0
        self._run("initdb", "-D", str(self._data), "-U", "gateway", "-A", "trust", "-E", "UTF8")

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [self._programs / program, *arguments],
            cwd="/",
            check=True,
            capture_output=True,
            **self._account,
        )

    def start(self) -> None:
        settings = (f"port={self.port}", "listen_addresses=127.0.0.1", "unix_socket_directories=")
        options = [word for setting in settings for word in ("-c", setting)]
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [self._programs / "postgres", "-D", str(self._data), *options],
                cwd="/",
                stdout=log,
                stderr=log,
                **self._account,
            )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                psycopg.connect(self._url("postgres")).close()
            except psycopg.OperationalError:
                continue
            return
        raise AssertionError(f"it did not start:\n{self._log.read_text()}")

    def stop(self) -> None:
        """End it at once, as a crash would: whoever is connected finds out."""
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait(timeout=30)

    def database(self) -> str:
        """The address of a new, empty database."""
        self._made += 1
        name = f"gateway{self._made}"
        with psycopg.connect(self._url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self._url(name)

    def _url(self, name: str) -> str:
        return f"postgresql://gateway@127.0.0.1:{self.port}/{name}"


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """A server for as long as it is needed. Skips the test where it is not installed.

    Where tests are run for others to rely on (``CI``), that is a failure.
    """
    programs = _programs()
    if programs is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(MISSING)
    folder = Path(tempfile.mkdtemp(prefix="lipsync-postgres-"))
    try:
        server = Postgres(programs, folder)
        server.start()
        yield server
        server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _programs() -> Path | None:
    """The folder of a server that is installed."""
    found = [place for pattern in PLACES for place in Path("/").glob(pattern.lstrip("/"))]
    if on_path := shutil.which("postgres"):
        found.insert(0, Path(on_path).parent)
    there = [place for place in found if (place / "initdb").exists()]
    return there[0] if there else None
