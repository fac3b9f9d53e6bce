"""The one database: SQLite in the data folder, or a PostgreSQL server for several replicas."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

METADATA = sa.MetaData()
"""The tables of this service; each module that keeps something adds its own."""


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
    engine = create_async_engine(url)
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine.sync_engine, "connect", keep_safe)
    return engine


def keep_safe(connection: Any, _record: object) -> None:
    """Make SQLite survive a loss of power, and let readers and the writer work side by side."""
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=5000"):
        connection.execute(f"PRAGMA {pragma}")
