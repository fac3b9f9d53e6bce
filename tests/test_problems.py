"""Every problem that can happen, met as a caller would meet it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app.errors import UnsupportedAudio, UnsupportedImage
from tests.service import ORIGIN, Service, assert_problem

MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with tight limits, in which everything that can run out soon does."""
    folder = tmp_path_factory.mktemp("strict")
    with Service(
        folder,
        MAX_IMAGE_MB="1",
        MAX_AUDIO_MB="1",
        MAX_MEDIA_SECONDS="6",
        LIPSYNC_TIMEOUT_SECONDS="0.2",
        WORKER_CONCURRENCY="1",
    ) as running:
        yield running


def nothing_is_left(service: Service, answer: httpx.Response) -> None:
    """A refused order has no job and no files."""
    assert "job_id" not in answer.json()
    for place in ("jobs", "media"):
        folders = (service.folder / "data" / place).iterdir()
        assert all((folder / "face").exists() for folder in folders)


@pytest.fixture
def garbage(files: Path) -> Path:
    path = files / "garbage.jpg"
    path.write_bytes(b"this is no picture, whatever its name says" * 50)
    return path


def test_an_image_that_is_none(service: Service, garbage: Path, speech: Path) -> None:
    answer = service.order(garbage, speech)
    problem = assert_problem(answer, 400, "unsupported_image")
    assert problem["detail"].startswith(
        "Invalid image format. Supported: .jpg, .jpeg, .png, .mp4, .mov"
    )
    assert problem["detail"] == UnsupportedImage().detail
    nothing_is_left(service, answer)


def test_an_audio_that_is_none(service: Service, photo: Path, garbage: Path) -> None:
    answer = service.order(photo, garbage)
    problem = assert_problem(answer, 400, "unsupported_audio")
    assert problem["detail"].startswith("Invalid audio format. Supported: .mp3, .wav")
    assert problem["detail"] == UnsupportedAudio().detail


def test_an_empty_file(service: Service, photo: Path, files: Path) -> None:
    empty = files / "empty.wav"
    empty.write_bytes(b"")
    assert_problem(service.order(photo, empty), 400, "unreadable_media")
    assert_problem(service.order(empty, photo), 400, "unreadable_media")


