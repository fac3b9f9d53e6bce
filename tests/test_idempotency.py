"""The same order sent again is the same job, and is paid for once."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from tests.service import ORIGIN, Service, assert_problem
from tests.standin import RunningStandIn

CALLERS = 50


@pytest.fixture(scope="module")
def standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStandIn]:
    with RunningStandIn(tmp_path_factory.mktemp("standin"), seconds=0.2) as running:
        yield running


@pytest.fixture(scope="module")
def gateway(standin: RunningStandIn, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("gateway")
    with Service(folder, **standin.settings, API_KEYS="first-key,second-key") as running:
        yield running


@pytest.fixture
def key() -> str:
    return uuid4().hex


def send(
    gateway: Service, image: Path, audio: Path, *keys: str, caller: str = "first-key", **fields: str
) -> httpx.Response:
    """An order under a key. What is paid for is asked of a hosted provider, the rest is not."""
    headers = {**ORIGIN, "Authorization": f"Bearer {caller}"}
    named = [(b"Idempotency-Key", key.encode("latin-1")) for key in keys]
    with image.open("rb") as face, audio.open("rb") as voice:
        return gateway.client.post(
            "/lipsync",
            files={"image": face, "audio": voice},
            data={"provider": "local", **fields},
            headers=[*((name.encode(), text.encode()) for name, text in headers.items()), *named],
        )


def paid(standin: RunningStandIn) -> int:
    return len(standin.seen()["orders"])


def folders(gateway: Service) -> set[str]:
    return {path.name for path in (gateway.folder / "data").glob("*/lsj_*")}


def test_an_order_sent_again_is_answered_with_its_job(
    gateway: Service, standin: RunningStandIn, photo: Path, speech: Path, key: str
) -> None:
    before = paid(standin)
    options = '{"lipsync_model": "Wav2Lip"}'
    first = send(gateway, photo, speech, key, provider="gooey", options=options)
    kept = folders(gateway)
    # Neither the spelling of the options nor the patience makes it another order.
    again = send(
        gateway,
        photo,
        speech,
        key,
        provider="gooey",
        options='{ "lipsync_model" :"Wav2Lip" }',
        wait="7",
    )
    assert first.status_code == again.status_code == 200, again.text
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert "Idempotency-Replayed" in again.headers["access-control-expose-headers"]
    assert again.headers["location"] == first.headers["location"]
    assert again.json() == first.json()
    assert folders(gateway) <= kept
    assert paid(standin) == before + 1


def test_an_order_sent_again_too_early_waits_with_the_first(
    gateway: Service, standin: RunningStandIn, photo: Path, speech: Path, key: str
) -> None:
    before = paid(standin)
    first = send(gateway, photo, speech, key, provider="gooey", wait="0")
    assert first.status_code == 202
    again = send(gateway, photo, speech, key, provider="gooey")
    assert again.status_code == 200
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json()["job_id"] == first.json()["job_id"]
    assert paid(standin) == before + 1


def test_a_job_that_failed_fails_again_with_the_same_words(
    gateway: Service, standin: RunningStandIn, photo: Path, speech: Path, key: str
) -> None:
    standin.fail("gooey", "submit", "403_credits")
    first = send(gateway, photo, speech, key, provider="gooey")
    again = send(gateway, photo, speech, key, provider="gooey")
    assert again.headers["idempotency-replayed"] == "true"
    assert assert_problem(again, 402, "out_of_credits") == first.json()


@pytest.mark.parametrize("other", ["image", "audio", "provider", "options"])
def test_another_order_under_the_same_key_is_refused(
    gateway: Service, photo: Path, scenery: Path, speech: Path, silence: Path, key: str, other: str
) -> None:
    assert send(gateway, photo, speech, key, wait="0").status_code == 202
    kept = folders(gateway)
    image = scenery if other == "image" else photo
    audio = silence if other == "audio" else speech
    fields = {"provider": "gooey", "options": '{"seed": 8}'}
    changed = {name: value for name, value in fields.items() if name == other}
    answer = send(gateway, image, audio, key, **changed)
    assert_problem(answer, 422, "idempotency_key_reused")
    assert folders(gateway) <= kept


def test_an_order_that_was_refused_leaves_its_key_free(
    gateway: Service, photo: Path, speech: Path, key: str
) -> None:
    refused = send(gateway, photo, speech, key, options='{"no_such_option": 1}')
    assert_problem(refused, 422, "invalid_request")
    mended = send(gateway, photo, speech, key)
    assert mended.status_code == 200
    assert "idempotency-replayed" not in mended.headers


def test_the_keys_of_two_callers_are_two_keys(
    gateway: Service, photo: Path, speech: Path, key: str
) -> None:
    mine = send(gateway, photo, speech, key, wait="0")
    theirs = send(gateway, photo, speech, key, caller="second-key", wait="0")
    assert theirs.status_code == 202
    assert theirs.json()["job_id"] != mine.json()["job_id"]


@pytest.mark.parametrize("bad", ["", "two words", "x" * 256, "schlüssel"])
def test_a_key_that_cannot_be_one_is_refused(
    gateway: Service, photo: Path, speech: Path, bad: str
) -> None:
    kept = folders(gateway)
    answer = send(gateway, photo, speech, bad)
    problem = assert_problem(answer, 422, "invalid_request")
    assert "1 to 255 visible ASCII characters" in problem["detail"]
    assert folders(gateway) <= kept


def test_two_keys_are_refused(gateway: Service, photo: Path, speech: Path) -> None:
    assert_problem(send(gateway, photo, speech, "one", "two"), 422, "invalid_request")


def test_a_key_is_forgotten_after_a_day(
    gateway: Service, photo: Path, speech: Path, key: str
) -> None:
    first = send(gateway, photo, speech, key, wait="0").json()
    with sqlite3.connect(gateway.folder / "data" / "jobs.db", timeout=10) as database:
        database.execute("UPDATE idempotency_keys SET created_at = created_at - 86401")
    database.close()
    second = send(gateway, photo, speech, key, wait="0")
    assert second.json()["job_id"] != first["job_id"]
    assert "idempotency-replayed" not in second.headers
    again = send(gateway, photo, speech, key, wait="0")
    assert again.json()["job_id"] == second.json()["job_id"]


def test_an_order_sent_many_times_at_once_is_one_job(
    gateway: Service, standin: RunningStandIn, photo: Path, speech: Path, key: str
) -> None:
    before, kept = paid(standin), folders(gateway)
    with ThreadPoolExecutor(CALLERS) as callers:
        sent = [
            callers.submit(send, gateway, photo, speech, key, provider="gooey")
            for _ in range(CALLERS)
        ]
    answers = [answer.result() for answer in sent]
    assert [answer.status_code for answer in answers] == [200] * CALLERS
    assert all(answer.json() == answers[0].json() for answer in answers)
    replayed = [answer.headers.get("idempotency-replayed") for answer in answers]
    assert sorted(replayed, key=str) == [None, *["true"] * (CALLERS - 1)]
    assert paid(standin) == before + 1
    assert folders(gateway) - kept == {answers[0].json()["job_id"]}
