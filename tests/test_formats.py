"""Every picture and every sound that people have reaches every provider as what it takes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle
from typing import Any

import pytest

from app.providers import HTTP_PROVIDERS
from tests.formats import FACES, VOICES, Order, Samples, deliver, fault, samples
from tests.service import Service
from tests.standin import RunningStandIn

_turn = cycle(VOICES)
ORDERS = [Order(each.name, face, next(_turn)) for each in HTTP_PROVIDERS for face in FACES]
"""Every face to every provider, with every voice in turn; ``make formats`` tries all with all."""


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> Samples:
    return samples(tmp_path_factory.mktemp("samples"))


@pytest.fixture(scope="module")
def standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStandIn]:
    with RunningStandIn(tmp_path_factory.mktemp("standin")) as running:
        yield running


@pytest.fixture(scope="module")
def delivered(
    standin: RunningStandIn, tmp_path_factory: pytest.TempPathFactory, sent: Samples
) -> dict[Order, dict[str, Any]]:
    settings = {**standin.settings, "LOCAL_CONCURRENCY": "2"}
    with Service(tmp_path_factory.mktemp("gateway"), **settings) as gateway:
        return deliver(gateway, sent, ORDERS)


@pytest.mark.parametrize("order", ORDERS, ids=lambda each: f"{each.provider}-{each.face}")
def test_what_arrives_is_what_the_provider_takes(
    standin: RunningStandIn,
    delivered: dict[Order, dict[str, Any]],
    sent: Samples,
    order: Order,
) -> None:
    assert fault(standin, order, delivered[order], sent.voices[order.voice]) == ""
