"""Keys, signed links and the rate limit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from app.api.access import Links
from app.database import Database
from app.keyring import kept_secret
from tests.service import ORIGIN, Service, assert_problem

KEY = {"Authorization": "Bearer second-key"}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("guarded")
    with Service(folder, API_KEYS="first-key, second-key", RATE_LIMIT="3/hour") as running:
        yield running


@pytest.fixture(scope="module")
def job(guarded: Service, photo: Path, speech: Path) -> dict[str, Any]:
    with photo.open("rb") as image, speech.open("rb") as audio:
        answer = guarded.client.post(
            "/lipsync", files={"image": image, "audio": audio}, headers=KEY
        )
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Bearer"},
        {"Authorization": "second-key"},
        {"Authorization": "Basic second-key"},
        {"Authorization": "Bearer schlüssel"},
    ],
)
@pytest.mark.parametrize("path", ["/lipsync/lsj_0", "/providers", "/openapi.json", "/nothing"])
def test_strangers_stay_outside(guarded: Service, path: str, headers: dict[str, str]) -> None:
    sent = httpx.Headers({**headers, **ORIGIN}, encoding="utf-8")
    answer = guarded.client.get(path, headers=sent)
    assert_problem(answer, 401, "unauthorized")
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "path", ["/health", "/ready", "/", "/studio/studio.js", "/docs", "/docs/assets/docs.js"]
)
def test_some_doors_are_always_open(guarded: Service, path: str) -> None:
    assert guarded.client.get(path).status_code == 200


def test_the_document_says_that_a_key_is_needed(guarded: Service) -> None:
    document = guarded.client.get("/openapi.json", headers=KEY).json()
    (name,) = document["security"][0]
    assert document["components"]["securitySchemes"][name]["scheme"] == "bearer"


def test_a_browser_may_ask_whether_it_may_ask(guarded: Service) -> None:
    asked = ORIGIN | {"Access-Control-Request-Method": "POST"}
    assert guarded.client.options("/lipsync", headers=asked).status_code == 200


def test_the_video_link_plays_without_a_key(guarded: Service, job: dict[str, Any]) -> None:
    video = guarded.client.get(job["video_url"])
    assert video.status_code == 200
    assert len(video.content) == job["file_size"]
    assert guarded.client.head(job["video_url"]).status_code == 200
    assert guarded.client.get(f"{job['download_url']}&download=1").status_code == 200


def test_the_link_opens_nothing_else(guarded: Service, job: dict[str, Any]) -> None:
    link = urlsplit(job["video_url"])
    bare = f"/lipsync/{job['job_id']}"
    altered = link.query.replace("expires=", "expires=9")
    for path in (f"{bare}?{link.query}", link.path, f"{link.path}?{altered}"):
        assert_problem(guarded.client.get(path, headers=ORIGIN), 401, "unauthorized")
    assert guarded.client.get(bare, headers=KEY).json() == job


def test_a_videos_link_opens_its_pictures(guarded: Service, job: dict[str, Any]) -> None:
    link = urlsplit(job["video_url"])
    path = link.path.replace("/video", "/thumbnail")
    assert guarded.client.get(f"{path}?{link.query}").headers["content-type"] == "image/jpeg"
    assert_problem(guarded.client.get(path, headers=ORIGIN), 401, "unauthorized")


async def test_a_link_to_the_events_needs_no_key_where_there_is_one(
    guarded: Service, job: dict[str, Any]
) -> None:
    path = f"/lipsync/{job['job_id']}/events"
    assert_problem(guarded.client.get(path, headers=ORIGIN), 401, "unauthorized")
    database = Database(f"sqlite+aiosqlite:///{guarded.folder / 'data' / 'jobs.db'}")
    links = Links()
    links.use(await kept_secret(database, "links"))
    await database.close()
    assert guarded.client.get(links.sign(path)).text.startswith("event: job\n")


def test_an_old_link_has_expired(guarded: Service, job: dict[str, Any]) -> None:
    path = urlsplit(job["video_url"]).path
    answer = guarded.client.get(f"{path}?expires=1&signature=0", headers=ORIGIN)
    assert_problem(answer, 401, "unauthorized")


def test_orders_are_counted_for_each_key_and_looking_is_not(guarded: Service) -> None:
    first = {"Authorization": "Bearer first-key"} | ORIGIN
    for _ in range(3):
        assert guarded.client.post("/lipsync", headers=first).status_code == 422
        assert guarded.client.post("/lipsync/lsj_0/cancel", headers=first).status_code == 404
    answer = guarded.client.post("/lipsync", headers=first, content=bytes(5_000_000))
    problem = assert_problem(answer, 429, "rate_limited")
    assert problem["retryable"] is True
    assert 0 < int(answer.headers["retry-after"]) <= 3600
    assert guarded.client.get("/providers", headers=first).status_code == 200
    assert guarded.client.post("/lipsync", headers=KEY).status_code == 422


def test_no_key_is_ever_logged(guarded: Service) -> None:
    guarded.client.get("/providers", headers=KEY)
    assert "second-key" not in guarded.log.read_text()


def test_no_signature_is_ever_logged(guarded: Service, job: dict[str, Any]) -> None:
    link = urlsplit(job["video_url"])
    assert "signature=" in link.query
    assert guarded.client.get(job["video_url"]).status_code == 200
    told = guarded.log.read_text()
    assert f"GET {link.path} HTTP/1.1" in told
    assert link.query.rpartition("=")[2] not in told


def test_a_rate_limit_that_is_none_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"RATE_LIMIT: .*Input should be like 60/minute"):
        Service(tmp_path, RATE_LIMIT="often").start()
