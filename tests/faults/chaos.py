"""Kills the service at random moments, again and again: ``python -m tests.faults.chaos [--kills N]``.

Customers order from all providers all the while, and send again what was not answered. The platforms
are stand-ins on loopback that outlive the service; their own count of accepted orders is the judge.
At the end every job must be final, every success must have a video that plays, nothing may have been
submitted twice, and exactly those jobs may be ``outcome_unknown`` whose row said, when a kill came,
that the order was about to leave, and not yet that it was taken. The exit code is 1 if not.
"""  # noqa: E501

from __future__ import annotations

import argparse
import random
import shutil
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import httpx

from app.espeak import speak, write_wav
from app.model import Phase
from app.samples import sample_photo
from tests.faults.customers import Customers, Placed
from tests.service import Service
from tests.standin import RunningStandIn
from tests.vendors import VENDORS

PROVIDERS = ["local", *(vendor.name for vendor in VENDORS)]
JOB_SECONDS, LATENCY = 1.0, 0.3
UP_FOR = 4.0
"""Most seconds that a service lives after it answers, if no job comes to where it is to die."""
WORTH_A_KILL = (
    "checking",
    "converting",
    "uploading",
    "submitting",
    "waiting",
    "rendering",
    "archiving",
)
WHILE_STARTING = 0.15
"""Share of the kills that come before it answers at all."""
START_SECONDS = 60.0
PEACE_SECONDS = 180.0
"""For what is still open when the killing is over."""
SENDING = "sending"


@dataclass(slots=True)
class Killings:
    """What the kills met: by phase, how many of them, and how many jobs."""

    count: int = 0
    while_starting: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    jobs: Counter[str] = field(default_factory=Counter)
    unknowable: set[str] = field(default_factory=set)
    """Jobs whose order had been announced, and of which nothing was heard yet."""

    def met(self, phases: Counter[str]) -> None:
        """Count one more kill."""
        self.count += 1
        self.kills.update(set(phases))
        self.jobs.update(phases)


def main(kills: int, minutes: float) -> int:
    """Kill, wait for the end, and print what became of every order."""
    began = time.monotonic()
    with ExitStack() as rooms:
        folder = Path(rooms.enter_context(tempfile.TemporaryDirectory()))
        standin = rooms.enter_context(RunningStandIn(folder, seconds=JOB_SECONDS, latency=LATENCY))
        service = rooms.enter_context(Service(folder, **standin.settings, LOG_LEVEL="ERROR"))
        faces, audio = _material(service, folder)
        service.kill()
        customers = rooms.enter_context(
            Customers(service.base_url, providers=PROVIDERS, faces=faces, audio=audio)
        )
        killings = Killings()
        while killings.count < kills and time.monotonic() - began < minutes * 60:
            _kill_once(service, customers, killings)
        service.launch()
        service.await_health(within=START_SECONDS)
        served = customers.all_served(within=PEACE_SECONDS)
        faults = _faults(customers.orders, service.client, standin.seen(), killings.unknowable)
        _print(killings, customers.orders, time.monotonic() - began)
    if not served:
        faults.append("not every order came to its end")
    print("\n".join(faults) or "Nothing was lost, and nothing was submitted twice.")
    return bool(faults)


def _material(service: Service, folder: Path) -> tuple[list[Path], Path]:
    """Faces of all kinds: some are taken as they are, some are converted, some animated."""
    audio = folder / "speech.wav"
    write_wav(speak("Bring my mother a pie."), audio)
    small = '{"max_side": 256, "fps": 10}'
    job = service.order(sample_photo(), audio, provider="local", options=small).json()
    clip = folder / "clip.mp4"
    clip.write_bytes(service.client.get(job["download_url"]).content)
    photo, matroska = sample_photo(), _as_matroska(clip)
    return [clip, clip, clip, matroska, photo], audio


def _as_matroska(clip: Path) -> Path:
    path = clip.with_suffix(".mkv")
    with av.open(clip) as source, av.open(path, "w") as target:
        streams = {s.index: target.add_stream_from_template(s) for s in source.streams}
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                target.mux(packet)
    return path


def _kill_once(service: Service, customers: Customers, killings: Killings) -> None:
    database = service.folder / "data" / "jobs.db"
    service.launch()
    if random.random() < WHILE_STARTING:
        killings.while_starting += 1
        time.sleep(random.uniform(0, 1.5))
    else:
        service.await_health(within=START_SECONDS)
        _await_phase(database, random.choice(WORTH_A_KILL))
        time.sleep(random.uniform(0, LATENCY))
    service.kill()
    rows = _as_killed(database)
    phases = Counter(str(row["phase"]) for row in rows)
    killings.met(phases + Counter({SENDING: customers.sending}))
    killings.unknowable |= {
        row["id"] for row in rows if row["submitting_at"] and row["ticket"] is None
    }


