"""A vendor's webhook has its run looked at sooner, if it is the vendor's own, and no more."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from nacl.signing import SigningKey

from app.errors import ProviderUnavailable
from app.providers.webhooks import SigningKeys
from tests.service import ORIGIN, Service, assert_problem
from tests.standin import RunningStandIn
from tests.vendors import fal, magic_hour

KEY = {"Authorization": "Bearer a-key"}
Signed = Callable[..., dict[str, str]]
VENDORS: dict[str, Signed] = {"fal": fal.signed, "magic_hour": magic_hour.signed}


@pytest.fixture(scope="module")
def standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStandIn]:
    """Platforms whose jobs never end."""
    with RunningStandIn(tmp_path_factory.mktemp("platforms"), seconds=3600) as running:
        yield running


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, standin: RunningStandIn) -> Iterator[Service]:
    """A service that the outside reaches, and that lets nobody in without a key."""
    with Service(
        tmp_path_factory.mktemp("gateway"),
        **standin.settings,
        PUBLIC_BASE_URL="https://gateway.example",
        MAGIC_HOUR_WEBHOOK_SECRET=magic_hour.WEBHOOK_SECRET,
        API_KEYS="a-key",
    ) as running:
        running.client.headers.update(KEY)
        yield running


@pytest.fixture(scope="module")
def clip(gateway: Service, photo: Path, speech: Path, files: Path) -> Path:
    """A video of a talking face, which both vendors take as it is."""
    job = gateway.order(photo, speech, provider="local", options='{"max_side": 256}').json()
    path = files / "webhooked.mp4"
    path.write_bytes(gateway.client.get(f"/lipsync/{job['job_id']}/video").content)
    return path


def told(run_id: str, vendor: str) -> bytes:
    """What a vendor says of a run."""
    if vendor == "fal":
        return json.dumps({"request_id": run_id, "status": "OK", "payload": {}}).encode()
    return json.dumps({"type": "video.completed", "payload": {"id": run_id}}).encode()


def tell(gateway: Service, vendor: str, body: bytes, headers: dict[str, str]) -> httpx.Response:
    return httpx.post(
        f"{gateway.base_url}/webhooks/{vendor}", content=body, headers=headers | ORIGIN
    )


def ordered(standin: RunningStandIn, run_id: str) -> dict[str, Any]:
    orders: list[dict[str, Any]] = standin.seen()["orders"]
    (order,) = [each for each in orders if each["job_id"] == run_id]
    return order


def checks(standin: RunningStandIn, run_id: str) -> int:
    return int(ordered(standin, run_id)["checks"])


def checked(standin: RunningStandIn, run_id: str, times: int, *, within: float) -> None:
    """Wait until a run was asked after that often."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if checks(standin, run_id) >= times:
            return
    raise AssertionError(f"asked {checks(standin, run_id)} times, not {times}")


@pytest.mark.parametrize(
    ("vendor", "provider"), [("fal", "fal_lipsync"), ("magic_hour", "magic_hour")]
)
def test_a_webhook_has_its_run_looked_at_sooner(
    gateway: Service,
    standin: RunningStandIn,
    clip: Path,
    long_speech: Path,
    vendor: str,
    provider: str,
) -> None:
    job = gateway.order(clip, long_speech, provider=provider, wait="0").json()
    run_id = gateway.reached(job["job_id"], "waiting")["run_id"]
    body = told(run_id, vendor)
    began = time.monotonic()
    # Left alone it is looked at for the eighth time after 27 seconds or later.
    for times in range(2, 9):
        answer = tell(gateway, vendor, body, VENDORS[vendor](body, at=time.time()))
        assert answer.status_code == 204
        checked(standin, run_id, times, within=30)
    assert time.monotonic() - began < 20
    assert gateway.client.get(f"/lipsync/{job['job_id']}").json()["status"] == "processing"
    address = "?fal_webhook=https%3A%2F%2Fgateway.example%2Fwebhooks%2Ffal"
    assert ordered(standin, run_id)["address"].endswith(address) == (vendor == "fal")
    gateway.client.post(f"/lipsync/{job['job_id']}/cancel")


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_run_that_nobody_knows_changes_nothing(gateway: Service, vendor: str) -> None:
    for body in (told("nobody's", vendor), b"{}", b"no JSON", b"", b"[" * 5000):
        answer = tell(gateway, vendor, body, VENDORS[vendor](body, at=time.time()))
        assert answer.status_code == 204, body


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize("off", [-302, 400])
def test_what_is_not_fresh_is_refused(gateway: Service, vendor: str, off: float) -> None:
    body = told("a-run", vendor)
    answer = tell(gateway, vendor, body, VENDORS[vendor](body, at=time.time() + off))
    problem = assert_problem(answer, 401, "unauthorized")
    assert problem["detail"] == "The webhook's time is missing, or too far from now."


