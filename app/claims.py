"""Idempotency keys at rest: which job an order that is sent again already has."""

from __future__ import annotations

import time
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database import METADATA

KEPT_SECONDS = 86_400
"""For how long a key stands for its job."""

_claims = sa.Table(
    "idempotency_keys",
    METADATA,
    sa.Column("scope", sa.String, primary_key=True),
    sa.Column("key", sa.String, primary_key=True),
    sa.Column("fingerprint", sa.String, nullable=False),
    sa.Column("job_id", sa.String, nullable=False, index=True),
    sa.Column("created_at", sa.Float, nullable=False, index=True),  # seconds since 1970, UTC
)


@dataclass(frozen=True, slots=True)
class Claim:
    """A caller's key for an order. ``scope`` tells callers apart, ``fingerprint`` orders."""

    scope: str
    key: str
    fingerprint: str


class KeyTaken(Exception):
    """The key stands for another job already."""


async def lay(connection: AsyncConnection, claim: Claim, job_id: str) -> None:
    """Keep a key with the job it stands for, and forget those that are too old.

    Raises KeyTaken; then nothing of the transaction may be kept.
    """
    now = time.time()
    await connection.execute(sa.delete(_claims).where(_claims.c.created_at < now - KEPT_SECONDS))
    values = {
        "scope": claim.scope,
        "key": claim.key,
        "fingerprint": claim.fingerprint,
        "job_id": job_id,
        "created_at": now,
    }
    try:
        await connection.execute(sa.insert(_claims).values(values))
    except IntegrityError:
        raise KeyTaken from None


async def find(connection: AsyncConnection, claim: Claim) -> tuple[str, str] | None:
    """The fingerprint that a key was kept with, and the id of its job."""
    query = sa.select(_claims.c.fingerprint, _claims.c.job_id).where(
        _claims.c.scope == claim.scope,
        _claims.c.key == claim.key,
        _claims.c.created_at >= time.time() - KEPT_SECONDS,
    )
    row = (await connection.execute(query)).one_or_none()
    return (row.fingerprint, row.job_id) if row else None


async def drop(connection: AsyncConnection, job_id: str) -> None:
    """Forget the key of a job."""
    await connection.execute(sa.delete(_claims).where(_claims.c.job_id == job_id))
