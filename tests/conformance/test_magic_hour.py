"""What Magic Hour is sent: seconds, extensions without a dot, and stills to where they talk."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from app.errors import InvalidRequest, TooLong
from app.model import Media
from tests.conformance.conftest import Sample
from tests.conformance.platform import (
    Platform,
    body,
    checked,
    ignore,
    made,
    refused,
    sent,
    submitted,
)
from tests.vendors.base import Reply
from tests.vendors.magic_hour import MAGIC_HOUR


async def test_lip_syncs_a_video(face: Media, audio: Media) -> None:
    order = made(
        MAGIC_HOUR, face, audio, Path(), generation_mode="pro", max_fps_limit=30, name="mine"
    )
    request, platform = await sent(MAGIC_HOUR, order)
    assert request.url.path == "/v1/lip-sync"
    assert body(request) == {
        "name": "mine",
        "start_seconds": 0.0,
        "end_seconds": 1.0,
        "max_fps_limit": 30,
        "assets": {
            "audio_file_path": "api-assets/id/audio.mp3",
            "video_source": "file",
            "video_file_path": "api-assets/id/video.mp4",
        },
        "style": {"generation_mode": "pro"},
    }
    (places,) = platform.asked("upload")
    assert body(places)["items"] == [
        {"type": "video", "extension": "mp4"},
        {"type": "audio", "extension": "mp3"},
    ]
    put = {request.url.path: request for request in platform.asked("put")}
    assert put["/api-assets/id/video.mp4"].content == face.path.read_bytes()
    assert put["/api-assets/id/audio.mp3"].content == audio.path.read_bytes()
    assert not any("content-type" in request.headers for request in put.values())


async def test_lets_a_still_talk(media: Sample, audio: Media) -> None:
    request, platform = await sent(
        MAGIC_HOUR, made(MAGIC_HOUR, media("jpg"), audio, Path(), generation_mode="pro")
    )
    assert request.url.path == "/v1/ai-talking-photo"
    assert body(request) == {
        "start_seconds": 0.0,
        "end_seconds": int(audio.duration * 100) / 100 if audio.duration else 0,
        "assets": {
            "image_file_path": "api-assets/id/video.mp4",
            "audio_file_path": "api-assets/id/audio.mp3",
        },
        "style": {"generation_mode": "realistic"},
    }
    (places,) = platform.asked("upload")
    assert body(places)["items"][0] == {"type": "image", "extension": "jpg"}


@pytest.mark.parametrize(
    ("face_seconds", "audio_seconds", "end"),
    [(7.489, 9.0, 7.48), (9.0, 7.489, 7.48), (None, 2.999, 2.99)],
)
async def test_ends_with_the_shorter_one(
    face: Media,
    audio: Media,
    face_seconds: float | None,
    audio_seconds: float,
    end: float,
) -> None:
    lengths = (
        replace(face, duration=face_seconds),
        replace(audio, duration=audio_seconds),
    )
    request, _ = await sent(MAGIC_HOUR, made(MAGIC_HOUR, *lengths, Path()))
    assert body(request)["end_seconds"] == end


async def test_takes_a_span(face: Media, audio: Media) -> None:
    order = made(MAGIC_HOUR, face, audio, Path(), start_seconds=0.2, end_seconds=0.9)
    request, _ = await sent(MAGIC_HOUR, order)
    assert (body(request)["start_seconds"], body(request)["end_seconds"]) == (0.2, 0.9)


async def test_refuses_a_span_that_ends_before_it_starts(face: Media, audio: Media) -> None:
    order = made(MAGIC_HOUR, face, audio, Path(), start_seconds=3, end_seconds=2)
    assert isinstance(await refused(MAGIC_HOUR, order), InvalidRequest)


async def test_refuses_a_photo_with_a_long_speech(media: Sample, audio: Media) -> None:
    speech = replace(audio, duration=300.5)
    order = made(MAGIC_HOUR, media("jpg"), speech, Path())
    error = await refused(MAGIC_HOUR, order)
    assert isinstance(error, TooLong)
    assert "300.5 seconds" in error.detail


async def test_a_video_of_youtubes_stands_in_for_the_face(media: Sample, audio: Media) -> None:
    """The face is not uploaded, and what holds for a photo does not hold for it."""
    speech = replace(audio, duration=400.0)
    order = made(MAGIC_HOUR, media("jpg"), speech, Path(), youtube_url="https://youtu.be/x")
    platform = Platform(MAGIC_HOUR)
    places = MAGIC_HOUR.uploads[0].reply.body
    assert isinstance(places, dict)
    platform.meet("upload", Reply({"items": places["items"][1:]}))
    async with platform.provider() as provider:
        provider.refuse(order)
        await provider.submit(order, ignore)
    (asked,) = platform.asked("upload")
    assert body(asked)["items"] == [{"type": "audio", "extension": "mp3"}]
    assert [put.url.path for put in platform.asked("put")] == ["/api-assets/id/audio.mp3"]
    (request,) = platform.asked("submit")
    assert request.url.path == "/v1/lip-sync"
    assert body(request) == {
        "start_seconds": 0,
        "end_seconds": 400.0,
        "assets": {
            "audio_file_path": "api-assets/id/audio.mp3",
            "video_source": "youtube",
            "youtube_url": "https://youtu.be/x",
        },
        "style": {"generation_mode": "lite"},
    }


async def test_keeps_when_its_link_expires(face: Media, audio: Media) -> None:
    platform = Platform(MAGIC_HOUR)
    ticket = await submitted(platform, made(MAGIC_HOUR, face, audio, Path()))
    platform.show(MAGIC_HOUR.done[0])
    update = await checked(platform, ticket)
    assert update.video is not None
    assert update.video.expires_at == "2024-10-19T05:16:19.027Z"
    assert update.charged == 187
