"""The service, or another program, as a process that is measured from outside."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

SERVICE = (sys.executable, "-m", "app", "serve", "--port")


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(
    folder: Path, command: Sequence[str] = SERVICE, **settings: str
) -> Iterator[tuple[httpx.Client, subprocess.Popen[bytes]]]:
    """A program that serves `/health` on the port it is given, until the block ends."""
    port = free_port()
    quiet = {"DATA_DIR": str(folder), "LOG_LEVEL": "ERROR"} | settings
    process = subprocess.Popen([*command, str(port)], env=os.environ | quiet)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120) as client:
            while True:
                try:
                    client.get("/health")
                    break
                except httpx.TransportError:
                    time.sleep(0.005)
            yield client, process
    finally:
        process.terminate()
        process.wait()


def resident(pid: int, *, children: bool = True) -> float:
    """Megabytes of memory that a process, with or without its children, holds."""
    listed = subprocess.run(
        ["ps", "-axo", "pid=,ppid=,rss="], capture_output=True, text=True, check=True
    ).stdout
    rows = [[int(word) for word in line.split()] for line in listed.splitlines()]
    return (
        sum(rss for own, parent, rss in rows if own == pid or (children and parent == pid)) / 1024
    )


def processor_seconds(pid: int) -> float:
    """Seconds of processor time that a process has used."""
    listed = subprocess.run(
        ["ps", "-o", "cputimes=", "-p", str(pid)], capture_output=True, text=True, check=True
    )
    if Path(f"/proc/{pid}/stat").exists():
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return float(listed.stdout)
