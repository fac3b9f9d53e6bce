"""From one request to a video that plays, over real HTTP."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import av
import httpx
import pytest
from av.container import InputContainer
from PIL import Image

from tests.service import ORIGIN, Service, assert_problem


@pytest.fixture(scope="module")
def job(service: Service, photo: Path, speech: Path) -> dict[str, Any]:
    """A finished job, asked for in the plainest way."""
    answer = service.order(photo, speech)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def test_a_photo_and_speech_become_a_job_that_succeeded(job: dict[str, Any]) -> None:
    assert job["status"] == "success"
    assert job["provider"] == "local"
    assert job["message"] == "Lip-sync video generated successfully!"
    assert job["phase"] == "done"
    assert job["progress"] == 1.0
    assert job["job_id"].startswith("lsj_")
    assert job["run_id"]
    assert job["content_type"] == "video/mp4"
    assert job["created_at"].endswith("Z")
    assert job["finished_at"].endswith("Z")
    assert job["error"] is None
    assert job["warnings"] == []
    assert "gooey_url" not in job


def test_the_video_plays_with_sound_and_is_as_long_as_the_speech(
    job: dict[str, Any], client: httpx.Client, speech: Path
) -> None:
    video = client.get(job["video_url"]).content
    assert len(video) == job["file_size"]
    with av.open(BytesIO(video)) as played, av.open(str(speech)) as spoken:
        assert isinstance(played, InputContainer)
        assert isinstance(spoken, InputContainer)
        assert played.duration is not None
        assert spoken.duration is not None
        assert played.streams.video
        assert played.streams.audio
        assert abs(played.duration - spoken.duration) / av.time_base <= 1 / 25
        assert job["duration_seconds"] == pytest.approx(played.duration / av.time_base, abs=0.05)


def test_the_job_can_be_read_again(job: dict[str, Any], client: httpx.Client) -> None:
    assert client.get(f"/lipsync/{job['job_id']}").json() == job


def test_head_answers_what_get_does_without_the_body(
    job: dict[str, Any], client: httpx.Client
) -> None:
    for path in (f"/lipsync/{job['job_id']}", "/health", "/ready", "/docs"):
        head, get = client.head(path), client.get(path)
        assert head.status_code == get.status_code == 200
        assert head.content == b""
        assert int(head.headers["content-length"]) == get.num_bytes_downloaded
    assert client.head("/lipsync/lsj_0").status_code == 404


def test_what_is_said_of_a_job_is_kept_by_nobody_else(
    job: dict[str, Any], client: httpx.Client
) -> None:
    for path in ("/lipsync", f"/lipsync/{job['job_id']}"):
        assert client.get(path).headers["cache-control"] == "no-store"
    assert client.get(job["video_url"]).headers["cache-control"] == "private, no-cache"


def test_what_is_known_is_not_sent_again(job: dict[str, Any], client: httpx.Client) -> None:
    known = client.get(job["video_url"]).headers["etag"]
    for tags in (known, f'"another", W/{known}', "*"):
        again = client.get(job["video_url"], headers={"If-None-Match": tags})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["cache-control"] == "private, no-cache"


def test_a_player_can_ask_for_a_part(job: dict[str, Any], client: httpx.Client) -> None:
    part = client.get(job["video_url"], headers={"Range": "bytes=4-11", **ORIGIN})
    assert part.status_code == 206
    assert part.headers["content-range"] == f"bytes 4-11/{job['file_size']}"
    assert part.content == client.get(job["video_url"]).content[4:12]
    assert part.headers["cross-origin-resource-policy"] == "cross-origin"
    assert part.headers["access-control-allow-origin"] == "*"


def test_a_part_beyond_the_end_is_refused(job: dict[str, Any], client: httpx.Client) -> None:
    beyond = client.get(job["video_url"], headers={"Range": "bytes=999999999-"})
    assert beyond.status_code == 416


def test_head_tells_what_get_would_send(job: dict[str, Any], client: httpx.Client) -> None:
    head = client.head(job["video_url"])
    assert head.status_code == 200
    assert head.content == b""
    assert head.headers["content-length"] == str(job["file_size"])
    assert head.headers["content-type"] == "video/mp4"
    assert head.headers["accept-ranges"] == "bytes"
    assert head.headers["etag"] == client.get(job["video_url"]).headers["etag"]


def test_the_video_can_be_saved_under_a_name(job: dict[str, Any], client: httpx.Client) -> None:
    saved = client.get(job["download_url"], params={"download": "1"})
    assert saved.headers["content-disposition"] == f'attachment; filename="{job["job_id"]}.mp4"'
    shown = client.get(job["download_url"])
    assert shown.headers["content-disposition"].startswith("inline")


@pytest.mark.parametrize(
    ("fields", "headers", "applied"),
    [
        ({"wait": "0"}, {}, None),
        ({}, {"Prefer": "respond-async"}, "respond-async"),
        ({}, {"Prefer": "wait=0"}, "wait=0"),
        ({}, {"Prefer": 'Respond-Async; a=b, wait="0", wait=60'}, "respond-async, wait=0"),
        ({}, {"Prefer": "return=minimal,respond-async,wait=soon"}, "respond-async"),
        ({"wait": "0"}, {"Prefer": "wait=60"}, None),
    ],
)
def test_who_does_not_want_to_wait_is_told_where_to_look(
    service: Service,
    photo: Path,
    speech: Path,
    fields: dict[str, str],
    headers: dict[str, str],
    applied: str | None,
) -> None:
    with photo.open("rb") as image, speech.open("rb") as audio:
        answer = service.client.post(
            "/lipsync", files={"image": image, "audio": audio}, data=fields, headers=headers
        )
    assert answer.status_code == 202
    job = answer.json()
    assert job["status"] in ("queued", "processing")
    assert job["video_url"] is None
    assert answer.headers["location"] == f"/lipsync/{job['job_id']}"
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.headers.get("preference-applied") == applied
    assert service.finished(job["job_id"])["status"] == "success"


def test_who_waits_a_little_is_told_where_to_look_on(
    service: Service, photo: Path, long_speech: Path
) -> None:
    answer = service.order(photo, long_speech, wait="0.05")
    assert answer.status_code == 202
    job = service.reached(answer.json()["job_id"], "rendering")
    assert job["status"] == "processing"
    assert job["message"]
    done = service.finished(job["job_id"])
    assert done["status"] == "success"


def test_who_prefers_to_wait_a_little_is_not_answered_at_once(
    service: Service, photo: Path, speech: Path
) -> None:
    with photo.open("rb") as image, speech.open("rb") as audio:
        answer = service.client.post(
            "/lipsync",
            files={"image": image, "audio": audio},
            headers={"Prefer": "respond-async, wait=50"},
        )
    assert answer.status_code == 200
    assert answer.headers["preference-applied"] == "respond-async, wait=50"


def test_a_video_is_given_another_voice(
    service: Service, job: dict[str, Any], files: Path, speech: Path
) -> None:
    clip = files / "clip.mp4"
    clip.write_bytes(service.client.get(job["video_url"]).content)
    answer = service.order(clip, speech)
    assert answer.status_code == 200, answer.text
    assert answer.json()["duration_seconds"] == pytest.approx(job["duration_seconds"], abs=0.05)


def test_a_speech_in_the_sound_track_of_a_video_is_taken(
    service: Service, job: dict[str, Any], files: Path, photo: Path
) -> None:
    clip = files / "voice.mp4"
    clip.write_bytes(service.client.get(job["video_url"]).content)
    assert service.order(photo, clip).status_code == 200


def test_options_reach_the_engine(service: Service, photo: Path, speech: Path) -> None:
    answer = service.order(photo, speech, options='{"max_side": 128, "fps": 12}')
    assert answer.status_code == 200, answer.text
    video = service.client.get(answer.json()["video_url"]).content
    with av.open(BytesIO(video)) as played:
        picture = played.streams.video[0]
        assert max(picture.width, picture.height) == 128
        assert picture.average_rate == 12


def test_a_tiny_face_is_not_guessed_at(
    service: Service, photo: Path, speech: Path, files: Path
) -> None:
    tiny = files / "tiny.png"
    with Image.open(photo) as portrait:
        portrait.resize((36, 42)).save(tiny)
    assert_problem(service.order(tiny, speech), 422, "no_face")


def test_a_file_name_is_never_believed(service: Service, photo: Path, speech: Path) -> None:
    names = ("../../../etc/passwd", "a\x00b.jpg", "照片 of\r\nme.exe", "x" * 4000 + ".png")
    for name in names:
        answer = service.client.post(
            "/lipsync",
            files={
                "image": (name, photo.read_bytes(), "text/html"),
                "audio": (name, speech.read_bytes(), "application/x-sh"),
            },
            data={"wait": "0"},
        )
        assert answer.status_code == 202, (name, answer.text)
        job_id = answer.json()["job_id"]
        assert service.finished(job_id)["status"] == "success"
        kept = {file.name for file in (service.folder / "data").glob(f"*/{job_id}/*")}
        ours = {"face", "audio", "video.mp4", "rendered.mp4"}
        assert {"face", "audio", "video.mp4"} <= kept <= ours
