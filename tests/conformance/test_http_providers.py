"""What every provider behind an HTTP API owes us."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from pydantic import ValidationError

from app.errors import BadAnswer, LipSyncError
from app.model import Order, Phase, State, Ticket
from app.providers import HTTP_PROVIDERS
from app.providers.base import NotSupported
from tests.conformance.platform import (
    Effect,
    Noted,
    Platform,
    checked,
    origin,
    submitted,
    verdict,
    with_key,
)
from tests.vendors import VENDORS
from tests.vendors.base import HTML, KEY, REFUSALS, Exchange, Reply, Vendor, truncated

ELSEWHERE = "https://elsewhere.example"


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
        assert failure.code == "no_face" or failure.words in error.detail


async def test_a_failure_is_told_without_markup_paths_and_keys(
    platform: Platform, order: Order
) -> None:
    ticket = await submitted(platform, order)
    said = f"The <b>model</b> in /srv/gpu/worker.py\n\n said **no** to [you](http://a/b): {KEY}!"
    platform.show(platform.vendor.fails(said))
    error = await verdict(platform, ticket)
    assert error.vendor is not None
    assert error.vendor.message == "The model in … said no to you: …!"
    assert error.detail.endswith(error.vendor.message)


# What meets a request, and what it means while files are uploaded (with the key, and without it to
# an address for uploads), as the answer to the order, and when one asks after the job.
TAKEN = "taken"
UNREACHABLE = "503 provider_unavailable, retryable; charged: {}"
LOST = "502 outcome_unknown; charged: unknown"
NONSENSE = "502 bad_answer; charged: {}"
KEY_REFUSED = "500 provider_auth; charged: {}"
NO_CREDITS = "402 out_of_credits; charged: no"
WRONG_INPUT = "422 input_rejected; charged: {}"
TOO_OFTEN = "429 rate_limited, retryable; charged: {}"
FAILED = "502 provider_error, retryable; charged: {}"
FAULTS: dict[str, tuple[str, str, str, str]] = {
    # fault:           upload       put          submit       status and result
    "refused":         (UNREACHABLE, UNREACHABLE, UNREACHABLE, UNREACHABLE),
    "connect_timeout": (UNREACHABLE, UNREACHABLE, UNREACHABLE, UNREACHABLE),
    "pool_timeout":    (UNREACHABLE, UNREACHABLE, UNREACHABLE, UNREACHABLE),
    "write_timeout":   (UNREACHABLE, UNREACHABLE, LOST,        UNREACHABLE),
    "reset":           (UNREACHABLE, UNREACHABLE, LOST,        UNREACHABLE),
    "closed":          (UNREACHABLE, UNREACHABLE, LOST,        UNREACHABLE),
    "read_timeout":    (UNREACHABLE, UNREACHABLE, LOST,        UNREACHABLE),
    "truncated":       (NONSENSE,    TAKEN,       NONSENSE,    NONSENSE),
    "html":            (NONSENSE,    TAKEN,       NONSENSE,    NONSENSE),
    "401":             (KEY_REFUSED, FAILED,      KEY_REFUSED, KEY_REFUSED),
    "402":             (NO_CREDITS,  NO_CREDITS,  NO_CREDITS,  NO_CREDITS),
    "403_auth":        (KEY_REFUSED, FAILED,      KEY_REFUSED, KEY_REFUSED),
    "403_credits":     (NO_CREDITS,  NO_CREDITS,  NO_CREDITS,  NO_CREDITS),
    "422":             (WRONG_INPUT, WRONG_INPUT, WRONG_INPUT, WRONG_INPUT),
    "429":             (TOO_OFTEN,   TOO_OFTEN,   TOO_OFTEN,   TOO_OFTEN),
    "500":             (FAILED,      FAILED,      FAILED,      FAILED),
    "503":             (UNREACHABLE, UNREACHABLE, UNREACHABLE, UNREACHABLE),
}  # fmt: skip
STAGES = ("upload", "put", "submit", "status", "result")
NEVER_SENT = ("refused", "connect_timeout", "pool_timeout")
BREAKS: dict[str, type[Exception]] = {
    "refused": httpx.ConnectError,
    "connect_timeout": httpx.ConnectTimeout,
    "pool_timeout": httpx.PoolTimeout,
    "write_timeout": httpx.WriteTimeout,
    "reset": httpx.ReadError,
    "closed": httpx.RemoteProtocolError,
    "read_timeout": httpx.ReadTimeout,
}


def outcome(error: LipSyncError) -> str:
    again = ", retryable" if error.retryable else ""
    return f"{error.status} {error.code}{again}; charged: {error.charged}"


def expected(vendor: Vendor, stage: str, fault: str) -> str:
    """By the table, unless the vendor's file says otherwise."""
    column = min(STAGES.index(stage), 3)
    unsure = {3: "unknown"}.get(column, "no")
    if stage == "submit" and fault in ("500", "truncated", "html"):
        unsure = "unknown"
    return vendor.unlike.get((stage, fault)) or FAULTS[fault][column].format(unsure)


