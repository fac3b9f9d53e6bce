"""What every provider behind an HTTP API owes us."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from pydantic import ValidationError

from app.errors import BadAnswer, NoFace
from app.model import Order, Phase, State, Ticket
from app.providers import HTTP_PROVIDERS
from app.providers.base import NotSupported
from app.voices import VOICES
from tests.conformance.platform import (
    Noted,
    Platform,
    checked,
    outcome,
    submitted,
    verdict,
)
from tests.vendors import VENDORS
from tests.vendors.base import KEY, Reply, Vendor


def test_every_provider_has_a_stand_in() -> None:
    assert [vendor.provider for vendor in VENDORS] == list(HTTP_PROVIDERS)


async def test_a_job_goes_through_the_queue_to_its_video(platform: Platform, order: Order) -> None:
    vendor = platform.vendor
    ticket = await submitted(platform, order)
    assert ticket["run_id"] == vendor.job
    for scenes, phase in ((vendor.queued, Phase.WAITING), (vendor.working, Phase.RENDERING)):
        for scene in scenes:
            platform.show(scene)
            update = await checked(platform, ticket)
            assert (update.state, update.phase) == (State.PROCESSING, phase)
    for scene in vendor.done:
        platform.show(scene)
        update = await checked(platform, ticket)
        assert update.state is State.SUCCESS
        assert update.video is not None
        assert update.video.url == vendor.video_url


async def test_a_ticket_outlives_the_process(platform: Platform, order: Order) -> None:
    ticket: Ticket = json.loads(json.dumps(await submitted(platform, order)))
    assert all(isinstance(value, str) for value in ticket.values())
    platform.show(platform.vendor.done[0])
    update = await checked(platform, ticket)
    assert update.state is State.SUCCESS
    assert await checked(platform, ticket) == update


async def test_an_unknown_word_means_still_working(platform: Platform, order: Order) -> None:
    ticket = await submitted(platform, order)
    platform.show(platform.vendor.odd)
    assert (await checked(platform, ticket)).state is State.PROCESSING


async def test_a_success_without_a_video_makes_no_sense(platform: Platform, order: Order) -> None:
    ticket = await submitted(platform, order)
    platform.show(platform.vendor.hollow)
    with pytest.raises(BadAnswer) as caught:
        await checked(platform, ticket)
    assert outcome(caught.value) == "502 bad_answer; charged: unknown"
    assert platform.vendor.provider.label in caught.value.detail


async def test_a_failed_job_says_why(platform: Platform, order: Order) -> None:
    ticket = await submitted(platform, order)
    for failure in platform.vendor.failures:
        platform.show(failure.scene)
        error = await verdict(platform, ticket)
        assert (error.code, error.charged) == (failure.code, failure.charged)
        assert error.vendor is not None
        assert failure.words in error.vendor.message
        assert (NoFace().detail if failure.code == "no_face" else failure.words) in error.detail


async def test_a_failure_is_told_without_markup_paths_and_keys(
    platform: Platform, order: Order
) -> None:
    ticket = await submitted(platform, order)
    keys = f"{KEY}, sk-0123456789ab"
    said = f"The <b>model</b>\0in /srv/gpu/worker.py\n\n said **no** to [you](http://a/b): {keys}!"
    platform.show(platform.vendor.fails(said))
    error = await verdict(platform, ticket)
    assert error.vendor is not None
    assert error.vendor.message == "The model in … said no to you: …, …!"
    assert error.detail.endswith(error.vendor.message)


async def test_words_cut_in_the_middle_of_a_character_can_be_passed_on(
    platform: Platform, order: Order
) -> None:
    ticket = await submitted(platform, order)
    platform.show(platform.vendor.fails("Too many smiles \ud83d"))
    error = await verdict(platform, ticket)
    assert error.vendor is not None
    assert error.vendor.message == "Too many smiles ?"


async def test_an_order_is_handed_over_once_and_announced_before(
    platform: Platform, order: Order
) -> None:
    noted = Noted(platform)
    async with platform.provider() as provider:
        await provider.submit(order, noted)
    assert len(platform.asked("submit")) == 1
    assert noted.phases[-1] is Phase.SUBMITTING
    assert set(noted.paid_before) == {0}
    assert noted.phases.count(Phase.SUBMITTING) == 1
    uploads = len(platform.requests) - 1
    assert noted.phases == ([Phase.UPLOADING] if uploads else []) + [Phase.SUBMITTING]


async def test_nothing_is_paid_when_the_announcement_is_refused(
    platform: Platform, order: Order
) -> None:
    class Interrupted(Exception):
        pass

    async def refuse(phase: Phase) -> None:
        if phase is Phase.SUBMITTING:
            raise Interrupted

    async with platform.provider() as provider:
        with pytest.raises(Interrupted):
            await provider.submit(order, refuse)
    assert platform.asked("submit") == []


async def test_a_connection_that_was_never_made_is_tried_again(
    platform: Platform, order: Order
) -> None:
    platform.meet("submit", httpx.ConnectError, platform.vendor.submit.reply)
    ticket = await submitted(platform, order)
    assert len(platform.asked("submit")) == 2
    platform.meet("status", httpx.ConnectTimeout, platform.vendor.working[0].status)
    assert (await checked(platform, ticket)).state is State.PROCESSING
    assert len(platform.asked("status")) == 2


async def test_both_tries_of_an_order_carry_the_whole_of_it(
    platform: Platform, order: Order
) -> None:
    platform.meet("submit", httpx.ConnectError, platform.vendor.submit.reply)
    await submitted(platform, order)
    first, second = (_without_boundary(request) for request in platform.asked("submit"))
    assert first == second


def _without_boundary(request: httpx.Request) -> bytes:
    boundary = re.search(r"boundary=(\w+)", request.headers["content-type"])
    return request.content.replace(boundary[1].encode(), b"") if boundary else request.content


@pytest.mark.parametrize("vendor", [each for each in VENDORS if each.puts], ids=lambda v: v.name)
async def test_an_upload_that_breaks_is_sent_again(platform: Platform, order: Order) -> None:
    platform.meet("put", httpx.WriteError, Reply({}, 500), Reply({}))
    await submitted(platform, order)
    sent = [request.content for request in platform.asked("put")]
    files = [media.path.read_bytes() for media in (order.face, order.audio)]
    assert [sent.count(file) >= 1 for file in files] == [True, True]
    assert all(content in files for content in sent)
    assert sent.count(files[0]) == 3


async def test_a_check_only_asks(platform: Platform, order: Order) -> None:
    ticket = await submitted(platform, order)
    before = len(platform.requests)
    vendor = platform.vendor
    for scene in (*vendor.queued, *vendor.working, vendor.odd, *vendor.done):
        platform.show(scene)
        await checked(platform, ticket)
    asked = platform.requests[before:]
    assert {request.method for request in asked} == {"GET"}
    assert {request.content for request in asked} == {b""}


async def test_who_does_not_have_a_voice_is_sent_the_sound_and_no_words(
    platform: Platform, order: Order
) -> None:
    words = "Words that stand nowhere else"
    await submitted(platform, replace(order, text=words, voice="Hannah"))
    everything = b"".join(request.content for request in platform.requests)
    assert words.encode() not in everything
    sound = order.audio.path.read_bytes()
    assert sound in everything or base64.b64encode(sound) in everything


async def test_its_own_voices_are_no_voices_of_ours(vendor: Vendor) -> None:
    hosted = [voice.name.casefold() for voice in vendor.provider.voices]
    names = [*hosted, *(voice.name.casefold() for voice in VOICES)]
    assert len(names) == len(set(names))


async def test_options_are_strict(vendor: Vendor) -> None:
    with pytest.raises(ValidationError):
        vendor.provider.options.model_validate({"nonsense": 1})
    assert vendor.provider.options.model_validate({})
    schema = vendor.provider.options.model_json_schema()
    assert schema["additionalProperties"] is False


async def test_a_good_order_is_not_refused(platform: Platform, order: Order) -> None:
    async with platform.provider() as provider:
        provider.refuse(order)
        assert provider.setup_hint is None
    assert platform.requests == []


async def test_cancel_works_or_says_that_it_cannot(platform: Platform, order: Order) -> None:
    ticket = await submitted(platform, order)
    vendor = platform.vendor
    async with platform.provider() as provider:
        if vendor.cancel is None:
            assert not provider.can_cancel
            with pytest.raises(NotSupported):
                await provider.cancel(ticket)
            return
        assert provider.can_cancel
        await provider.cancel(ticket)
    (request,) = platform.asked("cancel")
    assert (request.method, str(request.url)) == (vendor.cancel.method, vendor.cancel.url)


async def test_without_a_key_it_says_which_one_and_where_to_get_it(vendor: Vendor) -> None:
    kind = vendor.provider
    async with Platform(vendor).provider(**dict.fromkeys(vendor.settings, "")) as provider:
        hint = provider.setup_hint
    assert hint == f"{kind.key_variable()} not configured. Get your API key from {kind.keys_url}"


async def test_its_settings_are_the_documented_variables(
    vendor: Vendor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key's own variable, a file that holds it, and the address of the platform."""
    kind = vendor.provider
    (tmp_path / "key").write_text(f"{KEY}\n")
    for name, value in (("", KEY), ("_FILE", str(tmp_path / "key"))):
        monkeypatch.setenv(kind.key_variable() + name, value)
        assert kind.config(_env_file=None).key == KEY
        monkeypatch.delenv(kind.key_variable() + name)
    assert kind.config(_env_file=None).key == ""
    assert kind.config(_env_file=None).base_url == vendor.base_url
    monkeypatch.setenv(next(iter(vendor.addresses)), "http://127.0.0.1:19000/prefix")
    assert kind.config(_env_file=None).base_url == "http://127.0.0.1:19000/prefix"
