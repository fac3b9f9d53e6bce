"""Whoever called a worker process gets a word from it, whatever becomes of the process."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator

import pytest

from app.workers import WorkerDied, WorkerPool, WorkerTimedOut

SOON = 20.0
"""Seconds within which even a loaded machine starts a process."""


@pytest.fixture
async def pool() -> AsyncIterator[WorkerPool]:
    pool = WorkerPool(1, memory=4 << 30, keep=True)
    yield pool
    await pool.close()


async def test_a_crash_is_told_and_the_next_call_is_served(pool: WorkerPool) -> None:
    async with asyncio.timeout(SOON):
        with pytest.raises(WorkerDied):
            await pool.run(os._exit, 1, seconds=SOON)
        assert await pool.run(abs, -7, seconds=SOON) == 7


async def test_a_hang_is_ended(pool: WorkerPool) -> None:
    async with asyncio.timeout(SOON):
        with pytest.raises(WorkerTimedOut):
            await pool.run(time.sleep, 600, seconds=0.1)
        assert await pool.run(abs, -7, seconds=SOON) == 7
