"""The jobs there are: listed, canceled, deleted."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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
    found = listed(quiet)["jobs"]
    shown = {job["job_id"] for job in jobs}
    assert [job for job in found if job["job_id"] in shown] == jobs


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
    assert len(listed(quiet, provider="local")["jobs"]) >= len(jobs)
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
