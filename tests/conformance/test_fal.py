"""What fal is sent: files to its storage, and the order to the endpoint that was chosen."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from pydantic import ValidationError

from app.model import Media, State, SyncMode
from app.providers import fal, fal_storage
from tests.conformance.conftest import Sample
from tests.conformance.platform import (
    Platform,
    body,
    checked,
    made,
    origin,
    sent,
    submitted,
)
from tests.vendors.base import Reply, Vendor
from tests.vendors.fal import STORED
from tests.vendors.fal_lipsync import FAL_LIPSYNC
from tests.vendors.fal_sync import FAL_SYNC


@pytest.mark.parametrize("vendor", [FAL_SYNC, FAL_LIPSYNC], ids=lambda vendor: vendor.name)
async def test_sends_two_links_to_its_own_storage(
    vendor: Vendor, face: Media, audio: Media
) -> None:
    request, platform = await sent(vendor, made(vendor, face, audio, Path()))
    assert body(request) == {"video_url": STORED, "audio_url": STORED}
    assert [body(each) for each in platform.asked("upload")] == [
        {"file_name": "video.mp4", "content_type": "video/mp4"},
        {"file_name": "audio.mp3", "content_type": "audio/mpeg"},
    ]
    puts = platform.asked("put")
    assert [put.headers["content-type"] for put in puts] == ["video/mp4", "audio/mpeg"]
    assert [put.content for put in puts] == [
        face.path.read_bytes(),
        audio.path.read_bytes(),
    ]


async def test_chooses_endpoint_model_and_sync_mode(face: Media, audio: Media) -> None:
    chosen = {"endpoint": "fal-ai/sync-lipsync/v2", "model": "lipsync-2-pro"}
    order = replace(made(FAL_SYNC, face, audio, Path(), **chosen), sync_mode=SyncMode.BOUNCE)
    request, _ = await sent(FAL_SYNC, order)
    assert request.url.path == "/fal-ai/sync-lipsync/v2"
    assert body(request)["model"] == "lipsync-2-pro"
    assert body(request)["sync_mode"] == "bounce"


async def test_says_where_its_webhook_is_to_go(face: Media, audio: Media) -> None:
    order = replace(
        made(FAL_LIPSYNC, face, audio, Path()), webhook="https://gateway.example/webhooks/fal"
    )
    request, _ = await sent(FAL_LIPSYNC, order)
    assert request.url.query == b"fal_webhook=https%3A%2F%2Fgateway.example%2Fwebhooks%2Ffal"
    silent, _ = await sent(FAL_LIPSYNC, made(FAL_LIPSYNC, face, audio, Path()))
    assert silent.url.query == b""


async def test_asks_at_the_address_it_was_given(face: Media, audio: Media) -> None:
    """It leaves out the version that the order went to."""
    platform = Platform(FAL_SYNC)
    endpoint = "fal-ai/sync-lipsync/v2/pro"
    ticket = await submitted(platform, made(FAL_SYNC, face, audio, Path(), endpoint=endpoint))
    platform.show(FAL_SYNC.done[0])
    await checked(platform, ticket)
    assert [str(each.url) for each in platform.asked("status")] == [FAL_SYNC.status_url]
    assert [str(each.url) for each in platform.asked("result")] == [FAL_SYNC.result_url]


async def test_a_still_goes_to_the_endpoint_for_stills(media: Sample, audio: Media) -> None:
    still = media("jpg")
    order = made(FAL_SYNC, still, audio, Path(), endpoint=fal.STILLS)
    request, _ = await sent(FAL_SYNC, order)
    assert request.url.path == "/fal-ai/sync-lipsync/v3/image-to-video"
    assert set(body(request)) == {"image_url", "audio_url"}
    async with Platform(FAL_SYNC).provider() as provider:
        chosen = provider.options.model_validate({"endpoint": fal.STILLS})
        assert still.container in provider.takes_for(chosen).images
        assert not provider.takes.images


async def test_other_models_may_be_configured(face: Media, audio: Media) -> None:
    vendor = replace(
        FAL_LIPSYNC,
        submit=replace(FAL_LIPSYNC.submit, url="https://queue.fal.run/fal-ai/latentsync"),
    )
    order = made(vendor, face, audio, Path())
    request, _ = await sent(vendor, order, lipsync_model="fal-ai/latentsync")
    assert request.url.path == "/fal-ai/latentsync"
    request, _ = await sent(
        FAL_SYNC,
        made(FAL_SYNC, face, audio, Path()),
        video_to_video_lipsync="fal-ai/sync-lipsync/v3",
    )
    assert request.url.path == "/fal-ai/sync-lipsync/v3"


@pytest.mark.parametrize(
    "options",
    [{"endpoint": "fal-ai/flux"}, {"model": "lipsync-3"}, {"sync_mode": "stretch"}],
)
def test_refuses_what_is_not_on_its_list(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        FAL_SYNC.provider.options.model_validate(options)


def test_the_old_model_lets_one_choose_nothing() -> None:
    with pytest.raises(ValidationError):
        FAL_LIPSYNC.provider.options.model_validate({"sync_mode": "loop"})


async def test_tells_the_place_in_the_queue(face: Media, audio: Media) -> None:
    platform = Platform(FAL_LIPSYNC)
    ticket = await submitted(platform, made(FAL_LIPSYNC, face, audio, Path()))
    platform.show(FAL_LIPSYNC.queued[0])
    assert (await checked(platform, ticket)).message == "2 ahead in the queue"


async def test_tells_the_last_line_of_its_log(face: Media, audio: Media) -> None:
    platform = Platform(FAL_LIPSYNC)
    ticket = await submitted(platform, made(FAL_LIPSYNC, face, audio, Path()))
    silent, talking = FAL_LIPSYNC.working
    platform.show(talking)
    assert (await checked(platform, ticket)).message == "Lip-syncing: 45%"
    platform.show(silent)
    assert (await checked(platform, ticket)).message is None
    long = {"status": "IN_PROGRESS", "logs": [{"message": "frame /srv/gpu/worker.py\n " * 99}]}
    platform.meet("status", Reply(long, 202))
    message = (await checked(platform, ticket)).message
    assert message is not None
    assert message.startswith("frame … frame …")
    assert len(message) <= 300


@pytest.mark.parametrize("logs", [[], "frame 1", {"message": "frame 1"}, [None], [[]], [7]])
async def test_a_log_that_is_none_does_no_harm(face: Media, audio: Media, logs: object) -> None:
    platform = Platform(FAL_LIPSYNC)
    ticket = await submitted(platform, made(FAL_LIPSYNC, face, audio, Path()))
    platform.meet("status", Reply({"status": "IN_PROGRESS", "logs": logs}, 202))
    update = await checked(platform, ticket)
    assert (update.state, update.message) == (State.PROCESSING, None)


async def test_asks_for_the_log_without_changing_the_address(face: Media, audio: Media) -> None:
    platform = Platform(FAL_LIPSYNC)
    ticket = await submitted(platform, made(FAL_LIPSYNC, face, audio, Path()))
    given = f"{ticket['status_url']}?signature=a%20b%2Fc"
    asked = platform.router.get(f"{given}&logs=1")
    asked.mock(return_value=httpx.Response(202, json={"status": "IN_PROGRESS"}))
    await checked(platform, ticket | {"status_url": given})
    assert [str(call.request.url) for call in asked.calls] == [f"{given}&logs=1"]


@pytest.mark.parametrize(
    ("vendor", "options", "charged"),
    [
        (FAL_LIPSYNC, {}, 7.5),  # whose price is not published: then it is told in units
        (FAL_SYNC, {}, 5.25),
        (FAL_SYNC, {"endpoint": "fal-ai/sync-lipsync/v2/pro"}, 37.5),
        (FAL_SYNC, {"endpoint": "fal-ai/sync-lipsync/v3"}, None),
    ],
)
async def test_tells_what_was_charged(
    face: Media, audio: Media, vendor: Vendor, options: dict[str, object], charged: float | None
) -> None:
    platform = Platform(vendor)
    ticket = await submitted(platform, made(vendor, face, audio, Path(), **options))
    result = vendor.done[0].result
    assert result is not None
    platform.show(vendor.done[0])
    platform.meet("result", replace(result, headers={"x-fal-billable-units": "7.5"}))
    assert (await checked(platform, ticket)).charged == charged


@pytest.mark.parametrize("units", [None, "nan", "inf", "-1", "many"])
async def test_a_charge_that_is_none_does_no_harm(
    face: Media, audio: Media, units: str | None
) -> None:
    platform = Platform(FAL_SYNC)
    ticket = await submitted(platform, made(FAL_SYNC, face, audio, Path()))
    result = FAL_SYNC.done[0].result
    assert result is not None
    platform.show(FAL_SYNC.done[0])
    platform.meet(
        "result", replace(result, headers={"x-fal-billable-units": units} if units else {})
    )
    update = await checked(platform, ticket)
    assert (update.state, update.charged) == (State.SUCCESS, None)


ADDRESS = "https://v3.fal.media/files/upload/multipart/invented"
PARTS = [{"partNumber": n, "etag": f'"e{n}"'} for n in (1, 2, 3)]


async def test_a_large_file_is_stored_in_parts(
    face: Media, audio: Media, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limits are such that the small video is a large file."""
    data = face.path.read_bytes()
    monkeypatch.setattr(fal_storage, "PART", len(data) // 3 + 1)
    monkeypatch.setattr(fal_storage, "IN_PARTS_FROM", len(data) - 1)
    assert audio.size < len(data)
    platform = Platform(FAL_LIPSYNC)
    place = FAL_LIPSYNC.uploads[0].url.replace("initiate", "initiate-multipart")
    stored = "https://v3.fal.media/files/rabbit/invented_large.mp4"
    reply = {"upload_url": f"{ADDRESS}?signature=x", "file_url": stored}
    initiated = platform.router.post(place).mock(return_value=httpx.Response(200, json=reply))
    parts = platform.router.put(url__regex=rf"{ADDRESS}/\d\?signature=x").mock(
        side_effect=[httpx.Response(200, json=part) for part in PARTS]
    )
    done = platform.router.post(f"{ADDRESS}/complete?signature=x").mock(
        return_value=httpx.Response(200, json={})
    )
    await submitted(platform, made(FAL_LIPSYNC, face, audio, Path()))
    assert len(initiated.calls) == 1
    assert b"".join(call.request.content for call in parts.calls) == data
    assert [call.request.url.path[-1] for call in parts.calls] == ["1", "2", "3"]
    (complete,) = done.calls
    assert json.loads(complete.request.content) == {"parts": PARTS}
    (request,) = platform.asked("submit")
    assert body(request)["video_url"] == stored
    keyed = [each for each in platform.requests if "authorization" in each.headers]
    assert {origin(each.url) for each in keyed} <= FAL_LIPSYNC.origins


async def test_too_late_is_no_failure(face: Media, audio: Media) -> None:
    too_late = Reply({"status": "ALREADY_COMPLETED"}, 400)
    platform = Platform(FAL_LIPSYNC)
    ticket = await submitted(platform, made(FAL_LIPSYNC, face, audio, Path()))
    platform.meet("cancel", too_late)
    async with platform.provider() as provider:
        await provider.cancel(ticket)
    assert len(platform.asked("cancel")) == 1
