"""What goes wrong in the studio, and how its visitors are told; nothing is ordered twice."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Route, expect

from tests.browser.conftest import Visit
from tests.service import Service


@pytest.mark.parametrize(
    ("picture", "sound", "sentence"),
    [
        ("scenery", "speech", "No face was found in the image."),
        ("photo", "silence", "No speech was found in the audio."),
    ],
)
def test_what_is_wrong_is_said_in_sentences(
    visit: Visit, request: pytest.FixtureRequest, picture: str, sound: str, sentence: str
) -> None:
    studio = visit()
    studio.choose_face(request.getfixturevalue(picture))
    studio.choose_audio(request.getfixturevalue(sound))
    studio.start()
    told = studio.failure()
    assert sentence in told
    assert "Use a" in told
    studio.shot(f"failed-{picture}")


def test_what_is_missing_is_said_where_it_is_missing(visit: Visit) -> None:
    studio = visit()
    studio.start()
    expect(studio.face.get_by_role("alert")).to_have_text("Add a photo or a video of a face.")
    expect(studio.speech.get_by_role("alert")).to_have_text("Type what the face should say.")
    assert studio.page.evaluate("document.activeElement.closest('#face') !== null")
    studio.shot("missing")


def test_an_answer_that_is_lost_makes_no_second_job(
    visit: Visit, photo: Path, speech: Path, service: Service
) -> None:
    studio = visit()
    keys: list[str | None] = []

    def lose_the_first_answer(route: Route) -> None:
        if route.request.method != "POST":
            return route.fallback()
        keys.append(route.request.headers.get("idempotency-key"))
        if len(keys) > 1:
            return route.continue_()
        route.fetch()
        return route.abort()

    studio.page.route("**/lipsync", lose_the_first_answer)
    before = job_ids(service)
    studio.choose_face(photo)
    studio.choose_audio(speech)
    studio.page.get_by_role("button", name="Make the video").dblclick()
    studio.succeeded()
    assert len(keys) == 2
    assert keys[0] == keys[1]
    assert job_ids(service) - before == {studio.job_id()}


def job_ids(service: Service) -> set[str]:
    jobs = service.client.get("/lipsync", params={"limit": 100}).json()["jobs"]
    return {job["job_id"] for job in jobs}


def test_a_lost_connection_is_told_and_found_again(
    visit: Visit, photo: Path, long_speech: Path
) -> None:
    studio = visit()
    studio.choose_face(photo)
    studio.choose_audio(long_speech)
    studio.start()
    studio.job_id()
    studio.page.context.set_offline(True)
    expect(studio.page.locator("#banner")).to_contain_text("You are offline.")
    studio.shot("offline")
    studio.page.context.set_offline(False)
    expect(studio.page.locator("#banner")).to_be_hidden()
    studio.succeeded()


def test_a_hasty_hand_orders_once(visit: Visit, photo: Path, speech: Path) -> None:
    studio = visit()
    posts: list[str] = []
    studio.page.on("request", lambda asked: posts.append(asked.method))
    studio.choose_face(photo)
    studio.choose_audio(speech)
    button = studio.page.get_by_role("button", name="Make the video")
    button.click()
    studio.page.wait_for_timeout(300)  # as long as a hand takes between two clicks
    button.click(force=True)
    studio.succeeded()
    assert posts.count("POST") == 1


def test_what_was_refused_is_not_sent_again_by_a_reload(
    visit: Visit, photo: Path, speech: Path
) -> None:
    studio = visit()
    studio.page.route("**/lipsync", refuse)
    studio.choose_face(photo)
    studio.choose_audio(speech)
    studio.start()
    assert "Too many jobs are under way." in studio.failure()
    studio.page.unroute("**/lipsync")
    studio.page.reload()
    assert "Too many jobs are under way." in studio.failure()
    studio.page.get_by_role("button", name="Try again").click()
    studio.succeeded()


def refuse(route: Route) -> None:
    """Answer what a busy service answers."""
    if route.request.method != "POST":
        return route.fallback()
    problem = {
        "type": "/problems/overloaded",
        "title": "Overloaded",
        "status": 503,
        "code": "overloaded",
        "detail": "Too many jobs are under way. Try again later.",
        "retryable": True,
        "charged": "no",
    }
    return route.fulfill(status=503, json=problem, content_type="application/problem+json")
