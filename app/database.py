"""The one database: SQLite in the data folder, or a PostgreSQL server for several replicas."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

METADATA = sa.MetaData()
"""The tables of this service; each module that keeps something adds its own."""
PATIENCE = 120
"""Seconds that a statement may wait for its turn on SQLite's one connection."""


class Database:
    """Connections to the database at ``url``, in SQLAlchemy's words."""

    def __init__(self, url: str) -> None:
        self.engine = _engine(url)

    async def open(self) -> None:
        """Make the tables that are not there."""
        async with self.engine.begin() as connection:
            await connection.run_sync(METADATA.create_all)

    async def close(self) -> None:
        """Let go of the database."""
        await self.engine.dispose()


def _engine(url: str) -> AsyncEngine:
    if sa.make_url(url).get_backend_name() == "sqlite":
        # Several connections would wait for each other asleep, and not in the order they came.
        engine = create_async_engine(url, pool_size=1, max_overflow=0, pool_timeout=PATIENCE)
        sa.event.listen(engine.sync_engine, "connect", keep_safe)
        return engine
    return create_async_engine(url)


def keep_safe(connection: Any, _record: object) -> None:
    """Make SQLite survive a loss of power, and let readers and the writer work side by side."""
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=5000"):
        connection.execute(f"PRAGMA {pragma}")
