"""A platform that answers from its vendor's file, and an adapter that talks to it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import respx

from app.errors import Charged, LipSyncError
from app.model import Media, Order, Phase, State, Ticket, Update
from app.providers.http import HttpProvider
from tests.test_polling import SimulatedClock
from tests.vendors.base import Exchange, Reply, Scene, Vendor

Effect = Reply | type[Exception]
"""What meets a request: an answer, or a connection that breaks."""


class Platform:
    """Plays a vendor's script. ``meet`` changes what one stage of it answers."""

    def __init__(self, vendor: Vendor) -> None:
        self.vendor = vendor
        self.router = respx.Router(assert_all_called=False)
        self._stages = {
            "upload": [self._play(each) for each in vendor.uploads],
            "put": [self._play(each) for each in vendor.puts],
            "submit": [
                self._play(Exchange(vendor.submit.method, url, vendor.submit.reply))
                for url in (vendor.submit.url, *vendor.also_submits)
            ],
            "status": [self._play(Exchange("GET", vendor.status_url, Reply({})))],
        }
        for each in vendor.published:
            self._play(each)
        if vendor.result_url:
            self._stages["result"] = [self._play(Exchange("GET", vendor.result_url, Reply({})))]
        if vendor.cancel:
            self._stages["cancel"] = [self._play(vendor.cancel)]
        self.show(vendor.queued[0])

    def _play(self, exchange: Exchange) -> respx.Route:
        route = self.router.route(method=exchange.method, url=exchange.url)
        return route.mock(return_value=response(exchange.reply))

    def show(self, scene: Scene) -> None:
        """From now on, checks meet this scene."""
        self.meet("status", scene.status)
        if scene.result:
            self.meet("result", scene.result)

    def meet(self, stage: str, *effects: Effect) -> None:
        """From now on, requests of a stage meet these one after another, the last one for ever."""
        for route in self._stages[stage]:
            left = list(effects)

            def answer(_: httpx.Request, left: list[Effect] = left) -> httpx.Response:
                effect = left.pop(0) if len(left) > 1 else left[0]
                if isinstance(effect, Reply):
                    return response(effect)
                raise effect("it broke")

            route.mock(side_effect=answer)

    def asked(self, stage: str) -> list[httpx.Request]:
        """The requests of a stage so far."""
        return [call.request for route in self._stages[stage] for call in route.calls]

    @property
    def requests(self) -> list[httpx.Request]:
        """All requests so far, in order."""
        return [call.request for call in self.router.calls]

    @asynccontextmanager
    async def provider(self, **settings: str) -> AsyncIterator[HttpProvider[Any]]:
        """A new instance of the adapter, as after a restart."""
        kind = self.vendor.provider
        config = kind.config(_env_file=None, **{**self.vendor.settings, **settings})
        transport = httpx.MockTransport(self.router.async_handler)
        async with httpx.AsyncClient(transport=transport, trust_env=False) as client:
            yield kind(config, client, SimulatedClock())


def response(reply: Reply) -> httpx.Response:
    return httpx.Response(reply.status, headers=dict(reply.headers), content=reply.content)


class Noted:
    """What a submit said it was busy with, and how many requests had been made by then."""

    def __init__(self, platform: Platform) -> None:
        self.phases: list[Phase] = []
        self._platform = platform
        self.paid_before: list[int] = []

    async def __call__(self, phase: Phase) -> None:
        self.phases.append(phase)
        self.paid_before.append(len(self._platform.asked("submit")))


async def ignore(_: Phase) -> None:
    """A note that nobody reads."""


async def submitted(platform: Platform, order: Order) -> Ticket:
    async with platform.provider() as provider:
        return await provider.submit(order, ignore)


async def checked(platform: Platform, ticket: Ticket) -> Update:
    async with platform.provider() as provider:
        return await provider.check(ticket)


async def verdict(platform: Platform, ticket: Ticket) -> LipSyncError:
    """Why a job failed, whether a check raises it or tells it."""
    try:
        update = await checked(platform, ticket)
    except LipSyncError as error:
        if error.retryable:  # it would be asked for again and again
            raise
        return error
    assert update.state is State.FAILED
    assert update.error is not None
    return update.error


def made(vendor: Vendor, face: Media, audio: Media, folder: Path, **options: object) -> Order:
    """An order with a provider's own options, which it validates."""
    chosen = vendor.provider.options.model_validate(options)
    return Order("lsj_1", face, audio, chosen, folder)


def origin(url: str | httpx.URL) -> str:
    parts = urlsplit(str(url))
    return f"{parts.scheme}://{parts.netloc}"


def with_key(requests: Sequence[httpx.Request]) -> list[httpx.Request]:
    return [request for request in requests if "authorization" in request.headers]


def body(request: httpx.Request) -> Any:
    """The JSON of a request."""
    return json.loads(request.content)


async def sent(vendor: Vendor, order: Order, **settings: str) -> tuple[httpx.Request, Platform]:
    """The one request by which a platform got an order, and the platform."""
    platform = Platform(vendor)
    async with platform.provider(**settings) as provider:
        await provider.submit(order, ignore)
    (request,) = platform.asked("submit")
    return request, platform


async def refused(vendor: Vendor, order: Order) -> LipSyncError:
    """Why an order is turned away, at no cost."""
    platform = Platform(vendor)
    async with platform.provider() as provider:
        with pytest.raises(LipSyncError) as caught:
            provider.refuse(order)
    assert platform.requests == []
    assert caught.value.charged is Charged.NO
    return caught.value


def outcome(error: LipSyncError) -> str:
    """An error in a line, as the tables of expectations write it."""
    again = ", retryable" if error.retryable else ""
    return f"{error.status} {error.code}{again}; charged: {error.charged}"
