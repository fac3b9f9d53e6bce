"""Several providers at work on the same input, side by side."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.service import Service

WIDE = {"width": 1360, "height": 1100}


def test_two_providers_side_by_side(
    visit: Visit, hosted: Service, photo: Path, speech: Path
) -> None:
    studio = visit(hosted, viewport=WIDE)
    page = studio.page
    studio.choose_face(photo)
    studio.choose_audio(speech)
    page.get_by_text("Compare several").click()
    studio.provider("magic_hour").check()
    studio.provider("gooey").uncheck()
    studio.shot("compare-choose")
    page.get_by_role("button", name="Make 2 videos").click()
    expect(studio.takes).to_have_count(2)
    studio.shot("compare-working")
    for take in studio.takes.all():
        studio.succeeded(take)
    titles = studio.takes.locator("[data-part=title]").all_inner_texts()
    assert titles == ["Magic Hour", "Local engine"]
    videos = studio.takes.locator("video")
    videos.evaluate_all("(all) => all.forEach((each) => { each.muted = false; each.pause(); })")
    page.get_by_role("button", name="Play all together").click()
    studio.until(lambda: videos.evaluate_all("(all) => all.every((each) => !each.paused)"))
    sounds = videos.evaluate_all("(all) => all.map((each) => each.muted)")
    assert sounds == [False, True]
    studio.shot("compare-success")


def test_options_are_those_of_the_provider_and_are_sent(
    visit: Visit, hosted: Service, photo: Path, speech: Path
) -> None:
    studio = visit(hosted)
    page = studio.page
    studio.choose_face(photo)
    studio.choose_audio(speech)
    studio.provider("gooey").check()
    page.get_by_text("Options", exact=True).click()
    page.get_by_label("Face padding top").fill("12")
    page.get_by_label("Lipsync model").select_option("Wav2Lip")
    studio.shot("options")
    studio.start()
    take = studio.succeeded()
    take.get_by_text("Code and JSON").click()
    take.get_by_text("curl", exact=True).click()
    expect(take.locator("code")).to_contain_text('options={"face_padding_top":12}')


def test_only_providers_that_take_orders_are_offered(visit: Visit) -> None:
    studio = visit()
    assert studio.page.locator(".choice").all_inner_texts()[0].startswith("Local engine")
    expect(studio.page.locator(".choice")).to_have_count(1)
    expect(studio.page.get_by_text("Compare several")).to_be_hidden()
    studio.page.get_by_text("5 more can be set up").click()
    expect(studio.page.get_by_text("GOOEY_API_KEY not configured.")).to_be_visible()
    link = studio.page.get_by_role("link", name="https://gooey.ai")
    expect(link).to_have_attribute("href", "https://gooey.ai")


def test_a_voice_of_a_provider_is_heard_only_in_its_videos(visit: Visit, hosted: Service) -> None:
    studio = visit(hosted)
    studio.say("Hello there.")
    listen = studio.page.get_by_role("button", name="Listen")
    expect(listen).to_be_enabled()
    group = studio.page.locator("#voice optgroup[label^='Only by AIML']")
    name = group.locator("option").first.inner_text()
    studio.page.get_by_label("Voice").select_option(name)
    expect(listen).to_be_disabled()