@pytest.mark.parametrize("vendor", VENDORS)
def test_what_the_vendor_did_not_sign_is_refused(gateway: Service, vendor: str) -> None:
    body = told("a-run", vendor)
    headers = VENDORS[vendor](body, at=time.time())
    others: dict[str, dict[str, object]] = {
        "fal": {"signer": SigningKey.generate()},
        "magic_hour": {"secret": "another"},
    }
    forged = VENDORS[vendor](body, at=time.time(), **others[vendor])
    name = next(name for name in headers if name.lower().endswith("signature"))
    for sent, shown in [
        (body + b" ", headers),
        (body, forged),
        (body, {**headers, name: ""}),
        (body, {**headers, name: "no hex"}),
        (body, {**headers, name: "ab"}),
        (body, {other: value for other, value in headers.items() if other != name}),
    ]:
        problem = assert_problem(tell(gateway, vendor, sent, shown), 401, "unauthorized")
        assert problem["detail"] == "The webhook's signature is missing or wrong."


def test_what_is_too_long_is_not_read(gateway: Service) -> None:
    answer = tell(gateway, "fal", bytes(1_000_001), {})
    assert_problem(answer, 413, "too_large")


@pytest.mark.parametrize("vendor", ["gooey", "local", "nobody"])
def test_who_sends_no_webhooks_is_not_heard(gateway: Service, vendor: str) -> None:
    assert_problem(tell(gateway, vendor, b"{}", {}), 404, "not_found")


@pytest.mark.parametrize("vendor", VENDORS)
def test_who_is_not_configured_is_not_heard(service: Service, vendor: str) -> None:
    body = told("a-run", vendor)
    answer = tell(service, vendor, body, VENDORS[vendor](body, at=time.time()))
    assert_problem(answer, 404, "not_found")


class Publisher:
    """A vendor that publishes its keys, and may change them; ``asked`` is how often."""

    def __init__(self, *signers: SigningKey) -> None:
        self.signers: Sequence[SigningKey] = signers
        self.asked = 0
        self.seconds = 0.0
        self.away = False
        self.keys = SigningKeys(self.publish, now=lambda: self.seconds)

    async def publish(self) -> list[bytes]:
        self.asked += 1
        if self.away:
            raise ProviderUnavailable
        return [b"too short", *(signer.verify_key.encode() for signer in self.signers)]

    async def vouches(self, signer: SigningKey) -> bool:
        return await self.keys.fit(b"message", signer.sign(b"message").signature)


OLD, NEW, FORGED = (SigningKey(hashlib.sha256(name).digest()) for name in (b"old", b"new", b"x"))


async def test_keys_are_fetched_once_a_day() -> None:
    publisher = Publisher(OLD)
    for _ in range(3):
        assert await publisher.vouches(OLD)
    assert publisher.asked == 1
    publisher.seconds += 86_400
    assert await publisher.vouches(OLD)
    assert publisher.asked == 2


async def test_a_new_key_is_looked_for_but_not_for_every_forgery() -> None:
    publisher = Publisher(OLD)
    assert await publisher.vouches(OLD)
    publisher.seconds += 300
    publisher.signers = (NEW,)
    assert await publisher.vouches(NEW)
    assert not await publisher.vouches(OLD)
    for _ in range(100):
        assert not await publisher.vouches(FORGED)
    assert publisher.asked == 2


async def test_a_vendor_that_is_away_is_not_asked_for_every_webhook() -> None:
    publisher = Publisher(OLD)
    publisher.away = True
    with pytest.raises(ProviderUnavailable):
        await publisher.vouches(OLD)
    publisher.away = False
    assert not await publisher.vouches(OLD)
    assert publisher.asked == 1
    publisher.seconds += 300
    assert await publisher.vouches(OLD)