def effect(vendor: Vendor, stage: str, fault: str) -> Effect:
    if fault in BREAKS:
        return BREAKS[fault]
    if fault in REFUSALS:
        return vendor.refusal(fault)
    usual = {
        "upload": vendor.uploads[0].reply if vendor.uploads else vendor.submit.reply,
        "put": Reply({"etag": "abc"}),
        "submit": vendor.submit.reply,
        "status": vendor.done[0].status,
        "result": vendor.done[0].result or vendor.done[0].status,
    }
    return HTML if fault == "html" else truncated(usual[stage])


def stages_of(vendor: Vendor) -> list[str]:
    there = {"upload": vendor.uploads, "put": vendor.puts, "result": vendor.result_url}
    return [stage for stage in STAGES if there.get(stage, True)]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(
    ("vendor", "stage"),
    [(vendor, stage) for vendor in VENDORS for stage in stages_of(vendor)],
    ids=lambda value: getattr(value, "name", value),
)
async def test_a_fault_is_what_the_table_says(
    platform: Platform, order: Order, stage: str, fault: str
) -> None:
    vendor = platform.vendor
    ticket = await submitted(platform, order) if stage in ("status", "result") else {}
    before = len(platform.asked("submit"))
    platform.show(vendor.done[0])
    met = effect(vendor, stage, fault)
    platform.meet(stage, met)
    wanted = expected(vendor, stage, fault)
    if wanted == TAKEN:
        assert await submitted(platform, order)
        return
    with pytest.raises(LipSyncError) as caught:
        await (checked(platform, ticket) if ticket else submitted(platform, order))
    error = caught.value
    assert outcome(error) == wanted
    assert error.detail.startswith(f"{vendor.provider.label} API error: ")
    assert KEY not in error.detail
    retry_after = met.headers.get("Retry-After") if isinstance(met, Reply) else None
    assert error.retry_after == (float(retry_after) if retry_after else None)
    paid = len(platform.asked("submit")) - before
    assert paid == (0 if stage != "submit" else 3 if fault in NEVER_SENT else 1)


@pytest.mark.parametrize("stage", ["submit", "status"])
@pytest.mark.parametrize("fault", REFUSALS)
async def test_a_refusal_never_shows_the_key(
    platform: Platform, order: Order, stage: str, fault: str
) -> None:
    vendor = platform.vendor
    ticket = await submitted(platform, order) if stage == "status" else {}
    status, _ = REFUSALS[fault]
    platform.meet(stage, Reply(vendor.says(f"Not with {KEY}."), status))
    with pytest.raises(LipSyncError) as caught:
        await (checked(platform, ticket) if ticket else submitted(platform, order))
    error = caught.value
    assert error.vendor is not None
    assert error.vendor.status == status
    assert error.vendor.message == "Not with …."
    assert "Not with …." in error.detail
    assert KEY not in f"{error!r} {error.__cause__!r} {error.__context__!r}"


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


async def test_the_key_goes_to_the_vendor_and_nowhere_else(
    platform: Platform, order: Order
) -> None:
    vendor = platform.vendor
    ticket = await submitted(platform, order)
    platform.show(vendor.done[0])
    await checked(platform, ticket)
    if vendor.cancel:
        async with platform.provider() as provider:
            await provider.cancel(ticket)
    for request in platform.requests:
        own = origin(request.url) in vendor.origins
        key = vendor.provider.auth.format(KEY) if own else None
        assert request.headers.get("authorization") == key
        assert KEY not in str(request.url)
        assert KEY.encode() not in request.content


