"""Deliveries at rest: who is still to be told that a job is final."""

from __future__ import annotations

import time
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database import METADATA

LEASE_SECONDS = 30.0
"""For how long nobody else tries while one process does: it may have died in the middle."""

_deliveries = sa.Table(
    "deliveries",
    METADATA,
    sa.Column("job_id", sa.String, primary_key=True),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("due_at", sa.Float, index=True),  # seconds since 1970, UTC; null once it is over
    sa.Column("outcome", sa.String),  # of the latest attempt; null before its end
)


@dataclass(frozen=True, slots=True)
class Delivery:
    """A delivery that this process tries, and nobody else before ``leased_until``."""

    job_id: str
    attempt: int
    """Counts from 1."""
    leased_until: float


async def announce(connection: AsyncConnection, job_id: str) -> None:
    """Have somebody told of a job, in the transaction that makes it final."""
    due = {"job_id": job_id, "attempts": 0, "due_at": time.time()}
    await connection.execute(sa.insert(_deliveries).values(due))


async def claim(connection: AsyncConnection, *, now: float) -> Delivery | None:
    """Take the delivery that has been due for longest, if there is one."""
    oldest = (
        sa.select(_deliveries.c.job_id)
        .where(_deliveries.c.due_at <= now)
        .order_by(_deliveries.c.due_at)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    lease = (
        sa.update(_deliveries)
        .where(_deliveries.c.job_id == oldest.scalar_subquery(), _deliveries.c.due_at <= now)
        .values(due_at=now + LEASE_SECONDS, attempts=_deliveries.c.attempts + 1, outcome=None)
        .returning(_deliveries.c.job_id, _deliveries.c.attempts, _deliveries.c.due_at)
    )
    row = (await connection.execute(lease)).one_or_none()
    return Delivery(*row) if row else None


async def settle(
    connection: AsyncConnection, delivery: Delivery, *, outcome: str, due_at: float | None
) -> None:
    """Say how an attempt ended, and when the next one is due, if there is to be one.

    Nothing is written when the delivery was asked for again meanwhile, or taken by others.
    """
    own = sa.and_(
        _deliveries.c.job_id == delivery.job_id, _deliveries.c.due_at == delivery.leased_until
    )
    await connection.execute(
        sa.update(_deliveries).where(own).values(due_at=due_at, outcome=outcome)
    )


async def repeat(connection: AsyncConnection, job_id: str, *, now: float) -> None:
    """Have a job told of once more, as if it had never been."""
    anew = {"attempts": 0, "due_at": now, "outcome": None}
    change = sa.update(_deliveries).where(_deliveries.c.job_id == job_id).values(anew)
    if (await connection.execute(change)).rowcount == 0:
        await connection.execute(sa.insert(_deliveries).values(job_id=job_id, **anew))


async def drop(connection: AsyncConnection, job_id: str) -> None:
    """Forget whom to tell of a job."""
    await connection.execute(sa.delete(_deliveries).where(_deliveries.c.job_id == job_id))


async def next_due(connection: AsyncConnection) -> float | None:
    """When the next delivery is due, in seconds since 1970; None when there is none to be made."""
    due: float | None = await connection.scalar(sa.select(sa.func.min(_deliveries.c.due_at)))
    return due
