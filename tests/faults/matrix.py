"""What callers are told when a platform fails, as a table: ``python -m tests.faults.matrix``.

Every provider meets every fault at every stage, through a real service and real sockets. A cell is
the answer's status and code; ``~`` marks it as worth a retry, ``?`` says that nobody knows whether
it was charged, ``!`` that it was. The exit code is 1 if anything was submitted twice, or if a key
went where it does not belong.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx

from app.espeak import speak, write_wav
from app.samples import sample_photo
from tests.service import Service
from tests.standin import RunningStandIn
from tests.vendors import VENDORS

LANES = tuple(
    tuple(vendor.name for vendor in VENDORS if vendor.base_url == base_url)
    for base_url in dict.fromkeys(vendor.base_url for vendor in VENDORS)
)
"""Providers of one platform share the storage that is to fail: they take turns."""
STAGES = ("upload", "put", "submit", "status", "result", "download")
REFUSALS = ("401", "402", "403_auth", "403_credits", "422", "429", "500", "502", "503", "504")
FAULTS = (*REFUSALS, "html", "truncated", "reset_before")
SPECIAL = {"submit": ("reset_after_acceptance", "hang"), "status": ("unknown_word", "no_url")}
PATIENCE = 150
"""Seconds: longer than the service waits for a platform that says nothing."""
STICKY = 3
"""How often a fault strikes that is not forgiven by trying again."""


@dataclass(frozen=True, slots=True)
class Cell:
    provider: str
    stage: str
    fault: str
    told: str
    accepted: int
    """How many orders the platform took for this one."""


def main() -> int:
    """Print the table and the verdict."""
    with ExitStack() as rooms, tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        standin = rooms.enter_context(RunningStandIn(folder))
        settings = {**standin.settings, "PROVIDER_FAILOVER": "false", "LOG_LEVEL": "ERROR"}
        gateway = rooms.enter_context(Service(folder, **settings))
        gateway.client.timeout = httpx.Timeout(PATIENCE)
        audio = folder / "speech.wav"
        write_wav(speak("Bring my mother a pie."), audio)
        clip = _clip(gateway, folder, audio)
        with ThreadPoolExecutor(len(LANES)) as lanes:
            work = [lanes.submit(_lane, gateway, standin, clip, audio, lane) for lane in LANES]
            cells = [cell for lane in work for cell in lane.result()]
        strayed = standin.seen()["strayed_keys"]
    _print(cells)
    twice = [cell for cell in cells if cell.accepted > 1]
    print(
        f"\n{len(cells)} orders; submitted twice: {len(twice)}; keys that strayed: {len(strayed)}"
    )
    return bool(twice or strayed)


def _clip(gateway: Service, folder: Path, audio: Path) -> Path:
    """A video of a face, so that nothing has to be animated first."""
    job = gateway.order(sample_photo(), audio, provider="local", options='{"max_side": 256}').json()
    clip = folder / "clip.mp4"
    clip.write_bytes(gateway.client.get(job["download_url"]).content)
    return clip


def _lane(
    gateway: Service, standin: RunningStandIn, clip: Path, audio: Path, providers: tuple[str, ...]
) -> list[Cell]:
    cells = []
    for provider, stage, fault in _faults(providers):
        before = _accepted(standin, provider)
        standin.fail(provider, stage, fault, times=STICKY if stage in ("upload", "put") else 1)
        answer = gateway.order(clip, audio, provider=provider, wait="120")
        accepted = _accepted(standin, provider) - before
        cells.append(Cell(provider, stage, fault, _told(answer), accepted))
        standin.heal(provider)
    return cells


def _faults(providers: tuple[str, ...]) -> Iterator[tuple[str, str, str]]:
    vendors = {vendor.name: vendor for vendor in VENDORS}
    for provider in providers:
        vendor = vendors[provider]
        there = {"upload": vendor.uploads, "put": vendor.puts, "result": vendor.result_url}
        for stage in (stage for stage in STAGES if there.get(stage, True)):
            for fault in (*FAULTS, *SPECIAL.get(stage, ())):
                yield provider, stage, fault


def _accepted(standin: RunningStandIn, provider: str) -> int:
    return sum(order["provider"] == provider for order in standin.seen()["orders"])


def _told(answer: httpx.Response) -> str:
    if answer.is_success:
        job = answer.json()
        return f"{answer.status_code} {job['status']}"
    problem = answer.json()
    again = "~" if problem["retryable"] else ""
    money = {"no": "", "unknown": "?", "yes": "!"}[problem["charged"]]
    return f"{answer.status_code} {problem['code']}{again}{money}"


def _print(cells: list[Cell]) -> None:
    rows = Counter((cell.stage, cell.fault) for cell in cells)
    by_place = {(cell.stage, cell.fault, cell.provider): cell.told for cell in cells}
    providers = [provider for lane in LANES for provider in lane]
    print(f"{'stage':10}{'fault':24}" + "".join(f"{provider:28}" for provider in providers))
    for stage, fault in rows:
        told = (by_place.get((stage, fault, provider), "-") for provider in providers)
        print(f"{stage:10}{fault:24}" + "".join(f"{word:28}" for word in told))


if __name__ == "__main__":
    sys.exit(main())
