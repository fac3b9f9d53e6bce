"""Gooey.AI: one multipart request with both files, then its status until there is a video."""

from __future__ import annotations

import json
import math
from contextlib import ExitStack
from typing import Any

from pydantic import AliasPath

from app.errors import VendorWords
from app.model import Order, Phase, Takes, Ticket, Update
from app.polling import Pace
from app.providers.answers import Answer, at, words
from app.providers.base import Note
from app.providers.config import HttpConfig, configuration
from app.providers.gooey_recipe import VOICES, GooeyOptions, recipe, speech
from app.providers.http import HttpProvider
from app.providers.uploads import mime
from app.voices import HostedVoice


class Submitted(Answer):
    run_id: str
    status_url: str
    web_url: str | None = None


class Status(Answer):
    status: str
    detail: str = ""
    video_url: str | None = at("output", "output_video")


class Gooey(HttpProvider[HttpConfig]):
    """Takes stills and videos alike."""

    name = "gooey"
    label = "Gooey.AI"
    keys_url = "https://gooey.ai"
    docs_url = "https://docs.gooey.ai"
    short_video_hint = "Free Gooey.AI accounts get 250 frames at most."
    config = configuration("GOOEY_", "https://api.gooey.ai")
    options = GooeyOptions
    credits_are_checked_late = True
    # A run that was stopped on its web page has no video, and from then on its status is a 500.
    pace = Pace(interval=1, overhead=20, per_second=3, gone=frozenset({404, 500}))
    takes = Takes.of(images="jpeg png", videos="mp4 mov", audios="mp3 wav")
    voices = tuple(HostedVoice(name) for name in VOICES)
    words = words(
        queued="starting standby", working="running", success="completed", failed="failed"
    )

    async def submit(self, order: Order, note: Note) -> Ticket:
        """The files and the order travel in one request; its own voices need only the words."""
        await note(Phase.SUBMITTING)
        said = self.says_itself(order)
        path = f"/v3/{'LipsyncTTS' if said else 'Lipsync'}/async/form/"
        sent = {"input_face": order.face} | ({} if said else {"input_audio": order.audio})
        data = {"json": json.dumps(recipe(order.options) | (speech(*said) if said else {}))}
        with ExitStack() as open_files:
            files = {
                name: (
                    f"{name.removeprefix('input_')}.{media.container}",
                    open_files.enter_context(media.path.open("rb")),
                    mime(media),
                )
                for name, media in sent.items()
            }
            made = await self.call(Submitted, "POST", path, pays=True, data=data, files=files)
        ticket = {"run_id": made.run_id, "status_url": made.status_url}
        return ticket | ({"provider_url": made.web_url} if made.web_url else {})

    def estimate(self, order: Order) -> float | None:
        """So many credits for each few seconds begun."""
        options: Any = order.options
        rates, seconds = self.price.rates, order.audio.duration
        blocks = math.ceil(seconds / rates["block_seconds"]) if seconds else None
        return blocks and blocks * rates[options.lipsync_model]

    async def check(self, ticket: Ticket) -> Update:
        """A run that failed says so in ``detail``, or answers with an error that names it."""
        run = await self.ask(Status, ticket["status_url"], verdict=[AliasPath("detail", "run_id")])
        return self.read(run.status, url=run.video_url, why=VendorWords(run.detail))
