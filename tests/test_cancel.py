"""A job that is not wanted any more: what it still costs, and what is told of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.service import ORIGIN, Service
from tests.standin import RunningStandIn

VENDOR_SECONDS = 30.0


@pytest.fixture(scope="module")
def vendor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStandIn]:
    """Platforms that take their time, also for the answer to an order."""
    folder = tmp_path_factory.mktemp("vendor")
    with RunningStandIn(folder, seconds=VENDOR_SECONDS, latency=2.0) as running:
        yield running


@pytest.fixture(scope="module")
def gateway(vendor: RunningStandIn, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("gateway"), **vendor.settings) as running:
        yield running


@pytest.fixture(scope="module")
def clip(gateway: Service, photo: Path, speech: Path, files: Path) -> Path:
    """A video of a talking face, which every provider takes as it is."""
    job = gateway.order(photo, speech, provider="local", options='{"max_side": 256}').json()
    path = files / "unwanted.mp4"
    path.write_bytes(gateway.client.get(job["download_url"]).content)
    return path


def cancel(service: Service, job_id: str) -> dict[str, Any]:
    """Ask for the job's end, and wait for it."""
    answer = service.client.post(f"/lipsync/{job_id}/cancel", headers=ORIGIN)
    assert answer.status_code in (200, 202), answer.text
    return service.finished(job_id)


def until(condition: Callable[[], Any], *, within: float = 30) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline


def orders(vendor: RunningStandIn) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = vendor.seen()["orders"]
    return found


def begin(service: Service, face: Path, voice: Path, provider: str) -> str:
    return str(service.order(face, voice, provider=provider, wait="0").json()["job_id"])


def test_before_it_is_ordered_it_costs_nothing(
    gateway: Service, vendor: RunningStandIn, clip: Path, speech: Path
) -> None:
    before = len(orders(vendor))
    vendor.fail("magic_hour", "upload", "hang")
    job_id = begin(gateway, clip, speech, "magic_hour")
    gateway.reached(job_id, "uploading")
    job = cancel(gateway, job_id)
    assert (job["status"], job["phase"]) == ("canceled", "done")
    assert job["finished_at"]
    assert job["error"] == {
        "code": "canceled",
        "detail": "The job was canceled.",
        "charged": "no",
        "provider_error": None,
    }
    assert job["warnings"] == []
    assert len(orders(vendor)) == before


def test_what_is_being_animated_is_ended_too(
    gateway: Service, vendor: RunningStandIn, photo: Path, long_speech: Path
) -> None:
    before = len(orders(vendor))
    idle = set(gateway.workers())
    job_id = begin(gateway, photo, long_speech, "fal_lipsync")
    until(lambda: set(gateway.workers()) - idle)
    gateway.reached(job_id, "converting")
    at_work = set(gateway.workers())
    assert cancel(gateway, job_id)["error"]["charged"] == "no"
    until(lambda: at_work - set(gateway.workers()))
    assert len(orders(vendor)) == before


def test_an_order_that_is_on_its_way_is_let_arrive_and_stopped_there(
    gateway: Service, vendor: RunningStandIn, clip: Path, speech: Path
) -> None:
    before = len(orders(vendor))
    job_id = begin(gateway, clip, speech, "fal_lipsync")
    gateway.reached(job_id, "submitting")
    job = cancel(gateway, job_id)
    assert job["status"] == "canceled"
    assert job["run_id"]
    assert job["error"]["charged"] == "unknown"
    assert job["warnings"] == []
    assert [order["canceled"] for order in orders(vendor)[before:]] == [True]


def test_what_a_provider_cannot_stop_is_said(
    gateway: Service, vendor: RunningStandIn, clip: Path, speech: Path
) -> None:
    before = len(orders(vendor))
    job_id = begin(gateway, clip, speech, "gooey")
    until(lambda: gateway.client.get(f"/lipsync/{job_id}").json()["run_id"])
    job = cancel(gateway, job_id)
    assert job["status"] == "canceled"
    assert job["error"]["charged"] == "unknown"
    assert job["warnings"] == ["Gooey.AI cannot stop what it has begun, and may charge for it."]
    assert len(orders(vendor)) == before + 1


def test_a_video_that_is_there_already_is_kept(tmp_path: Path, clip: Path, speech: Path) -> None:
    with RunningStandIn(tmp_path) as quick, Service(tmp_path, **quick.settings) as service:
        # The first question is never answered, so that nobody hears of the end before the second.
        quick.fail("gooey", "status", "hang")
        job_id = begin(service, clip, speech, "gooey")
        until(lambda: service.client.get(f"/lipsync/{job_id}").json()["run_id"])
        service.client.post(f"/lipsync/{job_id}/cancel", headers=ORIGIN)
        job = service.finished(job_id)
        assert job["status"] == "success"
        assert service.client.get(job["download_url"]).status_code == 200
