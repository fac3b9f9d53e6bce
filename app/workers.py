"""Child processes that run one call at a time, under limits of time and memory.

What strangers send is decoded there, and videos are rendered there: a crash, a hang or a hunger
for memory ends that one call and its process, never the service, and the event loop stays free.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import resource
import signal
import threading
import time
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import TypeVar, cast

T = TypeVar("T")
Report = Callable[..., None]


class WorkerDied(Exception):
    """The worker process ended in the middle of a call: a crash, or too little memory."""


class WorkerTimedOut(Exception):
    """The call took longer than it may; its process was ended."""


class WorkerPool:
    """At most ``size`` child processes at work; a call beyond that waits for its turn, in order.

    ``memory`` bounds each process's address space in bytes (where the system can: Linux).
    With ``keep`` a process serves one call after another; without it each call gets a fresh one,
    so that what it took from the system goes back.
    """

    def __init__(self, size: int, *, memory: int, keep: bool) -> None:
        self._turn = asyncio.Semaphore(size)
        self._memory = memory
        self._keep = keep
        self._idle: list[_Worker] = []
        self._busy: set[_Worker] = set()

    async def run(
        self,
        function: Callable[..., T],
        *args: object,
        seconds: float,
        on_start: Callable[[], None] | None = None,
        on_report: Report | None = None,
    ) -> T:
        """Call ``function(*args)`` in a child process and return what it returns.

        Both must survive pickling. With ``on_report`` the function gets one argument more, a
        callable whose arguments arrive at ``on_report`` here. Raises what the function raises,
        WorkerTimedOut after ``seconds`` seconds of work, and WorkerDied.
        """
        async with self._turn:
            worker = await self._next_worker()
            self._busy.add(worker)
            try:
                if on_start:
                    on_start()
                async with asyncio.timeout(seconds):
                    outcome = await worker.call(function, args, on_report)
            except TimeoutError:
                raise WorkerTimedOut from None
            finally:
                self._busy.discard(worker)
                await self._put_back(worker)
        if isinstance(outcome, Exception):
            raise outcome
        return cast("T", outcome)

    async def close(self) -> None:
        """End every process, also those at work."""
        for worker in (*self._idle, *self._busy):
            await worker.end()
        self._idle.clear()

    async def _next_worker(self) -> _Worker:
        # One that died while it had nothing to do must not cost the next caller a call.
        while self._idle:
            worker = self._idle.pop()
            if worker.alive:
                return worker
            await worker.end()
        return await _Worker.start(self._memory)

    async def _put_back(self, worker: _Worker) -> None:
        if self._keep and worker.ready:
            self._idle.append(worker)
        else:
            await worker.end()


class _Worker:
    def __init__(self, process: SpawnProcess, pipe: Connection) -> None:
        self._process = process
        self._pipe = pipe
        self.ready = True

    @classmethod
    async def start(cls, memory: int) -> _Worker:
        spawn = multiprocessing.get_context("spawn")
        ours, theirs = spawn.Pipe()
        process = spawn.Process(target=_serve, args=(theirs, memory), name="lipsync-worker")
        await asyncio.to_thread(process.start)
        theirs.close()
        return cls(process, ours)

    @property
    def alive(self) -> bool:
        return self._process.is_alive()

    async def call(
        self, function: Callable[..., object], args: tuple[object, ...], on_report: Report | None
    ) -> object:
        self.ready = False
        try:
            self._pipe.send((function, args, on_report is not None))
            while True:
                await self._readable()
                word, payload = self._pipe.recv()
                if word == "outcome":
                    self.ready = True
                    return payload
                if on_report:
                    on_report(*payload)
        except (EOFError, OSError):
            raise WorkerDied from None

    async def _readable(self) -> None:
        loop = asyncio.get_running_loop()
        arrived = asyncio.Event()
        loop.add_reader(self._pipe.fileno(), arrived.set)
        try:
            await arrived.wait()
        finally:
            loop.remove_reader(self._pipe.fileno())

    async def end(self) -> None:
        self.ready = False
        self._process.kill()
        await asyncio.shield(asyncio.to_thread(self._process.join))
        self._pipe.close()


def _serve(pipe: Connection, memory: int) -> None:
    """The life of a worker process: take a call, answer it, until the other side is gone."""
    _settle_in(memory)
    while True:
        try:
            function, args, reports = pipe.recv()
        except (EOFError, ConnectionResetError):
            return
        if reports:
            args = (*args, lambda *news: pipe.send(("report", news)))
        outcome = _outcome(function, args)
        try:
            pipe.send(("outcome", outcome))
        except BrokenPipeError:
            return


def _outcome(function: Callable[..., object], args: tuple[object, ...]) -> object:
    try:
        return function(*args)
    except BrokenPipeError:
        # The service is gone, and with it whoever wanted to know.
        os._exit(1)
    except Exception as problem:  # whatever it is, it belongs to the caller
        # A traceback does not survive the way to the other process; a note does.
        problem.add_note(traceback.format_exc())
        return problem


def _settle_in(memory: int) -> None:
    # Threads of a linear algebra library fight those of the video encoder for the same cores.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Ctrl-C reaches the whole group; the service decides what becomes of its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for limit, value in ((resource.RLIMIT_AS, memory), (resource.RLIMIT_CORE, 0)):
        # macOS refuses the limit on memory.
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(limit, (value, value))
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)
