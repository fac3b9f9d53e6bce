"""What the gateway fetches itself: faces, voices, results; and addresses it does not look at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app.errors import UnsupportedAudio, UnsupportedImage
from tests.service import ORIGIN, Service, assert_problem
from tests.standin import RunningStandIn
from tests.test_problems import nothing_is_left
from tests.web import Page, WebServer

MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def web() -> Iterator[WebServer]:
    with WebServer() as running:
        yield running


@pytest.fixture(scope="module")
def lan(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that may reach the loopback addresses on which the tests' files lie."""
    folder = tmp_path_factory.mktemp("lan")
    with Service(folder, ALLOW_PRIVATE_URLS="true", MAX_IMAGE_MB="1", MAX_AUDIO_MB="1") as running:
        yield running


def order(service: Service, **fields: str | Path) -> httpx.Response:
    """A form in which each file is a path and everything else text."""
    files = {n: v.read_bytes() for n, v in fields.items() if isinstance(v, Path)}
    texts = {n: (None, v) for n, v in fields.items() if isinstance(v, str)}
    return service.client.post("/lipsync", files={**files, **texts}, headers=ORIGIN)


def test_both_files_from_the_web(lan: Service, web: WebServer, photo: Path, speech: Path) -> None:
    image_url, audio_url = web.hold("me", photo), web.hold("hello", speech)
    job = order(lan, image_url=f" {image_url} ", audio_url=audio_url, text="").json()
    assert job["status"] == "success", job
    assert job["duration_seconds"] == pytest.approx(3, abs=1)


def test_one_file_from_the_web_by_way_of_a_redirect(
    lan: Service, web: WebServer, photo: Path, speech: Path
) -> None:
    web.hold("new", photo)
    web.pages["/old"] = Page(status=302, headers={"Location": "/new"})
    answer = order(lan, image_url=f"{web.url}/old", audio=speech, wait="0")
    assert answer.status_code == 202, answer.text


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        (("image", "image_url", "audio"), "Send either image or image_url."),
        (
            ("image", "audio", "audio_url"),
            "Send either audio, or audio_url, or text with a voice.",
        ),
        (("image", "audio_url", "text"), "Send either audio, or audio_url, or text with a voice."),
        (("image_url",), "Send either audio, or audio_url, or text with a voice."),
        (("audio_url",), "Send either image or image_url."),
    ],
)
def test_one_face_and_one_voice(
    service: Service, photo: Path, speech: Path, fields: tuple[str, ...], sentence: str
) -> None:
    every: dict[str, str | Path] = {
        "image": photo,
        "audio": speech,
        "image_url": "https://files.example/face",
        "audio_url": "https://files.example/voice",
        "text": "Hello",
    }
    answer = order(service, **{name: every[name] for name in fields})
    problem = assert_problem(answer, 422, "invalid_request")
    assert problem["detail"] == sentence
    nothing_is_left(service, answer)


@pytest.mark.parametrize("field", ["image_url", "audio_url"])
@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/health",
        "http://localhost:{port}/health",
        "http://2130706433:{port}/health",
        "http://[::1]:{port}/health",
        "http://[::ffff:127.0.0.1]:{port}/",
        "http://169.254.169.254/latest/meta-data/",
        "file:///etc/passwd",
        "photo.jpg",
    ],
)
def test_addresses_that_are_not_looked_at(
    service: Service, photo: Path, speech: Path, field: str, url: str
) -> None:
    given: dict[str, str | Path] = {"image": photo, "audio": speech}
    given[field] = url.format(port=service.port)
    del given[field.removesuffix("_url")]
    answer = order(service, **given)
    problem = assert_problem(answer, 422, "blocked_url")
    assert problem["detail"].startswith(f"{field}: ")
    nothing_is_left(service, answer)


def test_a_public_address_that_leads_inside(lan: Service, web: WebServer, speech: Path) -> None:
    web.pages["/out"] = Page(status=302, headers={"Location": "file:///etc/passwd"})
    answer = order(lan, image_url=f"{web.url}/out", audio=speech)
    problem = assert_problem(answer, 422, "blocked_url")
    assert problem["detail"] == "image_url: Only http and https addresses may be used."


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("field", ["image", "audio"])
def test_too_large(
    lan: Service, web: WebServer, photo: Path, speech: Path, field: str, chunked: bool
) -> None:
    web.pages["/large"] = Page(bytes(MEGABYTE + 1), chunked=chunked)
    given: dict[str, str | Path] = {"image": photo, "audio": speech}
    del given[field]
    answer = order(lan, **given, **{f"{field}_url": f"{web.url}/large"})
    problem = assert_problem(answer, 413, "too_large")
    assert problem["detail"] == (
        f"{field}_url: What the address holds is too large. The limit is 1 MB."
    )
    nothing_is_left(lan, answer)


def test_nothing_there(lan: Service, web: WebServer, speech: Path) -> None:
    answer = order(lan, image_url=f"{web.url}/nothing", audio=speech)
    problem = assert_problem(answer, 422, "invalid_request")
    assert problem["detail"] == "image_url: The address answered 404."
    assert problem["retryable"] is True
    nothing_is_left(lan, answer)


def test_nobody_there(lan: Service, speech: Path) -> None:
    answer = order(lan, image_url="http://127.0.0.1:1/", audio=speech)
    problem = assert_problem(answer, 422, "invalid_request")
    assert problem["detail"] == "image_url: The address cannot be reached."


@pytest.mark.parametrize(
    ("field", "kind"), [("image", UnsupportedImage), ("audio", UnsupportedAudio)]
)
def test_a_page_in_place_of_a_file(
    lan: Service,
    web: WebServer,
    photo: Path,
    speech: Path,
    field: str,
    kind: type[UnsupportedImage | UnsupportedAudio],
) -> None:
    url = web.hold("page", b"\n<!DOCTYPE HTML><title>My photo</title>")
    given: dict[str, str | Path] = {"image": photo, "audio": speech}
    del given[field]
    answer = order(lan, **given, **{f"{field}_url": url})
    problem = assert_problem(answer, 400, kind.code)
    assert problem["detail"] == (
        f"{kind().detail}. The address in {field}_url leads to a web page, not a file."
    )


def test_what_was_fetched_is_looked_into_like_any_other(
    lan: Service, web: WebServer, photo: Path
) -> None:
    url = web.hold("text", b"no sound at all")
    answer = order(lan, image=photo, audio_url=url)
    problem = assert_problem(answer, 400, "unsupported_audio")
    assert problem["detail"] == UnsupportedAudio().detail
    nothing_is_left(lan, answer)


def test_a_result_is_not_fetched_from_inside(tmp_path: Path, photo: Path, speech: Path) -> None:
    with (
        RunningStandIn(tmp_path) as standin,
        Service(tmp_path, **standin.settings | {"ALLOW_PRIVATE_URLS": "false"}) as gateway,
    ):
        job = gateway.order(photo, speech, provider="gooey").json()
        (order,) = standin.seen()["orders"]
    assert job["status"] == "success"
    assert job["download_url"] is None
    (warning,) = job["warnings"]
    assert warning.endswith("The address is in a private network.")
    assert order["downloads"] == 0
