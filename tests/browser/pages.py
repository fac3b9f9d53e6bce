"""The studio as its visitors see it: what they do there, and what they find."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from playwright.sync_api import Locator, Page, ViewportSize, expect

DESKTOP: ViewportSize = {"width": 1360, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
SHOTS = Path(__file__).parent / "shots"
PICTURE = "studio"
"""What the README shows: `make picture` puts it there."""
RENDER_SECONDS = 60.0
_OVER = re.compile("success|failed")
_AXE_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


class Studio:
    """One page in one browser, which notes what it asks for and what goes wrong."""

    def __init__(self, page: Page, base_url: str) -> None:
        self.page = page
        self.base_url = base_url
        self.asked: list[str] = []
        self.mishaps: list[str] = []
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("pageerror", lambda error: self.mishaps.append(str(error)))
        page.on("console", lambda line: self._note(line.text))
        self.face = page.locator("#face")
        self.speech = page.locator("#speech")
        self.takes = page.locator(".take")

    def open(self, path: str = "/") -> Self:
        self.page.goto(self.base_url + path)
        self.page.wait_for_load_state("networkidle")
        return self

    def strangers(self) -> set[str]:
        """Hosts that were asked for something, other than the service itself."""
        asked = {urlsplit(url).netloc for url in self.asked if url.startswith("http")}
        return asked - {urlsplit(self.base_url).netloc}

    def choose_face(self, path: Path) -> None:
        self.face.locator("input[type=file]").set_input_files(path)
        expect(self.face.locator("[data-part=full]")).to_be_visible()

    def choose_audio(self, path: Path) -> None:
        self.page.get_by_text("Record or choose").click()
        self.speech.locator("input[type=file]").set_input_files(path)
        expect(self.speech.locator("[data-part=full]")).to_be_visible()

    def provider(self, name: str) -> Locator:
        return self.page.locator(f".choice input[value={name}]")

    def say(self, text: str) -> None:
        self.page.get_by_text("Type", exact=True).click()
        self.page.get_by_label("What to say").fill(text)

    def drag(self, target: Locator, path: Path, kind: str) -> None:
        """Hold a file over an element, as a hand with a mouse does."""
        self._hold(target, path, kind, ["dragenter", "dragover"])

    def drop(self, target: Locator, path: Path, kind: str) -> None:
        """Let go of a file over an element."""
        self._hold(target, path, kind, ["dragenter", "dragover", "drop"])

    def _hold(self, target: Locator, path: Path, kind: str, events: list[str]) -> None:
        content = base64.b64encode(path.read_bytes()).decode()
        target.evaluate(
            """(element, { content, name, type, events }) => {
                const bytes = Uint8Array.from(atob(content), (sign) => sign.charCodeAt(0));
                const dataTransfer = new DataTransfer();
                dataTransfer.items.add(new File([bytes], name, { type }));
                const settings = { dataTransfer, bubbles: true, cancelable: true };
                for (const what of events)
                    element.dispatchEvent(new DragEvent(what, settings));
            }""",
            {"content": content, "name": path.name, "type": kind, "events": events},
        )

    def start(self) -> None:
        self.page.get_by_role("button", name="Make the video").click()

    def finished(self, take: Locator | None = None) -> Locator:
        """A take once it is over."""
        take = take or self.takes.first
        expect(take).to_have_attribute("data-state", _OVER, timeout=RENDER_SECONDS * 1000)
        return take

    def succeeded(self, take: Locator | None = None) -> Locator:
        take = self.finished(take)
        expect(take).to_have_attribute("data-state", "success")
        return take

    def failure(self) -> str:
        """The sentences on the stage about what went wrong."""
        take = self.finished()
        expect(take).to_have_attribute("data-state", "failed")
        return take.locator("[data-part=verdict]").inner_text()

    def job_id(self) -> str:
        """Of the first take, once the service has accepted it."""
        found = self.until(lambda: self._records()[0]["jobId"])
        return str(found)

    def _records(self) -> list[dict[str, Any]]:
        kept = self.page.evaluate(
            "JSON.parse(localStorage.getItem('lipsync-studio.takes') || '[]')"
        )
        return list(kept) or [{"jobId": None}]

    def until(self, ask: Callable[[], Any], *, within: float = 20.0) -> Any:
        """What is asked for, once it is there."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            if answer := ask():
                return answer
            self.page.wait_for_timeout(50)
        raise AssertionError("it never came")

    def shot(self, name: str) -> None:
        """Keep a picture of this state."""
        SHOTS.mkdir(exist_ok=True)
        self.page.screenshot(path=SHOTS / f"{name}.png")

    def faults(self, axe: str) -> list[str]:
        """What keeps people from using the page as it is now, according to axe-core."""
        self.page.evaluate(axe)
        found = self.page.evaluate(
            "(values) => axe.run(document, { runOnly: { type: 'tag', values } })", _AXE_RULES
        )
        return [
            f"{fault['id']}: {node['target']} {node['failureSummary']}"
            for fault in found["violations"]
            for node in fault["nodes"]
        ]

    def _note(self, line: str) -> None:
        if "Content Security Policy" in line:
            self.mishaps.append(line)
