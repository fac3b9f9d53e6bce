"""What was made is kept: in a folder or a bucket, whole, and for longer than providers keep it."""

from __future__ import annotations

import re
import select
import shutil
import time
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from PIL import Image

from tests.bucket import RunningBucket
from tests.postgres import running_postgres
from tests.service import ORIGIN, Service, assert_problem
from tests.standin import RunningStandIn


@pytest.fixture(scope="module")
def standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStandIn]:
    with RunningStandIn(tmp_path_factory.mktemp("standin")) as running:
        yield running


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBucket]:
    with RunningBucket(tmp_path_factory.mktemp("bucket")) as running:
        yield running


@pytest.fixture(scope="module", params=["folder", "bucket"])
def gateway(
    request: pytest.FixtureRequest,
    standin: RunningStandIn,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Service]:
    """A service for each kind of storage."""
    settings = standin.settings
    if request.param == "bucket":
        settings |= request.getfixturevalue("bucket").settings
    with Service(tmp_path_factory.mktemp(request.param), **settings) as running:
        yield running


@pytest.fixture(autouse=True)
def _sound(standin: RunningStandIn) -> Iterator[None]:
    yield
    standin.heal()


@pytest.fixture(scope="module")
def job(gateway: Service, photo: Path, speech: Path) -> dict[str, Any]:
    answer = gateway.order(photo, speech, provider="gooey")
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


@pytest.fixture(scope="module")
def video(job: dict[str, Any]) -> bytes:
    """The video as the provider has it."""
    return httpx.get(job["video_url"]).raise_for_status().content


def test_a_copy_is_the_providers_video_byte_for_byte(
    gateway: Service, job: dict[str, Any], video: bytes
) -> None:
    answer = gateway.client.get(job["download_url"], headers=ORIGIN)
    assert answer.content == video
    assert answer.headers["content-type"] == job["content_type"] == "video/mp4"
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert job["file_size"] == len(video)
    assert job["warnings"] == []


def test_nothing_stays_where_the_job_was_worked_on(gateway: Service, job: dict[str, Any]) -> None:
    _until(lambda: not (gateway.folder / "data" / "jobs" / job["job_id"]).exists())


def test_a_bucket_holds_everything(
    bucket: RunningBucket, standin: RunningStandIn, tmp_path: Path, photo: Path, speech: Path
) -> None:
    with Service(tmp_path, **standin.settings, **bucket.settings) as service:
        job_id = service.order(photo, speech, provider="gooey").json()["job_id"]
    assert not (tmp_path / "data" / "media").exists()
    for name in ("face", "audio", "video.mp4"):
        assert f"<Key>lipsync/{job_id}/{name}</Key>" in bucket.listing()


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=4-11", 4, 11),
        ("bytes=100-", 100, -1),
        ("bytes=-7", -7, -1),
        ("bytes=10-999999999999", 10, -1),
        ("BYTES = 4 - 11", 4, 11),
    ],
)
def test_a_range(
    gateway: Service, job: dict[str, Any], video: bytes, asked: str, first: int, last: int
) -> None:
    answer = gateway.client.get(job["download_url"], headers={"Range": asked})
    positions = range(len(video))
    first, last = positions[first], positions[last]
    assert answer.status_code == 206
    assert answer.content == video[first : last + 1]
    assert answer.headers["content-range"] == f"bytes {first}-{last}/{len(video)}"
    assert answer.headers["content-length"] == str(last - first + 1)


@pytest.mark.parametrize("asked", ["bytes=", "bytes=9-3", "bytes=0-1,5-6", "lines=1-2", "4-11"])
def test_what_is_no_single_range_gets_all(
    gateway: Service, job: dict[str, Any], video: bytes, asked: str
) -> None:
    answer = gateway.client.get(job["download_url"], headers={"Range": asked})
    assert answer.status_code == 200
    assert answer.content == video


@pytest.mark.parametrize("asked", ["bytes=999999999-", "bytes=-0"])
def test_a_range_beyond_the_end(gateway: Service, job: dict[str, Any], asked: str) -> None:
    answer = gateway.client.get(job["download_url"], headers={"Range": asked, **ORIGIN})
    assert_problem(answer, 416, "range_not_satisfiable")
    assert answer.headers["content-range"] == f"bytes */{job['file_size']}"


def test_who_has_the_video_is_not_sent_it_again(gateway: Service, job: dict[str, Any]) -> None:
    tag = gateway.client.head(job["download_url"]).headers["etag"]
    for known in (tag, f"W/{tag}", f'"other", {tag}'):
        answer = gateway.client.get(job["download_url"], headers={"If-None-Match": known})
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["etag"] == tag
    assert gateway.client.get(job["download_url"], headers={"If-None-Match": '"x"'}).content