def test_a_picture_cut_short(service: Service, photo: Path, speech: Path, files: Path) -> None:
    cut = files / "cut.jpg"
    cut.write_bytes(photo.read_bytes()[: photo.stat().st_size // 2])
    assert_problem(service.order(cut, speech), 400, "unreadable_media")


def test_a_picture_given_as_sound(service: Service, photo: Path) -> None:
    assert_problem(service.order(photo, photo), 400, "unsupported_audio")


def test_no_face(service: Service, scenery: Path, speech: Path) -> None:
    problem = assert_problem(service.order(scenery, speech), 422, "no_face")
    assert problem["detail"] == (
        "No face was found in the image. Use a clear, front-facing human face."
    )
    job = service.client.get(f"/lipsync/{problem['job_id']}").json()
    assert job["status"] == "failed"
    assert job["error"] == {
        "code": "no_face",
        "detail": problem["detail"],
        "charged": "no",
        "provider_error": None,
    }


def test_no_speech(service: Service, photo: Path, silence: Path) -> None:
    assert_problem(service.order(photo, silence), 422, "no_speech")


def test_too_long(strict: Service, photo: Path, long_speech: Path) -> None:
    problem = assert_problem(strict.order(photo, long_speech), 422, "too_long")
    assert problem["detail"] == "The audio is 16.3 seconds long; the limit is 6."


@pytest.mark.parametrize("field", ["image", "audio"])
def test_too_large(strict: Service, photo: Path, speech: Path, files: Path, field: str) -> None:
    large = files / "large.bin"
    large.write_bytes(bytes(MEGABYTE + 1))
    chosen = {"image": photo, "audio": speech, field: large}
    answer = strict.order(chosen["image"], chosen["audio"])
    problem = assert_problem(answer, 413, "too_large")
    assert problem["detail"] == f"The {field} is too large. The limit is 1 MB."
    nothing_is_left(strict, answer)


def test_too_large_as_a_whole_is_told_to_who_has_not_sent_it_all(strict: Service) -> None:
    answer = strict.client.post(
        "/lipsync",
        files={"image": bytes(30 * MEGABYTE), "audio": bytes(30 * MEGABYTE)},
        headers=ORIGIN,
    )
    problem = assert_problem(answer, 413, "too_large")
    assert "1 MB (image) and 1 MB (audio)" in problem["detail"]


@pytest.mark.parametrize("given", ["image", "audio"])
def test_a_missing_file(service: Service, photo: Path, given: str) -> None:
    missing = {"image": "audio", "audio": "image"}[given]
    answer = service.client.post("/lipsync", files={given: photo.read_bytes()}, headers=ORIGIN)
    problem = assert_problem(answer, 422, "invalid_request")
    assert problem["errors"] == [
        {"type": "missing", "loc": ["body", missing], "msg": "Field required"}
    ]


def test_text_where_a_file_belongs(service: Service) -> None:
    body = {"image": (None, "me.jpg"), "audio": (None, "hello.wav")}
    answer = service.client.post("/lipsync", files=body, headers=ORIGIN)
    problem = assert_problem(answer, 422, "invalid_request")
    assert problem["detail"] == "image: This must be a file."


def test_a_field_given_twice(service: Service, photo: Path, speech: Path) -> None:
    files = [("image", photo.read_bytes()), ("image", b""), ("audio", speech.read_bytes())]
    answer = service.client.post("/lipsync", files=files, headers=ORIGIN)
    assert_problem(answer, 422, "invalid_request")


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", None),
        (b"{}", "application/json"),
        (b"image=x", "application/x-www-form-urlencoded"),
        (b"--x\r\nnonsense", "multipart/form-data; boundary=x"),
        (b"--y\r\n\r\n--x--", "multipart/form-data; boundary=x"),
        (b"--x", "multipart/form-data"),
        (b"", "multipart/form-data; boundary=x"),
        (b"", f"multipart/form-data; boundary={'x' * 500}"),
    ],
)
def test_a_body_that_is_no_form(service: Service, content: bytes, kind: str | None) -> None:
    headers = ORIGIN | ({"Content-Type": kind} if kind else {})
    answer = service.client.post("/lipsync", content=content, headers=headers)
    assert_problem(answer, 422, "invalid_request")


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        (
            {"fps": "20"},
            "There is no field fps. There are: image, audio, provider, options, wait, max_cost, ",
        ),
        ({"provider": "nobody"}, "There is no such provider. Known: gooey, "),
        ({"options": "{"}, "options: This must be a JSON object"),
        ({"options": "[1]"}, "options: This must be a JSON object"),
        ({"options": "[" * 5000}, "options: This must be a JSON object"),
        ({"options": '{"\\ud800": 1}'}, "options: This must be a JSON object"),
        ({"options": '{"fps": NaN}'}, "options: This must be a JSON object"),
        ({"options": '{"fps": 1e999}'}, "options: This must be a JSON object"),
        ({"options": '{"nope": 1}'}, "options: Local engine has no option nope. It has: max_side"),
        ({"options": '{"fps": 1000}'}, "options.fps: Input should be less than or equal to 60."),
        ({"wait": "-1"}, "wait: Input should be greater than or equal to 0."),
        ({"wait": "soon"}, "wait: Input should be a valid number"),
        ({"wait": "nan"}, "wait: Input should be less than or equal to 3600."),
    ],
)
def test_a_wrong_field(
    service: Service, photo: Path, speech: Path, fields: dict[str, str], sentence: str
) -> None:
    answer = service.order(photo, speech, **fields)
    problem = assert_problem(answer, 422, "invalid_request")
    assert problem["detail"].startswith(sentence)
    nothing_is_left(service, answer)


@pytest.mark.parametrize(
    ("provider", "sentence"),
    [
        ("gooey", "GOOEY_API_KEY not configured. Get your API key from https://gooey.ai"),
        (
            "magic_hour",
            "MAGIC_HOUR_API_KEY not configured. Get your API key from https://magichour.ai",
        ),
        ("aiml_pixverse", "AIML_API_KEY not configured. Get your API key from https://aimlapi.com"),
        ("fal_sync_lipsync", "FAL_KEY not configured. Get your API key from https://fal.ai"),
        ("fal_lipsync", "FAL_KEY not configured. Get your API key from https://fal.ai"),
    ],
)
def test_a_provider_without_a_key(
    service: Service, photo: Path, speech: Path, provider: str, sentence: str
) -> None:
    answer = service.order(photo, speech, provider=provider)
    problem = assert_problem(answer, 500, "provider_not_configured")
    assert problem["detail"] == sentence


