"""What visitors do in the studio, from a face to a video that plays."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Visit
from tests.browser.pages import PHONE, PICTURE, Studio
from tests.service import Service

TEXT = "Please bring my mother a pie."


def assert_plays(studio: Studio, take: Locator) -> None:
    """The video moves, has a picture, and has sound."""
    video = take.locator("video")
    studio.until(lambda: video.evaluate("(video) => video.currentTime > 0.3"))
    assert video.evaluate("(video) => video.videoWidth") > 0
    studio.until(lambda: video.evaluate("(video) => video.webkitAudioDecodedByteCount > 0"))
    assert video.evaluate("(video) => !video.muted && video.loop")


def test_from_drop_to_a_playing_video(visit: Visit, photo: Path, speech: Path) -> None:
    studio = visit()
    studio.shot("empty")
    studio.drop(studio.face, photo, "image/jpeg")
    studio.drop(studio.speech, speech, "audio/wav")
    expect(studio.face.get_by_role("img")).to_be_visible()
    expect(studio.speech.locator("[data-part=facts]")).to_contain_text("0:0")
    studio.shot("ready")
    studio.start()
    take = studio.succeeded()
    assert_plays(studio, take)
    expect(take.locator("[data-part=facts]")).to_contain_text("s of video")
    studio.shot("success")


def test_a_file_may_be_dropped_and_pasted_anywhere(visit: Visit, photo: Path, speech: Path) -> None:
    studio = visit()
    studio.drag(studio.page.locator("#stage"), speech, "audio/wav")
    studio.shot("dragging")
    studio.drop(studio.page.locator("#stage"), speech, "audio/wav")
    expect(studio.speech.get_by_text(speech.name)).to_be_visible()
    paste(studio.page, photo)
    expect(studio.face.get_by_text(photo.name)).to_be_visible()


def paste(page: Page, path: Path) -> None:
    page.evaluate(
        """({ bytes, name }) => {
            const clipboardData = new DataTransfer();
            const file = new File([new Uint8Array(bytes)], name, { type: "image/jpeg" });
            clipboardData.items.add(file);
            document.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true }));
        }""",
        {"bytes": list(path.read_bytes()), "name": path.name},
    )


def test_a_photo_and_a_recording_of_oneself(visit: Visit) -> None:
    studio = visit()
    studio.page.get_by_role("button", name="Take a photo").click()
    shoot = studio.page.get_by_role("button", name="Take it")
    expect(shoot).to_be_enabled()
    studio.shot("camera")
    shoot.click()
    expect(studio.face.get_by_text("photo.jpg")).to_be_visible()
    studio.page.get_by_text("Record or choose").click()
    studio.speech.get_by_role("button", name="Record").click()
    expect(studio.speech.get_by_text("0:02")).to_be_visible()
    studio.shot("recording")
    studio.speech.get_by_role("button", name="Stop").click()
    expect(studio.speech.get_by_text("recording.webm")).to_be_visible()
    studio.start()
    assert_plays(studio, studio.succeeded())


def test_words_are_enough(visit: Visit, photo: Path) -> None:
    studio = visit()
    studio.choose_face(photo)
    studio.say(TEXT)
    studio.page.get_by_label("Voice").select_option("Hannah")
    studio.page.get_by_role("button", name="Listen").click()
    expect(studio.speech.get_by_role("button", name="Stop")).to_be_visible()
    studio.start()
    assert_plays(studio, studio.succeeded())
    take = studio.takes.first
    take.get_by_text("Code and JSON").click()
    job = json.loads(take.locator("code").inner_text())
    assert (job["job_id"], job["status"]) == (studio.job_id(), "success")
    studio.shot("code")


def test_the_code_that_is_shown_makes_the_same_request(visit: Visit, photo: Path) -> None:
    studio = visit()
    words = """It's "quoted", and costs $5 & more."""
    studio.choose_face(photo)
    studio.say(words)
    studio.start()
    take = studio.succeeded()
    made = studio.page.request.get(f"{studio.base_url}/lipsync/{studio.job_id()}").json()
    take.get_by_text("Code and JSON").click()
    if shutil.which("curl"):
        again = json.loads(ran(studio, "curl", ["sh", "-c"], photo.parent))
        assert again["duration_seconds"] == pytest.approx(made["duration_seconds"], abs=0.2)
    assert ran(studio, "Python", [sys.executable, "-c"], photo.parent).endswith("/video\n")
    take.get_by_text("JavaScript", exact=True).click()
    expect(take.locator("code")).to_contain_text(f'form.append("text", {json.dumps(words)});')


def ran(studio: Studio, language: str, command: list[str], folder: Path) -> str:
    """What the shown code prints where the files are."""
    studio.takes.first.get_by_text(language, exact=True).click()
    code = studio.takes.first.locator("code").inner_text()
    return subprocess.run(
        [*command, code], cwd=folder, capture_output=True, text=True, check=True, timeout=60
    ).stdout


def test_a_sample_is_one_click_away(visit: Visit) -> None:
    studio = visit()
    studio.page.get_by_role("button", name="Try it with a sample").click()
    grown = seen_to_grow(studio)
    assert_plays(studio, studio.succeeded())
    studio.shot(PICTURE)
    assert len(grown) >= 3
    assert grown == sorted(grown)


