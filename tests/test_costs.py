"""What an order costs: estimated before, charged after, and never more than the caller allows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.model import Kind, Media, Order, SyncMode
from app.providers import HTTP_PROVIDERS
from app.providers.prices import price_of
from tests.conformance.platform import Platform, made
from tests.service import Service, assert_problem
from tests.standin import RunningStandIn
from tests.vendors.aiml import AIML
from tests.vendors.base import Vendor
from tests.vendors.fal_lipsync import FAL_LIPSYNC
from tests.vendors.fal_sync import FAL_SYNC
from tests.vendors.gooey import GOOEY
from tests.vendors.magic_hour import MAGIC_HOUR

V2 = "fal-ai/sync-lipsync/v2"
ESTIMATES: list[tuple[Vendor, Kind, dict[str, object], float | None]] = [
    # 8.1 seconds of speech, to a still or to a video of 6 seconds
    (GOOEY, Kind.VIDEO, {}, 12),
    (GOOEY, Kind.VIDEO, {"lipsync_model": "SadTalker"}, 24),
    (MAGIC_HOUR, Kind.IMAGE, {}, 389),
    (MAGIC_HOUR, Kind.VIDEO, {}, 180),
    (MAGIC_HOUR, Kind.VIDEO, {"generation_mode": "pro", "max_fps_limit": 10}, 120),
    (MAGIC_HOUR, Kind.IMAGE, {"youtube_url": "https://youtu.be/x", "end_seconds": 2}, 60),
    (AIML, Kind.VIDEO, {}, None),
    (FAL_SYNC, Kind.VIDEO, {}, 0.0945),
    (FAL_SYNC, Kind.VIDEO, {"endpoint": V2}, 0.405),
    (FAL_SYNC, Kind.VIDEO, {"endpoint": V2, "model": "lipsync-2-pro"}, 0.675),
    (FAL_SYNC, Kind.VIDEO, {"endpoint": "fal-ai/sync-lipsync/v3"}, None),
    (FAL_LIPSYNC, Kind.VIDEO, {}, None),
]


def _order(vendor: Vendor, kind: Kind, options: dict[str, object]) -> Order:
    seconds = 6.0 if kind is Kind.VIDEO else None
    face = Media(Path("face"), kind, "mp4", 1000, "0" * 64, duration=seconds)
    audio = Media(Path("audio"), Kind.AUDIO, "wav", 1000, "1" * 64, duration=8.1)
    return made(vendor, face, audio, Path(), **options)


async def _estimate(vendor: Vendor, order: Order) -> float | None:
    async with Platform(vendor).provider() as provider:
        return provider.estimate(order)


@pytest.mark.parametrize(("vendor", "kind", "options", "cost"), ESTIMATES)
async def test_an_estimate_follows_from_what_is_asked(
    vendor: Vendor, kind: Kind, options: dict[str, object], cost: float | None
) -> None:
    assert await _estimate(vendor, _order(vendor, kind, options)) == cost


@pytest.mark.parametrize(
    ("mode", "cost"), [(SyncMode.CUT_OFF, 0.07), (SyncMode.SILENCE, 0.0945), (None, 0.0945)]
)
async def test_fal_charges_for_the_video_that_comes_out(mode: SyncMode | None, cost: float) -> None:
    order = replace(_order(FAL_SYNC, Kind.VIDEO, {}), sync_mode=mode)
    assert await _estimate(FAL_SYNC, order) == cost


@pytest.mark.parametrize("provider", [provider.name for provider in HTTP_PROVIDERS])
def test_whatever_is_estimated_has_a_date_and_a_source(provider: str) -> None:
    price = price_of(provider)
    if price.rates:
        assert price.says
        assert price.source
        assert price.told == f"{price.says} (August 2026)"
    else:
        assert price.told is None


@pytest.fixture(scope="module")
def standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStandIn]:
    with RunningStandIn(tmp_path_factory.mktemp("standin")) as running:
        yield running


@pytest.fixture(scope="module")
def gateway(standin: RunningStandIn, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("gateway"), **standin.settings) as running:
        yield running


@pytest.fixture
def nothing_paid(standin: RunningStandIn) -> Iterator[None]:
    before = standin.seen()["paid"]
    yield
    assert standin.seen()["paid"] == before


Ask = Callable[..., Any]


@pytest.fixture
def ask(gateway: Service, photo: Path, speech: Path) -> Ask:
    def order(**fields: str) -> Any:
        return gateway.order(photo, speech, **fields)

    return order


@pytest.mark.usefixtures("nothing_paid")
def test_an_order_that_is_too_expensive_is_refused(ask: Ask) -> None:
    problem = assert_problem(ask(provider="gooey", max_cost="5.5"), 422, "max_cost_exceeded")
    assert problem["detail"] == (
        "Gooey.AI would charge about 6 credits, more than the max_cost of 5.5."
    )
    assert problem["provider"] == "gooey"


def test_an_order_within_its_max_cost_is_carried_out(ask: Ask) -> None:
    job = ask(provider="gooey", max_cost="6").json()
    assert job["status"] == "success"
    assert job["cost"] == {"estimated": 6, "charged": None, "unit": "credits"}


@pytest.mark.usefixtures("nothing_paid")
@pytest.mark.parametrize("provider", ["aiml_pixverse", "fal_lipsync"])
def test_an_order_whose_cost_nobody_knows_is_refused(ask: Ask, provider: str) -> None:
    problem = assert_problem(ask(provider=provider, max_cost="1e9"), 422, "max_cost_exceeded")
    assert "is not known beforehand, so max_cost cannot be kept to." in problem["detail"]


@pytest.mark.usefixtures("nothing_paid")
def test_our_own_engine_never_costs_too_much(ask: Ask) -> None:
    options = '{"max_side": 128}'
    job = ask(provider="local", max_cost="0", options=options).json()
    assert (job["status"], job["cost"]) == ("success", None)


@pytest.mark.usefixtures("nothing_paid")
def test_auto_goes_on_to_whom_the_max_cost_means_something(ask: Ask) -> None:
    """Everybody's credits are their own: five of one are not five of another."""
    others = [provider.label for provider in HTTP_PROVIDERS if provider.name != "gooey"]
    job = ask(max_cost="5").json()
    assert (job["status"], job["provider"], job["cost"]) == ("success", "local", None)
    assert job["warnings"][:2] == [
        "Gooey.AI refused (max_cost_exceeded), so Local engine was asked.",
        f"Not asked, because max_cost is in Gooey.AI's credits: {', '.join(others)}.",
    ]


@pytest.mark.usefixtures("nothing_paid")
@pytest.mark.parametrize("nonsense", ["-1", "nan", "inf", "cheap"])
def test_a_max_cost_that_is_none_is_refused(ask: Ask, nonsense: str) -> None:
    problem = assert_problem(ask(provider="gooey", max_cost=nonsense), 422, "invalid_request")
    assert problem["errors"][0]["loc"] == ["max_cost"]


def test_fal_is_estimated_in_the_money_of_its_price(ask: Ask) -> None:
    job = ask(provider="fal_sync_lipsync", max_cost="0.1").json()
    assert job["status"] == "success"
    assert job["cost"]["unit"] == "USD"
    assert 0.02 < job["cost"]["estimated"] < 0.04


def test_prices_are_listed_with_their_date(gateway: Service) -> None:
    listed = {each["name"]: each for each in gateway.client.get("/providers").json()["providers"]}
    assert listed["gooey"]["pricing"].endswith("for each 5 seconds begun (August 2026)")
    assert listed["fal_lipsync"]["pricing"] is None
    assert listed["local"]["pricing"] == "free"