@pytest.mark.parametrize(
    "path",
    ["/nothing", "/lipsync/", "/lipsync/lsj_0/video", "/lipsync/lsj_0", "/docs/assets/none.js"],
)
def test_not_found(client: httpx.Client, path: str) -> None:
    answer = client.get(path, headers=ORIGIN)
    assert_problem(answer, 404, "not_found")
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("path", "allowed"),
    [("/lipsync", "GET, POST"), ("/lipsync/lsj_0", "GET, HEAD, DELETE"), ("/docs", "GET, HEAD")],
)
def test_a_method_that_a_path_does_not_have(client: httpx.Client, path: str, allowed: str) -> None:
    answer = client.put(path, headers=ORIGIN)
    assert_problem(answer, 405, "invalid_request")
    assert answer.headers["allow"] == allowed


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("/lipsync/lsj_0?wait=awhile", "wait: Input should be a valid number"),
        ("/lipsync?status=sleeping", "status: Input should be 'queued', 'processing', "),
    ],
)
def test_a_wrong_query(client: httpx.Client, path: str, sentence: str) -> None:
    problem = assert_problem(client.get(path, headers=ORIGIN), 422, "invalid_request")
    assert problem["detail"].startswith(sentence)


def test_who_waited_in_vain_is_told_where_the_job_goes_on(
    strict: Service, photo: Path, speech: Path
) -> None:
    answer = strict.order(photo, speech)
    problem = assert_problem(answer, 504, "timeout")
    assert problem["detail"] == (
        "Video generation timed out. Try with shorter audio or smaller image."
    )
    assert answer.headers["location"] == f"/lipsync/{problem['job_id']}"
    assert strict.finished(problem["job_id"])["status"] == "success"


def test_one_job_too_many(strict: Service, photo: Path, speech: Path) -> None:
    first = strict.order(photo, speech, wait="0").json()["job_id"]
    answer = strict.order(photo, speech, wait="0")
    problem = assert_problem(answer, 503, "overloaded")
    assert problem["retryable"] is True
    assert int(answer.headers["retry-after"]) > 0
    assert strict.finished(first)["status"] == "success"
    assert strict.order(photo, speech, wait="60").status_code == 200


def test_a_crash_of_the_renderer_fails_one_job_and_nothing_else(
    service: Service, photo: Path, speech: Path, long_speech: Path
) -> None:
    job_id = service.order(photo, long_speech, wait="0").json()["job_id"]
    service.reached(job_id, "rendering")
    workers = service.workers()
    assert workers
    for pid in workers:
        os.kill(pid, signal.SIGKILL)
    job = service.finished(job_id)
    assert job["status"] == "failed"
    assert job["error"]["code"] == "provider_error"
    assert job["error"]["detail"].startswith("Local engine API error: ")
    assert service.order(photo, speech).status_code == 200


def test_a_job_that_takes_too_long_fails(tmp_path: Path, photo: Path, long_speech: Path) -> None:
    with Service(tmp_path, JOB_TIMEOUT_SECONDS="0.6") as impatient:
        answer = impatient.order(photo, long_speech)
        problem = assert_problem(answer, 504, "timeout")
        job = impatient.client.get(f"/lipsync/{problem['job_id']}").json()
        assert job["status"] == "failed"
        assert job["error"]["code"] == "timeout"


def test_a_bug_is_told_as_one_and_can_be_looked_up(
    tmp_path: Path, photo: Path, speech: Path
) -> None:
    with Service(tmp_path) as broken:
        jobs = tmp_path / "data" / "jobs"
        jobs.rmdir()
        jobs.write_text("a file where the service needs a folder")
        problem = assert_problem(broken.order(photo, speech), 500, "internal_error")
        reference = problem["detail"].rstrip(".").rsplit(" ", 1)[1]
        assert reference in broken.log.read_text()
        assert "Traceback" not in problem["detail"]