async def test_hijacked_replies_do_not_get_the_key(vendor: Vendor, order: Order) -> None:
    def hijack(text: str) -> str:
        return re.sub(r'https?://[^/"]+', ELSEWHERE, text)

    taken = tuple(
        Exchange("PUT", hijack(put.url), put.reply.rewritten(hijack)) for put in vendor.puts
    )
    uploads = tuple(replace(each, reply=each.reply.rewritten(hijack)) for each in vendor.uploads)
    reply = vendor.submit.reply.rewritten(hijack)
    platform = Platform(
        replace(vendor, uploads=uploads, puts=taken, submit=replace(vendor.submit, reply=reply))
    )
    scene = vendor.done[0]
    platform.show(replace(scene, status=scene.status.rewritten(hijack)))
    ticket = await submitted(platform, order)
    if any(ELSEWHERE in value for name, value in ticket.items() if name != "provider_url"):
        with pytest.raises(BadAnswer):
            await checked(platform, ticket)
    else:
        await checked(platform, ticket)
    assert {origin(request.url) for request in with_key(platform.requests)} <= vendor.origins
    strayed = [request for request in platform.requests if origin(request.url) == ELSEWHERE]
    assert {request.method for request in strayed} <= {"PUT"}


DISGUISES = {
    "host": "https://elsewhere.example{path}",
    "port": "https://{host}:8443{path}",
    "plain": "http://{host}{path}",
    "user": "https://{host}@elsewhere.example{path}",
    "backslash": "https://{host}\\@elsewhere.example{path}",
    "suffix": "https://{host}.elsewhere.example{path}",
    "scheme": "file://{host}{path}",
    "relative": "elsewhere{path}",
    "nonsense": "https://[{path}",
    "unprintable": "https://{host}/\x01{path}",
    "empty": "",
}


@pytest.mark.parametrize("disguise", DISGUISES)
async def test_an_address_that_is_not_the_vendors_is_not_asked(
    platform: Platform, order: Order, disguise: str
) -> None:
    ticket = await submitted(platform, order)
    platform.show(platform.vendor.done[0])
    for name, address in ticket.items():
        if not name.endswith("_url") or name == "provider_url":
            continue
        url = httpx.URL(address)
        path = url.raw_path.decode()
        tampered = DISGUISES[disguise].format(host=url.host, path=path)
        before = len(platform.requests)
        async with platform.provider() as provider:
            ask = provider.cancel if name == "cancel_url" else provider.check
            with pytest.raises(BadAnswer):
                await ask({**ticket, name: tampered})
        asked = [str(request.url) for request in platform.requests[before:]]
        assert address not in asked
        assert {origin(url) for url in asked} <= platform.vendor.origins


@pytest.mark.parametrize("disguise", ["nonsense", "scheme", "relative", "unprintable", "empty"])
async def test_an_address_for_uploads_that_cannot_be_used_makes_no_sense(
    vendor: Vendor, order: Order, disguise: str
) -> None:
    bad = DISGUISES[disguise].format(host="elsewhere.example", path="/upload")

    def spoil(text: str) -> str:
        return re.sub(r'("upload_url": )"[^"]+"', lambda found: found[1] + json.dumps(bad), text)

    uploads = tuple(replace(each, reply=each.reply.rewritten(spoil)) for each in vendor.uploads)
    platform = Platform(replace(vendor, uploads=uploads))
    if not uploads:
        assert await submitted(platform, order)
        return
    with pytest.raises(BadAnswer):
        await submitted(platform, order)
    assert platform.asked("submit") == []


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
    assert hint == f"{kind.key_variable} not configured. Get your API key from {kind.keys_url}"


async def test_its_settings_are_the_documented_variables(
    vendor: Vendor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key's own variable, a file that holds it, and the address of the platform."""
    kind = vendor.provider
    (tmp_path / "key").write_text(f"{KEY}\n")
    for name, value in (("", KEY), ("_FILE", str(tmp_path / "key"))):
        monkeypatch.setenv(kind.key_variable + name, value)
        assert kind.config(_env_file=None).key == KEY
        monkeypatch.delenv(kind.key_variable + name)
    assert kind.config(_env_file=None).key == ""
    assert kind.config(_env_file=None).base_url == vendor.base_url
    monkeypatch.setenv(ADDRESS_VARIABLES[kind.key_variable], "http://127.0.0.1:19000/prefix")
    assert kind.config(_env_file=None).base_url == "http://127.0.0.1:19000/prefix"


ADDRESS_VARIABLES = {
    "GOOEY_API_KEY": "GOOEY_BASE_URL",
    "MAGIC_HOUR_API_KEY": "MAGIC_HOUR_BASE_URL",
    "AIML_API_KEY": "AIML_BASE_URL",
    "FAL_KEY": "FAL_QUEUE_URL",
}
