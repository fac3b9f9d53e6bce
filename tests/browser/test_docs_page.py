"""The documentation in a browser: what it says can be tried out there."""

from __future__ import annotations

import json
import re
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Visit


def opened(page: Page, name: str) -> Locator:
    """The part about one route, unfolded."""
    operation = page.locator(f"[id$={name}]")
    operation.locator(".opblock-summary-control").click()
    return operation


def tried(operation: Locator) -> Locator:
    """What the service answers to what was filled in."""
    if not operation.get_by_role("button", name="Execute").is_visible():
        operation.locator(".opblock-summary-control").click()
    operation.get_by_role("button", name="Execute").click()
    answer = operation.locator(".live-responses-table .response").first
    expect(answer).to_be_visible(timeout=60_000)
    return answer


def filled(operation: Locator, photo: Path, speech: Path) -> None:
    pickers = operation.locator("input[type=file]")
    pickers.first.set_input_files(photo)
    pickers.last.set_input_files(speech)


def field(operation: Locator, name: str) -> Locator:
    return operation.locator(f"tr[data-property-name={name}]").locator("input, select, textarea")


def test_files_and_options_can_be_tried_out(visit: Visit, photo: Path, speech: Path) -> None:
    docs = visit(path="/docs")
    operation = opened(docs.page, "create_lipsync_post")
    filled(operation, photo, speech)
    field(operation, "options").first.fill('{"max_side": 128}')
    docs.shot("docs-form")
    answer = tried(operation)
    expect(answer.locator(".response-col_status")).to_contain_text("200")
    docs.shot("docs-answer")


def test_only_what_was_entered_is_sent(visit: Visit, photo: Path, speech: Path) -> None:
    docs = visit(path="/docs")
    operation = opened(docs.page, "create_lipsync_post")
    filled(operation, photo, speech)
    answer = tried(operation)
    expect(answer.locator(".response-col_status")).to_contain_text("200")
    sent = re.findall(r"-F '(\w+)=", operation.locator(".curl").inner_text())
    assert sorted(sent) == ["audio", "image"]


def test_a_job_can_be_tried_out_without_waiting(visit: Visit, photo: Path, speech: Path) -> None:
    docs = visit(path="/docs")
    operation = opened(docs.page, "create_lipsync_post")
    filled(operation, photo, speech)
    field(operation, "wait").first.fill("0")
    answer = tried(operation)
    expect(answer.locator(".response-col_status")).to_contain_text("202")
    job_id = re.search("lsj_[0-9A-Z]{26}", answer.inner_text())
    assert job_id
    reading = opened(docs.page, "read_lipsync__job_id__get")
    reading.get_by_placeholder("job_id").fill(job_id[0])
    reading.get_by_placeholder("wait").fill("50")
    expect(tried(reading)).to_contain_text('"status": "success"')


def test_what_is_wrong_is_shown(visit: Visit, scenery: Path, speech: Path) -> None:
    docs = visit(path="/docs")
    operation = opened(docs.page, "create_lipsync_post")
    filled(operation, scenery, speech)
    answer = tried(operation)
    expect(answer.locator(".response-col_status")).to_contain_text("422")
    problem = json.loads(answer.locator(".highlight-code code").first.inner_text())
    assert problem["code"] == "no_face"
