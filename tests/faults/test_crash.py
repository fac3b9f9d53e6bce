"""A service that is killed at any moment loses no job."""

from __future__ import annotations

import random
import select
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.service import Service
from tests.standin import RunningStandIn

KILLS = 10


def test_jobs_outlive_ten_kills_at_random_moments(
    tmp_path: Path, photo: Path, speech: Path
) -> None:
    """Three jobs, ten kills between the start and somewhere in a render, three videos."""
    dice = random.Random()
    with Service(tmp_path) as service:
        jobs = [service.order(photo, speech, wait="0").json()["job_id"] for _ in range(3)]
        for _ in range(KILLS):
            _let_run(dice.uniform(0, 1.2))
            service.kill()
            service.start()
        finished = [service.finished(job_id) for job_id in jobs]
        assert [job["status"] for job in finished] == ["success"] * 3
        for job in finished:
            video = service.client.get(job["video_url"])
            assert len(video.content) == job["file_size"]


@pytest.mark.parametrize("phase", ["checking", "waiting", "rendering"])
def test_a_job_goes_on_from_every_phase(
    tmp_path: Path, photo: Path, speech: Path, long_speech: Path, phase: str
) -> None:
    with Service(tmp_path) as service:
        # The first one keeps the renderer busy, so that the second can be met waiting.
        first = service.order(photo, long_speech, wait="0").json()["job_id"]
        job_id = first if phase != "waiting" else _second(service, photo, speech)
        service.reached(job_id, phase)
        service.kill()
        service.start()
        assert service.finished(job_id)["status"] == "success"


def test_an_upload_cut_by_a_kill_leaves_nothing_behind(tmp_path: Path) -> None:
    jobs = tmp_path / "data" / "jobs"
    with Service(tmp_path) as service:
        (jobs / "lsj_0").mkdir()
        (jobs / "lsj_0" / "face").write_bytes(b"half a fa")
        service.kill()
        service.start()
        assert list(jobs.iterdir()) == []


def test_a_job_that_meets_a_bug_ends(tmp_path: Path, photo: Path, long_speech: Path) -> None:
    """As when somebody cleans up in its folders meanwhile."""
    with Service(tmp_path) as service:
        job_id = service.order(photo, long_speech, wait="0").json()["job_id"]
        service.reached(job_id, "rendering")
        service.kill()
        for place in ("jobs", "media"):
            shutil.rmtree(tmp_path / "data" / place / job_id)
        service.start()
        job = service.finished(job_id, within=20)
    assert job["status"] == "failed"
    assert job["error"]["code"] == "internal_error"


def _second(service: Service, photo: Path, speech: Path) -> str:
    return str(service.order(photo, speech, wait="0").json()["job_id"])


def _let_run(seconds: float) -> None:
    select.select([], [], [], seconds)


def test_an_order_that_is_on_its_way_arrives_before_the_service_ends(
    tmp_path: Path, photo: Path, speech: Path
) -> None:
    with (
        RunningStandIn(tmp_path, latency=3) as vendor,
        Service(tmp_path, **vendor.settings) as service,
    ):
        job_id = service.order(photo, speech, provider="gooey", wait="0").json()["job_id"]
        service.reached(job_id, "submitting")
        service.stop()
        service.start()
        assert service.finished(job_id)["status"] == "success"
        assert vendor.seen()["paid"]["gooey"] == 1


def test_a_job_between_two_steps_does_not_break_when_the_service_ends(
    tmp_path: Path, photo: Path, speech: Path
) -> None:
    with (
        RunningStandIn(tmp_path, seconds=1, latency=2) as vendor,
        Service(tmp_path, **vendor.settings) as service,
        closing(sqlite3.connect(tmp_path / "data" / "workflows.db")) as hog,
    ):
        job_id = service.order(photo, speech, provider="gooey", wait="0").json()["job_id"]
        service.reached(job_id, "submitting")
        # What is done cannot be written down for now, so that nothing follows it.
        hog.execute("BEGIN IMMEDIATE")
        while service.client.get(f"/lipsync/{job_id}").json()["run_id"] is None:
            service.breathe()
        service.process.terminate()
        while "Waiting for application shutdown" not in service.log.read_text():
            service.breathe()
        hog.rollback()
        service.stop()
        assert "Traceback" not in service.log.read_text()
        service.start()
        assert service.finished(job_id)["status"] == "success"
        assert vendor.seen()["paid"]["gooey"] == 1


def test_a_video_that_is_there_is_not_asked_for_again(
    tmp_path: Path, photo: Path, speech: Path
) -> None:
    """The provider may have forgotten the order by the time that its video is copied."""
    with RunningStandIn(tmp_path) as vendor, Service(tmp_path, **vendor.settings) as service:
        vendor.fail("gooey", "download", "503", times=2)
        job_id = service.order(photo, speech, provider="gooey", wait="0").json()["job_id"]
        service.reached(job_id, "archiving")
        service.kill()
        vendor.fail("gooey", "status", "422", times=99)
        service.start()
        job = service.finished(job_id)
    assert job["status"] == "success"
    assert job["download_url"]