def _await_phase(database: Path, phase: str) -> None:
    """Let the service live until a job is in the phase, or for a random time if none gets there."""
    deadline = time.monotonic() + random.uniform(0, UP_FOR)
    while time.monotonic() < deadline:
        if phase in [row["phase"] for row in _unfinished(database)]:
            return
        time.sleep(0.01)


def _as_killed(database: Path) -> list[sqlite3.Row]:
    """The rows as the kill left them, read from a copy: the service must mend its own files."""
    with tempfile.TemporaryDirectory() as temporary:
        for suffix in ("", "-wal"):
            with suppress(FileNotFoundError):
                shutil.copy(f"{database}{suffix}", temporary)
        return _unfinished(Path(temporary) / database.name)


def _unfinished(database: Path) -> list[sqlite3.Row]:
    with closing(sqlite3.connect(database)) as connection:
        connection.row_factory = sqlite3.Row
        query = "SELECT * FROM jobs WHERE state IN ('queued', 'processing')"
        return connection.execute(query).fetchall()


def _faults(
    orders: list[Placed], client: httpx.Client, seen: dict[str, Any], unknowable: set[str]
) -> list[str]:
    """Everything that is not as promised, a sentence each."""
    accepted = Counter(
        voice for order in seen["orders"] for voice in {file["sha256"] for file in order["files"]}
    )
    told = [fault for order in orders for fault in _fault(order, client, accepted[order.voice])]
    unknown = {order.job["job_id"] for order in orders if _outcome(order) == "outcome_unknown"}
    told += [f"{job_id}: outcome_unknown, though it was known" for job_id in unknown - unknowable]
    told += [f"{job_id}: not outcome_unknown" for job_id in sorted(unknowable - unknown)]
    jobs = Counter(order.job["job_id"] for order in orders if order.job)
    told += [f"{job_id} was given to {count} orders" for job_id, count in jobs.items() if count > 1]
    told += [f"a key strayed to {path}" for path in seen["strayed_keys"]]
    return told


def _fault(order: Placed, client: httpx.Client, accepted: int) -> list[str]:
    name = f"{order.provider} {order.job.get('job_id', order.key)}"
    told = [f"{name}: SUBMITTED {accepted} TIMES"] if accepted > 1 else []
    outcome = _outcome(order)
    if outcome not in ("success", "outcome_unknown"):
        return [*told, f"{name}: {outcome}: {order.job.get('message')}"]
    if outcome != "success":
        return told
    if order.provider != "local" and accepted != 1:
        told.append(f"{name}: a success that was submitted {accepted} times")
    if not _plays(client.get(order.job["download_url"]), order.job["file_size"]):
        told.append(f"{name}: its video does not play")
    return told


def _plays(answer: httpx.Response, size: int) -> bool:
    if answer.status_code != 200 or len(answer.content) != size:
        return False
    try:
        with av.open(BytesIO(answer.content), "r") as video:
            return bool(video.streams.audio) and next(video.decode(video=0), None) is not None
    except av.FFmpegError:
        return False


def _outcome(order: Placed) -> str:
    error = order.job.get("error")
    return str(error["code"] if error else order.job.get("status", "never answered"))


def _print(killings: Killings, orders: list[Placed], seconds: float) -> None:
    print(
        f"{killings.count} kills in {seconds:.0f} s, {killings.while_starting} of them while"
        f" it started; {len(orders)} orders\n"
    )
    print(f"{'phase':14}{'kills that met it':>18}{'jobs they met':>15}")
    for phase in (SENDING, *(phase.value for phase in Phase if phase is not Phase.DONE)):
        print(f"{phase:14}{killings.kills[phase]:18}{killings.jobs[phase]:15}")
    outcomes = Counter((order.provider, _outcome(order)) for order in orders)
    columns = sorted({outcome for _, outcome in outcomes}, reverse=True)
    print(f"\n{'provider':18}" + "".join(f"{outcome:>18}" for outcome in columns))
    for provider in PROVIDERS:
        counts = "".join(f"{outcomes[provider, outcome]:18}" for outcome in columns)
        print(f"{provider:18}{counts}")
    print()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.faults.chaos")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--minutes", type=float, default=10.0, help="at most, for the killing")
    chosen = parser.parse_args()
    sys.exit(main(chosen.kills, chosen.minutes))
