"""Kills the service at random moments, again and again: ``python -m tests.faults.chaos [--kills N]``.

With ``--postgres`` it is either of two replicas that dies, and the other goes on with its jobs.

Customers order from all providers all the while, and send again what was not answered. The platforms
are stand-ins on loopback that outlive the service; their own count of accepted orders is the judge.
At the end every job must be final, every success must have a video that plays, nothing may have been
submitted twice, and exactly those jobs may be ``outcome_unknown`` whose row said, when a kill came,
that the order was about to leave, and not yet that it was taken. The exit code is 1 if not.
"""  # noqa: E501

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
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
from tests.faults.victims import Death, OneProcess, TwoReplicas, Victims
from tests.postgres import running_postgres
from tests.service import Service
from tests.standin import RunningStandIn
from tests.vendors import VENDORS

PROVIDERS = ["local", *(vendor.name for vendor in VENDORS)]
JOB_SECONDS, LATENCY = 1.0, 0.3
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

    def met(self, death: Death, sending: int) -> None:
        """Count one more kill."""
        phases = Counter(str(row["phase"]) for row in death.rows) + Counter({SENDING: sending})
        self.count += 1
        self.while_starting += death.while_starting
        self.kills.update(set(phases))
        self.jobs.update(phases)
        self.unknowable |= death.unknowable


def main(kills: int, minutes: float, *, replicas: bool) -> int:
    """Kill, wait for the end, and print what became of every order."""
    began = time.monotonic()
    with ExitStack() as rooms:
        folder = Path(rooms.enter_context(tempfile.TemporaryDirectory()))
        standin = rooms.enter_context(RunningStandIn(folder, seconds=JOB_SECONDS, latency=LATENCY))
        settings = {**standin.settings, "LOG_LEVEL": "ERROR"}
        open_victims = _two_replicas if replicas else _one_process
        victims = rooms.enter_context(open_victims(folder, settings))
        faces, audio = _material(victims.services[0], folder)
        addresses = [service.base_url for service in victims.services]
        customers = rooms.enter_context(
            Customers(addresses, providers=PROVIDERS, faces=faces, audio=audio)
        )
        killings = Killings()
        while killings.count < kills and time.monotonic() - began < minutes * 60:
            killings.met(victims.kill_one(), customers.sending)
        victims.revive()
        served = customers.all_served(within=PEACE_SECONDS)
        client = victims.services[0].client
        faults = _faults(customers.orders, client, standin.seen(), killings.unknowable)
        _print(killings, customers.orders, time.monotonic() - began)
    if not served:
        faults.append("not every order came to its end")
    print("\n".join(faults) or "Nothing was lost, and nothing was submitted twice.")
    return bool(faults)


@contextmanager
def _one_process(folder: Path, settings: dict[str, str]) -> Iterator[Victims]:
    with Service(folder, **settings) as service:
        yield OneProcess(service)


@contextmanager
def _two_replicas(folder: Path, settings: dict[str, str]) -> Iterator[Victims]:
    with running_postgres() as server:
        database = server.database()
        shared = settings | {"DATABASE_URL": database, "STORAGE_URL": str(folder / "storage")}
        places = [folder / "a", folder / "b"]
        for place in places:
            place.mkdir()
        with Service(places[0], **shared) as one, Service(places[1], **shared) as other:
            yield TwoReplicas([one, other], database)


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
    parser.add_argument("--postgres", action="store_true", help="two replicas over PostgreSQL")
    chosen = parser.parse_args()
    sys.exit(main(chosen.kills, chosen.minutes, replicas=chosen.postgres))
