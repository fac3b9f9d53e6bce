"""The header Idempotency-Key: the same order sent again is the same job."""

from __future__ import annotations

import hashlib
import json
import re

from pydantic import BaseModel
from starlette.requests import Request

from app.api.uploads import Form
from app.claims import Claim
from app.errors import InvalidRequest

KEY_PATTERN = "^[!-~]{1,255}$"
"""Visible ASCII characters."""
_KEY = re.compile(KEY_PATTERN)


def key_of(request: Request) -> str | None:
    """The key of a request, if it has one. Raises InvalidRequest for one that cannot be."""
    given = request.headers.getlist("idempotency-key")
    if not given:
        return None
    if len(given) > 1 or not _KEY.fullmatch(given[0]):
        raise InvalidRequest("Idempotency-Key: send one key of 1 to 255 visible ASCII characters.")
    return given[0]


def claim_of(key: str, caller: str, form: Form, fields: BaseModel) -> Claim:
    """What a key claims: just these parts, for just this caller.

    The parts count and not the raw body, whose boundary is another each time; ``wait`` does not
    count, because an order that is asked for with more patience is no other order.
    """
    asked = fields.model_dump(mode="json", exclude={"wait"}, exclude_defaults=True)
    files = {name: upload.sha256 for name, upload in form.files.items()}
    parts = json.dumps({"fields": asked, "files": files}, sort_keys=True)
    return Claim(_digest(caller), key, _digest(parts))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
