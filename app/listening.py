"""Hears what the other replicas changed: one connection that PostgreSQL sends its notices to."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import psycopg
import structlog

from app.database import CHANNEL, Database
from app.hints import Hints

AGAIN = 1.0
"""Seconds until a connection that broke is made anew."""
log = structlog.get_logger(__name__)


class Listener:
    """Passes the hints of other replicas on to those who wait here."""

    def __init__(self, database: Database, hints: Hints) -> None:
        url = database.url.set(drivername="postgresql")
        self._url = url.render_as_string(hide_password=False)
        self._hints = hints
        self._listening: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Listen until ``stop``, also after the database was away."""
        self._listening = asyncio.create_task(self._listen_always())

    async def stop(self) -> None:
        """Listen no longer."""
        if self._listening:
            self._listening.cancel()
            with suppress(asyncio.CancelledError):
                await self._listening

    async def _listen_always(self) -> None:
        while True:
            with suppress(psycopg.Error, OSError):
                await self._listen()
            await asyncio.sleep(AGAIN)

    async def _listen(self) -> None:
        async with await psycopg.AsyncConnection.connect(self._url, autocommit=True) as connection:
            await connection.execute(f"LISTEN {CHANNEL}")
            # Whatever was said in the meantime went unheard.
            self._hints.tell_all()
            async for notice in connection.notifies():
                topic, _, name = notice.payload.partition(" ")
                self._hints.tell(topic, name)
