"""The jobs there are: listed, canceled, deleted."""

from __future__ import annotations

import sqlite3
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.service import ORIGIN, Service, assert_problem


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service whose jobs are those of this file alone."""
    with Service(tmp_path_factory.mktemp("quiet")) as running:
        yield running


@pytest.fixture(scope="module")
def jobs(quiet: Service, photo: Path, speech: Path, scenery: Path) -> list[dict[str, Any]]:
    """Three that succeeded between two that failed, the newest first."""
    images = [scenery, photo, photo, photo, scenery]
    ids = [quiet.order(image, speech, wait="0").json()["job_id"] for image in images]
    return [quiet.finished(job_id) for job_id in reversed(ids)]


def listed(service: Service, **query: str | int) -> dict[str, Any]:
    answer = service.client.get("/lipsync", params=query)
    assert answer.status_code == 200, answer.text
    page: dict[str, Any] = answer.json()
    return page


def test_jobs_are_listed_newest_first(quiet: Service, jobs: list[dict[str, Any]]) -> None:
    assert listed(quiet) == {"jobs": jobs, "next_cursor": None}


def test_pages_follow_one_another(quiet: Service, jobs: list[dict[str, Any]]) -> None:
    pages = [listed(quiet, limit=2, status="success")]
    while cursor := pages[-1]["next_cursor"]:
        pages.append(listed(quiet, limit=2, status="success", cursor=cursor))
    together = [job for page in pages for job in page["jobs"]]
    assert together == [job for job in jobs if job["status"] == "success"]
    assert [len(page["jobs"]) for page in pages] == [2, 1]


def test_a_page_that_is_just_full_is_the_last(quiet: Service, jobs: list[dict[str, Any]]) -> None:
    page = listed(quiet, limit=2, status="failed")
    assert page["jobs"] == [job for job in jobs if job["status"] == "failed"]
    assert page["next_cursor"] is None


def test_jobs_are_listed_by_provider(quiet: Service, jobs: list[dict[str, Any]]) -> None:
    assert listed(quiet, provider="local")["jobs"] == jobs
    assert listed(quiet, provider="gooey") == {"jobs": [], "next_cursor": None}


@pytest.mark.parametrize(
    "query",
    [
        {"cursor": "x"},
        {"cursor": "ü"},
        {"cursor": ""},
        {"cursor": urlsafe_b64encode(b"lsj_1").decode()},
        {"limit": 0},
        {"limit": 101},
        {"limit": "many"},
        {"status": "sleeping"},
    ],
)
def test_a_page_that_cannot_be_is_refused(quiet: Service, query: dict[str, str]) -> None:
    answer = quiet.client.get("/lipsync", params=query, headers=ORIGIN)
    assert_problem(answer, 422, "invalid_request")


def send(service: Service, image: Path, audio: Path, key: str, **fields: str) -> httpx.Response:
    return service.client.post(
        "/lipsync",
        files={"image": image.read_bytes(), "audio": audio.read_bytes()},
        data=fields,
        headers={**ORIGIN, "Idempotency-Key": key},
    )


def test_a_job_is_canceled_and_whoever_waits_for_it_is_told(
    service: Service, photo: Path, long_speech: Path
) -> None:
    job_id = send(service, photo, long_speech, "not-wanted", wait="0").json()["job_id"]
    service.reached(job_id, "rendering")
    with ThreadPoolExecutor(1) as callers:
        waiting = callers.submit(send, service, photo, long_speech, "not-wanted")
        answer = service.client.post(f"/lipsync/{job_id}/cancel", headers=ORIGIN)
        told = waiting.result()
    assert answer.status_code == 200, answer.text
    job = answer.json()
    assert job["status"] == "canceled"
    assert job["phase"] == "done"
    assert job["finished_at"]
    assert job["error"]["code"] == "canceled"
    assert job["error"]["charged"] == "no"
    problem = assert_problem(told, 409, "canceled")
    assert problem["job_id"] == job_id
    assert told.headers["location"] == f"/lipsync/{job_id}"
    assert service.client.get(f"/lipsync/{job_id}").json() == job
    assert service.client.get(f"/lipsync/{job_id}/video").status_code == 404


def test_a_job_that_is_final_cannot_be_canceled(quiet: Service, jobs: list[dict[str, Any]]) -> None:
    for job in jobs[:2]:
        answer = quiet.client.post(f"/lipsync/{job['job_id']}/cancel", headers=ORIGIN)
        problem = assert_problem(answer, 409, "already_final")
        assert problem["job_id"] == job["job_id"]
        assert quiet.client.get(f"/lipsync/{job['job_id']}").json() == job


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/lipsync/lsj_0/cancel"), ("DELETE", "/lipsync/lsj_0")]
)
def test_nothing_is_done_to_no_job(service: Service, method: str, path: str) -> None:
    assert_problem(service.client.request(method, path, headers=ORIGIN), 404, "not_found")


def test_a_deleted_job_leaves_nothing_behind(service: Service, photo: Path, speech: Path) -> None:
    job = send(service, photo, speech, "once-only").json()
    path = f"/lipsync/{job['job_id']}"
    answer = service.client.delete(path, headers=ORIGIN)
    assert answer.status_code == 204
    assert answer.content == b""
    assert answer.headers["access-control-allow-origin"] == "*"
    for gone in (path, f"{path}/video", f"{path}/events"):
        assert_problem(service.client.get(gone, headers=ORIGIN), 404, "not_found")
    assert_problem(service.client.delete(path, headers=ORIGIN), 404, "not_found")
    assert job["job_id"] not in [other["job_id"] for other in listed(service)["jobs"]]
    assert kept(service, job["job_id"]) == []
    again = send(service, photo, speech, "once-only", wait="0")
    assert again.status_code == 202
    assert again.json()["job_id"] != job["job_id"]


def kept(service: Service, job_id: str) -> list[str]:
    """Every file that has to do with a job, and every database that knows it."""
    data = service.folder / "data"
    files = [str(path) for path in data.rglob("*") if job_id in str(path)]
    for path in data.glob("*.db"):
        with closing(sqlite3.connect(path, timeout=10)) as database:
            files += [f"{path.name}: {line}" for line in database.iterdump() if job_id in line]
    return files


def test_a_job_under_way_cannot_be_deleted(
    service: Service, photo: Path, long_speech: Path
) -> None:
    job_id = service.order(photo, long_speech, wait="0").json()["job_id"]
    problem = assert_problem(
        service.client.delete(f"/lipsync/{job_id}", headers=ORIGIN), 409, "still_running"
    )
    assert problem["job_id"] == job_id
    assert service.client.post(f"/lipsync/{job_id}/cancel").status_code == 200
    assert service.client.delete(f"/lipsync/{job_id}").status_code == 204
    assert kept(service, job_id) == []
