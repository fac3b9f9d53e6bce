"""AIML API's PixVerse lip-sync: create and poll; the media travel as links or inside the order."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

from app.errors import Charged, TooLarge
from app.model import Media, Order, Phase, Takes, Ticket, Update
from app.polling import Pace
from app.providers.answers import Amount, Answer, at, words
from app.providers.base import Note
from app.providers.config import HttpConfig
from app.providers.http import HttpProvider
from app.providers.refusals import words_in
from app.providers.uploads import mime
from app.voices import HostedVoice

PATH = "/v2/video/generations"
WOMEN = "Harper Ava Isabella Sophia Emily Chloe Julia"
MEN = "Mason Jack Liam James Oliver Adrian Ethan"


class Config(HttpConfig, env_prefix="AIML_"):
    """What an operator can say about AIML API."""

    base_url: str = "https://api.aimlapi.com"
    model: str = "pixverse/lip-sync"
    max_data_mb: float = 20  # of a file inside the order, where no link to it can be given


class Generation(Answer):
    id: str
    status: str
    error: Any = None
    video_url: str | None = at("video", "url")
    credits: Amount = at("meta", "usage", "credits_used")


class PixVerse(HttpProvider[Config]):
    """Takes videos only; a still is animated first."""

    name = "aiml_pixverse"
    label = "AIML API (PixVerse)"
    keys_url = "https://aimlapi.com"
    docs_url = "https://docs.aimlapi.com/api-references/video-models/pixverse/lip-sync"
    config = Config
    pace = Pace(interval=1, overhead=20, per_second=2)
    failure_costs = Charged.NO
    takes = Takes.of(
        videos="mp4 mov", audios="mp3 wav", max_seconds=30, max_bytes=50_000_000, max_side=1920
    )
    words = words(
        queued="waiting queued",
        working="active generating",
        success="completed succeeded",
        failed="error",
    )
    voices = (
        *(HostedVoice(name, "female") for name in WOMEN.split()),
        *(HostedVoice(name, "male") for name in MEN.split()),
        HostedVoice("Auto"),
    )

    def refuse(self, order: Order) -> None:
        """Without a link of our own, a file must fit into the order."""
        for media in (order.face,) if self.says_itself(order) else (order.face, order.audio):
            if not order.links and media.size > self._config.max_data_mb * 1e6:
                limit = f"{self._config.max_data_mb:g} MB"
                raise TooLarge(f"{self.label} takes {limit} when PUBLIC_BASE_URL is not set.")

    async def submit(self, order: Order, note: Note) -> Ticket:
        """One request, with links to the files or the files themselves, or with words to say."""
        await note(Phase.SUBMITTING)
        face, audio = order.links or (order.face, order.audio)
        body = {"model": self._config.model, "video_url": await _inline(face)}
        if said := self.says_itself(order):
            text, speaker = said
            body |= {"lip_sync_tts_content": text, "lip_sync_tts_speaker": speaker}
        else:
            body["audio_url"] = await _inline(audio)
        made = await self.call(Generation, "POST", PATH, pays=True, json=body)
        return {"run_id": made.id}

    async def check(self, ticket: Ticket) -> Update:
        """The generation; its id may hold anything, so it travels as a parameter."""
        made = await self.ask(Generation, PATH, params={"generation_id": ticket["run_id"]})
        # A word that nobody documented means failure where an error stands beside it.
        word = "error" if made.error and made.status not in self.words else made.status
        return self.read(word, url=made.video_url, why=words_in(made.error), charged=made.credits)


async def _inline(media: Media | str) -> str:
    if isinstance(media, str):
        return media
    data = await asyncio.to_thread(media.path.read_bytes)
    return f"data:{mime(media)};base64,{base64.b64encode(data).decode()}"
