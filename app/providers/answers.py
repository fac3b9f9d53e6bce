"""How a vendor's replies are declared: what stands where, and what its words mean."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Annotated, Any

import httpx
from pydantic import AliasPath, BaseModel, BeforeValidator, ConfigDict, Field

from app.model import State


class Answer(BaseModel):
    """A vendor's reply: only the fields that matter, and lenient about all others."""

    model_config = ConfigDict(extra="ignore", frozen=True)


def body_of(response: httpx.Response) -> Any:
    """The JSON of a reply. Raises ValueError where it is none.

    A vendor may cut its words in the middle of a character (RFC 8259, 8.2): what could be neither
    kept nor passed on becomes a question mark.
    """
    try:
        return json.loads(json.dumps(response.json(), ensure_ascii=False).encode(errors="replace"))
    except RecursionError:
        raise ValueError("it is nested too deep") from None


def at(*path: str | int) -> Any:
    """A field that stands somewhere inside the reply: ``url: str | None = at("video", "url")``."""
    first, *rest = path
    return Field(default=None, validation_alias=AliasPath(str(first), *rest))


def words(
    *, queued: str = "", working: str = "", success: str, failed: str = ""
) -> Mapping[str, State]:
    """A vendor's status words in ours, several with spaces between; any other: still working."""
    theirs = (queued, working, success, failed)
    ours = (State.QUEUED, State.PROCESSING, State.SUCCESS, State.FAILED)
    return {w: state for state, said in zip(ours, theirs, strict=True) for w in said.split()}


def _sum(value: object) -> float | None:
    with suppress(ValueError, TypeError):
        found = float(str(value))
        return found if 0 <= found < float("inf") else None
    return None


Amount = Annotated[float | None, BeforeValidator(_sum)]
"""What was charged, as a vendor tells it: no video is lost for a sum that is none."""
