"""Keeps a replica among the others: shows that it lives, and takes up what dead ones left."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import structlog
from sqlalchemy.exc import DBAPIError

from app.hints import REPLICAS
from app.replicas import BEAT, Replicas
from app.runner import Runner
from app.store import Store

log = structlog.get_logger(__name__)


class Attendance:
    """One replica's rounds, a few seconds apart, and at once when another one leaves."""

    def __init__(self, replicas: Replicas, store: Store, runner: Runner) -> None:
        self._replicas = replicas
        self._store = store
        self._runner = runner
        self._rounds: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Show up, before anything is carried out here, and go round until ``stop``."""
        await self._replicas.beat()
        self._rounds = asyncio.create_task(self._go_round())

    async def stop(self) -> None:
        """Leave, so that the others take up at once what is under way here."""
        if self._rounds:
            self._rounds.cancel()
            with suppress(asyncio.CancelledError):
                await self._rounds
        # If the database is away, too, the others find out by themselves.
        with suppress(DBAPIError, OSError):
            await self._replicas.leave()

    async def _go_round(self) -> None:
        with self._store.hints.news(REPLICAS) as news:
            while True:
                news.clear()
                try:
                    await self._round()
                except Exception as problem:  # the next round may do better
                    log.warning("a round failed", problem=str(problem).splitlines()[0])
                with suppress(TimeoutError):
                    async with asyncio.timeout(BEAT):
                        await news.wait()

    async def _round(self) -> None:
        await self._replicas.beat()
        dead = await self._replicas.bury()
        for replica in dead:
            log.warning("a replica is gone", replica=replica)
        await self._runner.take_up(await self._store.adopt())
        for replica in dead:
            await self._runner.forget_replica(replica)
        for job_id in await self._store.canceled():
            self._runner.cancel(job_id)
