"""The one database: SQLite in the data folder, or a PostgreSQL server for several replicas."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import sqlalchemy as sa
import structlog
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.schema import CreateColumn

METADATA = sa.MetaData()
"""The tables of this service; each module that keeps something adds its own."""
PATIENCE = 120
"""Seconds that a statement may wait for its turn on SQLite's one connection."""
CHANNEL = "lipsync"
"""On which PostgreSQL passes hints from one replica to the others."""
CONNECTIONS = 10
PAUSES = (0.1, 0.2, 0.5, 1.0, 2.0)
"""Seconds between attempts to reach a database that is away; the last one is repeated."""

T = TypeVar("T")
log = structlog.get_logger(__name__)


class Database:
    """Connections to the database at ``url``, in SQLAlchemy's words."""

    def __init__(self, url: str) -> None:
        self.engine = _engine(url)
        self.url = self.engine.url
        self.shared = self.engine.dialect.name == "postgresql"
        """Whether other replicas may use it, too."""

    async def open(self) -> None:
        """Make the tables, columns and indexes that are not there."""
        async with self.engine.begin() as connection:
            await self.exclusively(connection, "schema")
            await connection.run_sync(_bring_up_to_date)

    async def close(self) -> None:
        """Let go of the database."""
        await self.engine.dispose()

    async def exclusively(self, connection: AsyncConnection, what: str) -> None:
        """Let no other replica do the same until this transaction ends.

        On SQLite there is no other one, and a statement that writes is alone as it is.
        """
        if self.shared:
            key = sa.func.hashtextextended(what, 0)
            await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(key)))

    async def hint(self, connection: AsyncConnection, topic: str, name: str) -> None:
        """Have the other replicas hear of a change once this transaction is committed."""
        if self.shared:
            await connection.execute(sa.select(sa.func.pg_notify(CHANNEL, f"{topic} {name}")))

    async def patiently(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do something for a job under way, again and again while the database is away.

        What is done must be the same when it is done twice: an answer may be lost.
        """
        attempt = 0
        while True:
            try:
                return await work()
            except (DBAPIError, OSError) as problem:
                if not away(problem):
                    raise
                if attempt == 0:
                    log.warning("the database is away", problem=str(problem).splitlines()[0])
            await asyncio.sleep(PAUSES[min(attempt, len(PAUSES) - 1)])
            attempt += 1


def away(problem: Exception) -> bool:
    """Whether the database could not be asked, and not what it was asked was wrong."""
    if isinstance(problem, DBAPIError):
        kinds = (OperationalError, InterfaceError)
        return problem.connection_invalidated or isinstance(problem, kinds)
    return isinstance(problem, OSError)


def _engine(url: str) -> AsyncEngine:
    if sa.make_url(url).get_backend_name() == "sqlite":
        # Several connections would wait for each other asleep, and not in the order they came.
        engine = create_async_engine(url, pool_size=1, max_overflow=0, pool_timeout=PATIENCE)
        sa.event.listen(engine.sync_engine, "connect", keep_safe)
        return engine
    return create_async_engine(url, pool_size=CONNECTIONS, max_overflow=0, pool_pre_ping=True)


def keep_safe(connection: Any, _record: object) -> None:
    """Make SQLite survive a loss of power, and let readers and the writer work side by side."""
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=5000"):
        connection.execute(f"PRAGMA {pragma}")


def _bring_up_to_date(connection: sa.Connection) -> None:
    """What an earlier version made stays as it is; what is new since then is added."""
    METADATA.create_all(connection)
    inspector = sa.inspect(connection)
    for table in METADATA.sorted_tables:
        there = {column["name"] for column in inspector.get_columns(table.name)}
        for column in table.columns:
            if column.name not in there:
                added = CreateColumn(column).compile(dialect=connection.dialect)
                name = connection.dialect.identifier_preparer.format_table(table)
                connection.execute(sa.text(f"ALTER TABLE {name} ADD COLUMN {added}"))
        for index in table.indexes:
            index.create(connection, checkfirst=True)
