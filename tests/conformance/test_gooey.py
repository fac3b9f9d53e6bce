"""What Gooey.AI is sent: everything, because it fills gaps from an example it may change."""

from __future__ import annotations

import json
from dataclasses import replace
from email.message import Message
from email.parser import BytesParser
from pathlib import Path

import httpx
import pytest
from pydantic import ValidationError

from app.errors import Charged, ProviderError
from app.model import Media
from app.polling import follow
from tests.conformance.conftest import Sample
from tests.conformance.platform import (
    Platform,
    made,
    sent,
    submitted,
)
from tests.test_polling import SimulatedClock
from tests.vendors.base import Reply
from tests.vendors.gooey import GOOEY


def parts(request: httpx.Request) -> dict[str, Message]:
    """The parts of a multipart form by name."""
    head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
    form = BytesParser().parsebytes(head + request.content).get_payload()
    assert isinstance(form, list)
    found = [part for part in form if isinstance(part, Message)]
    return {str(part.get_param("name", header="content-disposition")): part for part in found}


def _payload(part: Message) -> bytes:
    data = part.get_payload(decode=True)
    assert isinstance(data, bytes)
    return data


EVERYTHING = {
    "selected_model": "Wav2Lip",
    "face_padding_top": 0,
    "face_padding_bottom": 0,
    "face_padding_left": 0,
    "face_padding_right": 0,
    "settings": {"retention_policy": "keep"},
}
"""What Gooey.AI would otherwise take from an example that it may change."""


async def test_sends_words_for_its_own_voices(face: Media, audio: Media) -> None:
    order = replace(made(GOOEY, face, audio, Path()), text="Hello World!", voice="Alloy")
    request, platform = await sent(GOOEY, order)
    form = parts(request)
    assert request.url.path == "/v3/LipsyncTTS/async/form/"
    assert json.loads(_payload(form["json"])) == EVERYTHING | {
        "text_prompt": "Hello World!",
        "tts_provider": "OPEN_AI",
        "openai_tts_model": "tts_1",
        "openai_voice_name": "alloy",
    }
    assert set(form) == {"json", "input_face"}
    assert len(platform.requests) == 1


async def test_says_everything_even_by_default(face: Media, audio: Media) -> None:
    form = parts((await sent(GOOEY, made(GOOEY, face, audio, Path())))[0])
    assert json.loads(_payload(form["json"])) == EVERYTHING
    assert set(form) == {"json", "input_face", "input_audio"}
    assert _payload(form["input_face"]) == face.path.read_bytes()
    assert _payload(form["input_audio"]) == audio.path.read_bytes()


@pytest.mark.parametrize(
    ("name", "filename", "kind"),
    [("mp4", "face.mp4", "video/mp4"), ("jpg", "face.jpeg", "image/jpeg")],
)
async def test_names_its_files(
    media: Sample, audio: Media, name: str, filename: str, kind: str
) -> None:
    form = parts((await sent(GOOEY, made(GOOEY, media(name), audio, Path())))[0])
    assert form["input_face"].get_filename() == filename
    assert form["input_face"].get_content_type() == kind
    assert form["input_audio"].get_filename() == "audio.mp3"
    assert form["input_audio"].get_content_type() == "audio/mpeg"


@pytest.mark.parametrize("name", ["lipsync_model", "selected_model"])
async def test_takes_the_model_by_either_name(face: Media, audio: Media, name: str) -> None:
    options: dict[str, object] = {name: "SadTalker", "face_padding_bottom": 10}
    form = parts((await sent(GOOEY, made(GOOEY, face, audio, Path(), **options)))[0])
    assert json.loads(_payload(form["json"])) == EVERYTHING | {
        "selected_model": "SadTalker",
        "face_padding_bottom": 10,
        "sadtalker_settings": {
            "still": True,
            "preprocess": "resize",
            "pose_style": 0,
            "expression_scale": 1.0,
        },
    }


async def test_passes_on_how_sadtalker_animates(face: Media, audio: Media) -> None:
    chosen = {"still": False, "preprocess": "full", "pose_style": 45, "ref_pose": "https://a/b"}
    order = made(GOOEY, face, audio, Path(), lipsync_model="SadTalker", sadtalker_settings=chosen)
    form = parts((await sent(GOOEY, order))[0])
    recipe = json.loads(_payload(form["json"]))
    assert recipe["sadtalker_settings"] == chosen | {"expression_scale": 1.0}


@pytest.mark.parametrize(
    "options",
    [
        {"lipsync_model": "wav2lip"},
        {"face_padding_top": -1},
        {"sadtalker_settings": {"preprocess": "none"}},
        {"sadtalker_settings": {"nonsense": 1}},
        {"sadtalker_settings": {"pose_style": 46}},
    ],
)
def test_refuses_what_is_not_on_its_list(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        GOOEY.provider.options.model_validate(options)


async def test_a_run_that_was_stopped_on_its_page_is_told_after_some_minutes(
    face: Media, audio: Media
) -> None:
    """It is said to be complete and has no video, which the platform itself does not bear."""
    platform, clock = Platform(GOOEY), SimulatedClock()
    ticket = await submitted(platform, made(GOOEY, face, audio, Path()))
    platform.meet("status", Reply({"detail": "1 validation error", "traceback": "…"}, 500))
    async with platform.provider() as provider:
        pace, hour = provider.pace, 3600.0
        with pytest.raises(ProviderError, match="1 validation error") as caught:
            async for _ in follow(provider, ticket, pace=pace, patience=hour, clock=clock):
                pass
    assert caught.value.charged is Charged.UNKNOWN
    assert 60 < clock.time < 600


async def test_shows_the_page_of_a_run(face: Media, audio: Media) -> None:
    ticket = await submitted(Platform(GOOEY), made(GOOEY, face, audio, Path()))
    assert ticket["provider_url"].startswith("https://gooey.ai/Lipsync/?run_id=m0rghxk55xfx")