def test_a_download_goes_on_only_with_the_same_video(gateway: Service, job: dict[str, Any]) -> None:
    tag = gateway.client.head(job["download_url"]).headers["etag"]
    for known, status in ((tag, 206), ('"other"', 200), (f"W/{tag}", 200)):
        headers = {"Range": "bytes=4-11", "If-Range": known}
        assert gateway.client.get(job["download_url"], headers=headers).status_code == status


def test_a_look_at_the_headers(gateway: Service, job: dict[str, Any]) -> None:
    answer = gateway.client.head(job["download_url"], params={"download": "1"})
    assert answer.status_code == 200
    assert answer.headers["content-length"] == str(job["file_size"])
    assert answer.headers["accept-ranges"] == "bytes"
    named = f'attachment; filename="{job["job_id"]}.mp4"'
    assert answer.headers["content-disposition"] == named


@pytest.mark.parametrize(("query", "size"), [("", (64, 48)), ("?sheet=1", (200, 152))])
def test_pictures_of_the_video(
    gateway: Service, job: dict[str, Any], query: str, size: tuple[int, int]
) -> None:
    path = f"/lipsync/{job['job_id']}/thumbnail{query}"
    answer = gateway.client.get(path, headers=ORIGIN)
    assert answer.headers["content-type"] == "image/jpeg"
    assert "max-age" in answer.headers["cache-control"]
    with Image.open(BytesIO(answer.content)) as picture:
        assert picture.format == "JPEG"
        assert picture.size == size
    again = gateway.client.get(path, headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304
    assert gateway.client.head(path).headers["content-length"] == str(len(answer.content))


def test_there_is_no_picture_of_no_video(gateway: Service, photo: Path, silence: Path) -> None:
    failed = gateway.order(photo, silence, provider="local").json()["job_id"]
    for job_id in (failed, "lsj_0"):
        answer = gateway.client.get(f"/lipsync/{job_id}/thumbnail", headers=ORIGIN)
        assert_problem(answer, 404, "not_found")


def test_our_link_plays_when_the_providers_has_expired(
    gateway: Service, standin: RunningStandIn, photo: Path, speech: Path
) -> None:
    job = gateway.order(photo, speech, provider="magic_hour").json()
    standin.fail("magic_hour", "download", "expired")
    assert httpx.get(job["video_url"]).status_code == 403
    part = gateway.client.get(job["download_url"], headers={"Range": "bytes=4-7"})
    assert (part.status_code, part.content) == (206, b"ftyp")


@pytest.mark.parametrize("kind", ["html", "truncated", "cut"])
def test_a_download_that_went_wrong_is_noticed(
    gateway: Service, standin: RunningStandIn, photo: Path, speech: Path, kind: str
) -> None:
    standin.fail("gooey", "download", kind)
    job = gateway.order(photo, speech, provider="gooey").json()
    assert job["warnings"] == []
    kept = gateway.client.get(job["download_url"]).content
    assert kept == httpx.get(job["video_url"]).content


@pytest.mark.parametrize(
    ("kind", "warnings"),
    [
        ("mute", [r"The video has no sound\."]),
        ("short", [r"The video is 1\.\d seconds long, shorter than the audio \(\d\.\d\)\. \w+"]),
        ("long", [r"The video is \d\.\d seconds long, longer than the audio \(\d\.\d\)\."]),
        ("webm", []),
    ],
)
def test_what_is_not_as_it_should_be_is_told(
    gateway: Service,
    standin: RunningStandIn,
    photo: Path,
    speech: Path,
    kind: str,
    warnings: list[str],
) -> None:
    standin.fail("gooey", "download", kind)
    job = gateway.order(photo, speech, provider="gooey").json()
    assert len(job["warnings"]) == len(warnings)
    assert all(map(re.match, warnings, job["warnings"]))
    suffix = "webm" if kind == "webm" else "mp4"
    assert job["content_type"] == f"video/{suffix}"
    answer = gateway.client.head(job["download_url"])
    assert answer.headers["content-type"] == f"video/{suffix}"
    assert f'.{suffix}"' in answer.headers["content-disposition"]


def test_a_copy_comes_late_even_after_a_kill(
    standin: RunningStandIn, tmp_path: Path, photo: Path, speech: Path
) -> None:
    with Service(tmp_path, **standin.settings) as service:
        standin.fail("gooey", "download", "503", times=99)
        job = service.order(photo, speech, provider="gooey").json()
        assert job["status"] == "success"
        assert job["download_url"] is None
        assert "could not be copied" in job["warnings"][0]
        path = f"/lipsync/{job['job_id']}"
        assert_problem(service.client.get(f"{path}/video", headers=ORIGIN), 404, "not_found")
        service.kill()
        standin.heal()
        service.start()
        _until(lambda: service.client.get(path).json()["download_url"], within=30)
        later = service.client.get(path).json()
        kept = service.client.get(later["download_url"]).content
    assert later["warnings"] == []
    assert kept == httpx.get(later["video_url"]).content
    assert {**later, "warnings": job["warnings"]}.items() >= {
        name: job[name] for name in ("status", "video_url", "finished_at", "warnings")
    }.items()


def test_what_was_paid_for_is_a_success_although_the_disk_takes_nothing(
    tmp_path: Path, photo: Path, speech: Path
) -> None:
    with (
        RunningStandIn(tmp_path, seconds=1) as standin,
        Service(tmp_path, **standin.settings) as service,
    ):
        job_id = service.order(photo, speech, provider="gooey", wait="0").json()["job_id"]
        # Where a folder is no file can be written.
        (tmp_path / "data" / "jobs" / job_id / "fetched").mkdir()
        job = service.finished(job_id)
        assert job["status"] == "success"
        assert "could not be copied" in job["warnings"][0]
        assert httpx.get(job["video_url"]).status_code == 200


def test_a_job_goes_on_where_its_folder_is_not(
    bucket: RunningBucket, tmp_path: Path, photo: Path, long_speech: Path
) -> None:
    """As on another machine that takes it over."""
    with Service(tmp_path, **bucket.settings) as service:
        job_id = service.order(photo, long_speech, wait="0").json()["job_id"]
        service.reached(job_id, "rendering")
        service.kill()
        shutil.rmtree(tmp_path / "data" / "jobs")
        service.start()
        job = service.finished(job_id)
        assert job["status"] == "success", job
        assert service.client.get(job["download_url"]).content[4:8] == b"ftyp"


def test_another_replica_needs_nothing_but_the_bucket(
    bucket: RunningBucket, tmp_path: Path, photo: Path, long_speech: Path
) -> None:
    with running_postgres() as postgres:
        settings = bucket.settings | {"DATABASE_URL": postgres.database(), "API_KEYS": "key"}
        one, other = (Service(tmp_path / name, **settings) for name in ("one", "other"))
        for replica in (one, other):
            replica.folder.mkdir()
            replica.client.headers["Authorization"] = "Bearer key"
        with other, one:
            job_id = one.order(photo, long_speech, wait="0").json()["job_id"]
            one.reached(job_id, "rendering")
            one.kill()
            job = other.finished(job_id, within=120)
            assert job["status"] == "success", job
            # The link was signed by nobody in particular, and its host is the one that is gone.
            link = urlsplit(job["download_url"])
            played = httpx.get(f"{other.base_url}{link.path}?{link.query}")
            assert played.content[4:8] == b"ftyp"


def test_a_video_that_was_lost_with_its_folder_is_made_again(
    tmp_path: Path, photo: Path, speech: Path
) -> None:
    data = tmp_path / "data"
    with Service(tmp_path) as service:
        job_id = service.order(photo, speech, wait="0").json()["job_id"]
        service.reached(job_id, "rendering")
        # For now nothing can be kept, so that the job cannot end.
        (data / "media").rename(data / "away")
        (data / "media").write_text("in the way")
        service.reached(job_id, "archiving")
        service.kill()
        shutil.rmtree(data / "jobs" / job_id)
        (data / "media").unlink()
        (data / "away").rename(data / "media")
        service.start()
        job = service.finished(job_id)
    assert job["status"] == "success", job


def test_an_order_is_refused_while_nothing_can_be_kept(
    tmp_path: Path, photo: Path, speech: Path
) -> None:
    with Service(tmp_path) as service:
        media = tmp_path / "data" / "media"
        media.rmdir()
        media.write_text("in the way")
        assert service.client.get("/ready").status_code == 503
        problem = assert_problem(service.order(photo, speech), 503, "storage_unavailable")
        assert problem["retryable"]
        assert "job_id" not in problem
        media.unlink()
        assert service.client.get("/ready").json()["checks"]["storage"] == "ok"
        assert service.order(photo, speech).status_code == 200


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("ftp://host/folder", "STORAGE_URL: This must be a folder, or like s3://bucket/prefix,"),
        ("s3://", "STORAGE_URL: This must be a folder, or like s3://bucket/prefix,"),
        ("/dev/null/folder", "STORAGE_URL: Not a directory: /dev/null/folder."),
        ("s3://nobodys", "STORAGE_URL: There is no such bucket."),
        ("az://container", "STORAGE_URL: It cannot be written to: "),
    ],
)
def test_a_storage_that_cannot_work_stops_the_start(
    bucket: RunningBucket, tmp_path: Path, url: str, sentence: str
) -> None:
    service = Service(tmp_path, **{**bucket.settings, "STORAGE_URL": url})
    with pytest.raises(AssertionError, match="did not start"), service:
        pass
    last = service.log.read_text().splitlines()[-1]
    assert last.startswith(sentence)
    assert last.endswith(".")
    assert service.process.returncode == 2


def _until(condition: Callable[[], Any], *, within: float = 10) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline
        select.select([], [], [], 0.05)