def seen_to_grow(studio: Studio) -> list[int]:
    """Every percentage that the progress bar shows, up to the end."""
    bar = studio.takes.first.get_by_role("progressbar", include_hidden=True)
    seen: list[int] = []
    while studio.takes.first.get_attribute("data-state") == "working":
        told = bar.get_attribute("aria-valuenow")
        phase = studio.takes.first.locator("[data-part=phase]").inner_text()
        if told and phase == "Rendering" and int(told) not in seen:
            seen.append(int(told))
            if len(seen) == 2:
                studio.shot("working")
        studio.page.wait_for_timeout(40)
    return seen


def test_a_reload_loses_nothing(visit: Visit, photo: Path, long_speech: Path) -> None:
    studio = visit()
    studio.choose_face(photo)
    studio.choose_audio(long_speech)
    studio.start()
    job_id = studio.job_id()
    studio.page.reload()
    expect(studio.takes).to_have_count(1)
    assert studio.job_id() == job_id
    expect(studio.face.get_by_text(photo.name)).to_be_visible()
    expect(studio.speech.get_by_text(long_speech.name)).to_be_visible()
    take = studio.succeeded()
    studio.page.reload()
    expect(take.locator("video")).to_be_visible()


def test_a_job_is_canceled(visit: Visit, photo: Path, long_speech: Path, service: Service) -> None:
    studio = visit()
    studio.choose_face(photo)
    studio.choose_audio(long_speech)
    studio.start()
    job_id = studio.job_id()
    studio.takes.first.get_by_role("button", name="Cancel").click()
    assert "Canceled" in studio.failure()
    assert service.client.get(f"/lipsync/{job_id}").json()["status"] == "canceled"
    studio.shot("canceled")


def test_a_video_is_saved_and_then_deleted(
    visit: Visit, photo: Path, speech: Path, service: Service
) -> None:
    studio = visit()
    studio.choose_face(photo)
    studio.choose_audio(speech)
    studio.start()
    take = studio.succeeded()
    job_id = studio.job_id()
    with studio.page.expect_download() as saving:
        take.get_by_role("link", name="Download").click()
    assert saving.value.suggested_filename == f"{job_id}.mp4"
    assert Path(saving.value.path()).read_bytes()[4:8] == b"ftyp"
    item = studio.page.locator(f"[data-job={job_id}]")
    expect(item.locator("img")).to_be_visible()
    item.get_by_role("button", name="Delete").click()
    studio.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(item).to_have_count(0)
    expect(studio.takes).to_have_count(0)
    assert service.client.get(f"/lipsync/{job_id}").status_code == 404


def test_a_recent_video_is_looked_at_again(
    visit: Visit, photo: Path, speech: Path, service: Service
) -> None:
    job_id = service.order(photo, speech).json()["job_id"]
    studio = visit()
    studio.page.locator(f"[data-job={job_id}]").get_by_role("button").first.click()
    expect(studio.succeeded().locator("video")).to_be_visible()
    assert studio.job_id() == job_id


def test_the_keyboard_is_enough(visit: Visit) -> None:
    studio = visit()
    keys = studio.page.keyboard
    focused(studio, "Skip to the stage", after="Tab")
    focused(studio, "Use a sample", after="Tab")
    keys.press("Enter")
    expect(studio.face.get_by_text("grace-hopper.jpg")).to_be_visible()
    studio.page.get_by_label("What to say").focus()
    keys.type(" ".join([TEXT] * 4))
    focused(studio, "Make the video", after="Tab")
    keys.press("Enter")
    expect(studio.takes).to_have_count(1)
    focused(studio, "Cancel", after="Tab")
    keys.press("Space")
    assert "Canceled" in studio.failure()


def focused(studio: Studio, name: str, *, after: str, most: int = 25) -> None:
    """Press a key until what is called so has the focus, and is seen to have it."""
    for _ in range(most):
        studio.page.keyboard.press(after)
        told = studio.page.evaluate(
            "() => { const at = document.activeElement; return [at.textContent.trim(),"
            " getComputedStyle(at).outlineStyle]; }"
        )
        if told[0] == name:
            assert told[1] == "solid"
            return
    raise AssertionError(f"{name} is out of reach of the {after} key")


def test_a_phone_shows_it_all(visit: Visit, photo: Path) -> None:
    studio = visit(viewport=PHONE, has_touch=True, is_mobile=True, device_scale_factor=2)
    studio.shot("phone-empty")
    studio.choose_face(photo)
    studio.say(TEXT)
    studio.start()
    studio.succeeded()
    expect(studio.takes.first.locator("video")).to_be_in_viewport()
    studio.shot("phone-success")
    expect(studio.page.locator(".reel-item").first).to_contain_text(TEXT)
    page = studio.page
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    small = page.evaluate(
        """() => [...document.querySelectorAll("button, .button, .segments span, select")]
            .filter((each) => each.checkVisibility() && each.getBoundingClientRect().height < 24)
            .map((each) => each.textContent)"""
    )
    assert small == []
