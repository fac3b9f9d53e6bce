"""Whom the key is shown, and which addresses in a reply are believed."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import httpx
import pytest

from app.errors import BadAnswer, Charged, LipSyncError
from app.model import Order
from tests.conformance.platform import (
    Platform,
    checked,
    origin,
    submitted,
    with_key,
)
from tests.vendors.base import KEY, REFUSALS, Exchange, Reply, Vendor

ELSEWHERE = "https://elsewhere.example"


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
        key = vendor.auth.format(KEY) if own else None
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
        for put in vendor.puts:
            text = text.replace(json.dumps(put.url), json.dumps(bad))
        return text

    uploads = tuple(replace(each, reply=each.reply.rewritten(spoil)) for each in vendor.uploads)
    platform = Platform(replace(vendor, uploads=uploads))
    if not uploads:
        assert await submitted(platform, order)
        return
    with pytest.raises(BadAnswer):
        await submitted(platform, order)
    assert platform.asked("submit") == []


async def test_no_order_and_no_key_follows_a_redirect(platform: Platform, order: Order) -> None:
    onward = {"Location": platform.vendor.submit.url}
    platform.meet("submit", Reply({}, 307, onward), platform.vendor.submit.reply)
    with pytest.raises(BadAnswer) as caught:
        await submitted(platform, order)
    assert caught.value.charged is Charged.UNKNOWN
    assert len(platform.asked("submit")) == 1
