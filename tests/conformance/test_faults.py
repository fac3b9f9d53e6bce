"""What a fault means, wherever it strikes: one table for all providers."""

from __future__ import annotations

import httpx
import pytest

from app.errors import LipSyncError
from app.model import Order
from tests.conformance.platform import (
    Effect,
    Platform,
    checked,
    outcome,
    submitted,
)
from tests.vendors import VENDORS
from tests.vendors.base import HTML, KEY, REFUSALS, Reply, Vendor, truncated

# What meets a request, and what it means while files are uploaded (with the key, and without it to
# an address for uploads), as the answer to the order, and when one asks after the job. Until the
# order nothing is charged and afterwards that is unknown, unless the table says otherwise.
TAKEN = "taken"
UNREACHABLE = "503 provider_unavailable, retryable"
LOST = "502 outcome_unknown; charged: unknown"
NONSENSE = "502 bad_answer, retryable"
GARBLED = "502 bad_answer; charged: unknown"
KEY_REFUSED = "500 provider_auth"
NO_CREDITS = "402 out_of_credits"
WRONG_INPUT = "422 input_rejected"
TOO_OFTEN = "429 rate_limited, retryable"
FAILED = "502 provider_error, retryable"
MAYBE_TAKEN = "502 provider_error; charged: unknown"
FAULTS: dict[str, tuple[str, str, str, str]] = {
    # fault:           upload       put          submit            status and result
    "refused":         (UNREACHABLE, UNREACHABLE, UNREACHABLE,      UNREACHABLE),
    "connect_timeout": (UNREACHABLE, UNREACHABLE, UNREACHABLE,      UNREACHABLE),
    "pool_timeout":    (UNREACHABLE, UNREACHABLE, UNREACHABLE,      UNREACHABLE),
    "write_timeout":   (UNREACHABLE, UNREACHABLE, LOST,             UNREACHABLE),
    "reset":           (UNREACHABLE, UNREACHABLE, LOST,             UNREACHABLE),
    "closed":          (UNREACHABLE, UNREACHABLE, LOST,             UNREACHABLE),
    "read_timeout":    (UNREACHABLE, UNREACHABLE, LOST,             UNREACHABLE),
    "truncated":       (NONSENSE,    TAKEN,       GARBLED,          NONSENSE),
    "html":            (NONSENSE,    TAKEN,       GARBLED,          NONSENSE),
    "401":             (KEY_REFUSED, FAILED,      KEY_REFUSED,      KEY_REFUSED),
    "402":             (NO_CREDITS,  NO_CREDITS,  NO_CREDITS,       NO_CREDITS),
    "403_auth":        (KEY_REFUSED, FAILED,      KEY_REFUSED,      KEY_REFUSED),
    "403_credits":     (NO_CREDITS,  NO_CREDITS,  NO_CREDITS,       NO_CREDITS),
    "422":             (WRONG_INPUT, WRONG_INPUT, WRONG_INPUT,      WRONG_INPUT),
    "429":             (TOO_OFTEN,   TOO_OFTEN,   TOO_OFTEN,        TOO_OFTEN),
    "500":             (FAILED,      FAILED,      MAYBE_TAKEN,      FAILED),
    "502":             (FAILED,      FAILED,      MAYBE_TAKEN,      FAILED),
    "503":             (UNREACHABLE, UNREACHABLE, UNREACHABLE,      UNREACHABLE),
    "504":             (FAILED,      FAILED,      MAYBE_TAKEN,      FAILED),
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


def expected(vendor: Vendor, stage: str, fault: str) -> str:
    """By the table, unless the vendor's file says otherwise."""
    column = min(STAGES.index(stage), 3)
    wanted = vendor.unlike.get((stage, fault)) or FAULTS[fault][column]
    usual = "unknown" if column == 3 else "no"
    return wanted if wanted == TAKEN or "charged" in wanted else f"{wanted}; charged: {usual}"


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
