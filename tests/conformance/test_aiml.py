"""What AIML API is sent: links or the files themselves, and ids that may hold anything."""

from __future__ import annotations

import base64
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from app.errors import TooLarge
from app.model import Media, State
from tests.conformance.platform import (
    Platform,
    body,
    checked,
    made,
    refused,
    sent,
    submitted,
)
from tests.vendors.aiml import AIML
from tests.vendors.base import Reply


async def test_sends_links_where_there_are_some(face: Media, audio: Media) -> None:
    links = ("https://files.example.com/face.mp4", "https://files.example.com/speech.mp3")
    order = replace(made(AIML, face, audio, Path()), links=links)
    request, platform = await sent(AIML, order)
    assert body(request) == {
        "model": "pixverse/lip-sync",
        "video_url": links[0],
        "audio_url": links[1],
    }
    assert len(platform.requests) == 1


async def test_sends_the_files_themselves_where_there_are_none(face: Media, audio: Media) -> None:
    request, _ = await sent(AIML, made(AIML, face, audio, Path()))
    video, speech = body(request)["video_url"], body(request)["audio_url"]
    assert video.startswith("data:video/mp4;base64,")
    assert base64.b64decode(video.partition(",")[2]) == face.path.read_bytes()
    assert speech.startswith("data:audio/mpeg;base64,")
    assert base64.b64decode(speech.partition(",")[2]) == audio.path.read_bytes()


@pytest.mark.parametrize("voice", ["Oliver", "Harper", "Auto"])
async def test_sends_words_for_its_own_voices(face: Media, audio: Media, voice: str) -> None:
    order = replace(made(AIML, face, audio, Path()), text="Hello World!", voice=voice)
    request, _ = await sent(AIML, order)
    sent_face = body(request).pop("video_url")
    assert sent_face.startswith("data:video/mp4;base64,")
    assert body(request) == {
        "model": "pixverse/lip-sync",
        "video_url": sent_face,
        "lip_sync_tts_content": "Hello World!",
        "lip_sync_tts_speaker": voice,
    }


async def test_words_go_with_a_link_to_the_face(face: Media, audio: Media) -> None:
    links = ("https://files.example.com/face.mp4", "https://files.example.com/speech.mp3")
    spoken = replace(made(AIML, face, audio, Path()), links=links, text="Hello", voice="Mason")
    request, _ = await sent(AIML, spoken)
    assert body(request)["video_url"] == links[0]
    assert "audio_url" not in body(request)


async def test_an_audio_that_is_not_sent_may_be_large(face: Media, audio: Media) -> None:
    large = replace(audio, size=20_000_001)
    order = replace(made(AIML, face, large, Path()), text="Hello", voice="Mason")
    async with Platform(AIML).provider() as provider:
        provider.refuse(order)


async def test_refuses_files_too_large_to_be_sent_so(face: Media, audio: Media) -> None:
    large = replace(audio, size=20_000_001)
    order = made(AIML, face, large, Path())
    assert isinstance(await refused(AIML, order), TooLarge)
    async with Platform(AIML).provider() as provider:
        provider.refuse(replace(order, links=("https://a/b", "https://a/c")))
        provider.refuse(made(AIML, face, replace(audio, size=20_000_000), Path()))


async def test_another_model_may_be_configured(face: Media, audio: Media) -> None:
    request, _ = await sent(AIML, made(AIML, face, audio, Path()), model="pixverse/other")
    assert body(request)["model"] == "pixverse/other"


@pytest.mark.parametrize("job", ["-G3b3", "50f3:kling-video/v1.6/pro/effects", "a&b=c#d?e%2F"])
async def test_an_id_may_hold_anything(face: Media, audio: Media, job: str) -> None:
    reply = Reply({"id": job, "status": "queued"}, 201)
    vendor = replace(AIML, submit=replace(AIML.submit, reply=reply))
    platform = Platform(vendor)
    ticket = await submitted(platform, made(vendor, face, audio, Path()))
    path = httpx.URL(AIML.status_url).path
    asked = platform.router.get(host="api.aimlapi.com", path=path)
    asked.mock(return_value=httpx.Response(200, json={"id": job, "status": "generating"}))
    assert (await checked(platform, ticket)).state is State.PROCESSING
    (call,) = asked.calls
    assert dict(call.request.url.params) == {"generation_id": job}


async def test_tells_what_was_charged(face: Media, audio: Media) -> None:
    platform = Platform(AIML)
    ticket = await submitted(platform, made(AIML, face, audio, Path()))
    platform.show(AIML.done[1])
    assert (await checked(platform, ticket)).charged == 120000
