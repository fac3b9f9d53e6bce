"""A service that asks for a key, and pages that ask their visitors for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.browser.test_docs_page import tried
from tests.service import Service

KEY = "a-key-of-this-service"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("guarded"), API_KEYS=KEY) as running:
        yield running


def test_the_studio_asks_for_the_key_and_keeps_it(
    visit: Visit, guarded: Service, photo: Path, speech: Path
) -> None:
    studio = visit(guarded)
    field = studio.page.get_by_label("API key")
    field.fill("not-this-one")
    field.press("Enter")
    expect(studio.page.get_by_text("The service does not know this key.")).to_be_visible()
    studio.shot("key")
    field.fill(KEY)
    field.press("Enter")
    expect(studio.page.get_by_role("radio", name="Local engine")).to_be_visible()
    studio.choose_face(photo)
    studio.choose_audio(speech)
    studio.start()
    take = studio.succeeded()
    studio.until(lambda: take.locator("video").evaluate("(video) => video.videoWidth > 0"))
    studio.page.reload()
    expect(studio.succeeded().locator("video")).to_be_visible()
    assert not any(KEY in url for url in studio.asked)


def test_the_documentation_asks_for_the_key_and_uses_it(visit: Visit, guarded: Service) -> None:
    docs = visit(guarded, path="/docs")
    docs.page.get_by_placeholder("API key").fill(KEY)
    docs.page.get_by_role("button", name="Open").click()
    expect(docs.page.get_by_role("button", name="Authorize")).to_be_visible()
    answer = tried(docs.page.locator("[id$=read_providers_get]"))
    expect(answer).to_contain_text('"name": "local"')
    docs.shot("docs-key")
