"""How many orders each caller sent lately, counted for all replicas together."""

from __future__ import annotations

import time

import sqlalchemy as sa
from limits.aio.storage import MovingWindowSupport, Storage
from sqlalchemy.exc import DBAPIError

from app.database import METADATA, Database

_arrivals = sa.Table(
    "arrivals",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("caller", sa.String, nullable=False, index=True),
    sa.Column("at", sa.Float, nullable=False, index=True),  # seconds since 1970, UTC
)


class Arrivals(Storage, MovingWindowSupport):
    """What `limits` counts with, kept in the database. Only its moving window is there."""

    STORAGE_SCHEME = None

    def __init__(self, database: Database) -> None:
        super().__init__()
        self._database = database

    @property
    def base_exceptions(self) -> type[Exception]:
        """What goes wrong when the database is away."""
        return DBAPIError

    async def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Note an arrival, unless there were ``limit`` in the last ``expiry`` seconds."""
        now = time.time()
        of_caller = sa.select(sa.func.count()).where(_arrivals.c.caller == key)
        async with self._database.engine.begin() as connection:
            await self._database.exclusively(connection, f"arrivals {key}")
            await connection.execute(sa.delete(_arrivals).where(_arrivals.c.at < now - expiry))
            if (await connection.execute(of_caller)).scalar_one() + amount > limit:
                return False
            await connection.execute(sa.insert(_arrivals), [{"caller": key, "at": now}] * amount)
        return True

    async def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        """When the oldest arrival that still counts was, and how many there are."""
        since = time.time() - expiry
        counted = sa.select(sa.func.min(_arrivals.c.at), sa.func.count()).where(
            _arrivals.c.caller == key, _arrivals.c.at >= since
        )
        async with self._database.engine.connect() as connection:
            first, count = (await connection.execute(counted)).one()
        return first or time.time(), count

    async def check(self) -> bool:
        """Whether the database can be asked."""
        async with self._database.engine.connect() as connection:
            return bool((await connection.execute(sa.select(1))).scalar_one())

    async def reset(self) -> int | None:
        """Forget every arrival."""
        async with self._database.engine.begin() as connection:
            return int((await connection.execute(sa.delete(_arrivals))).rowcount)

    async def clear(self, key: str) -> None:
        """Forget the arrivals of one caller."""
        async with self._database.engine.begin() as connection:
            await connection.execute(sa.delete(_arrivals).where(_arrivals.c.caller == key))

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Not needed for a moving window."""
        raise NotImplementedError

    async def get(self, key: str) -> int:
        """Not needed for a moving window."""
        raise NotImplementedError

    async def get_expiry(self, key: str) -> float:
        """Not needed for a moving window."""
        raise NotImplementedError
