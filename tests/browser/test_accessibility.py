"""Every state of the page by axe-core, by day and by night, on a desk and on a phone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.browser.pages import DESKTOP, PHONE, Studio
from tests.service import Service


@pytest.mark.parametrize(
    ("scheme", "viewport"),
    [("light", DESKTOP), ("dark", PHONE)],
    ids=["day", "night"],
)
def test_nothing_keeps_anybody_from_using_the_page(
    visit: Visit,
    hosted: Service,
    axe: str,
    scheme: str,
    viewport: Any,
    photo: Path,
    speech: Path,
    scenery: Path,
) -> None:
    studio = visit(hosted, color_scheme=scheme, viewport=viewport, reduced_motion="reduce")
    states: dict[str, Callable[[], object]] = {
        "empty": lambda: None,
        "missing": studio.start,
        "ready": lambda: options_and_inputs(studio, photo, speech),
        "working": lambda: at_work(studio),
        "success": lambda: finished(studio),
        "failed": lambda: failed(studio, scenery),
        "key": lambda: studio.page.evaluate("document.getElementById('key').showModal()"),
    }
    found = []
    for state, reach in states.items():
        reach()
        studio.shot(f"{state}-{scheme}-{'phone' if viewport == PHONE else 'desktop'}")
        found += [f"{state}: {fault}" for fault in studio.faults(axe)]
    assert found == []


def options_and_inputs(studio: Studio, photo: Path, speech: Path) -> None:
    studio.choose_face(photo)
    studio.choose_audio(speech)
    studio.provider("gooey").check()
    studio.page.get_by_text("Options", exact=True).click()


def at_work(studio: Studio) -> None:
    studio.page.get_by_text("Compare several").click()
    studio.page.get_by_role("button", name="Make 2 videos").click()
    expect(studio.takes).to_have_count(2)


def finished(studio: Studio) -> None:
    for take in studio.takes.all():
        studio.succeeded(take)
    take = studio.takes.first
    take.get_by_text("Code and JSON").click()


def failed(studio: Studio, scenery: Path) -> None:
    studio.provider("gooey").uncheck()
    studio.page.get_by_role("button", name="Change the face").click()
    studio.choose_face(scenery)
    studio.start()
    studio.failure()
