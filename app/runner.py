"""Carries each job from its order to its video, on a durable engine (DBOS Transact).

One workflow a job, its id the job's. The workflow only holds that the job is under way, and where;
how far it has got is in the job's row. A process that ends in the middle goes on from there.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from dbos import DBOS, SetWorkflowID

from app.database import Database
from app.following import Following
from app.hints import CANCEL
from app.model import Job
from app.rows import Lost, Rows
from app.steps import Steps
from app.store import Store
from app.watch import Ending, Watch, parked
from app.workflows import STEPS, configure

HAND_OVER_SECONDS = 8.0
"""How long the end of the process waits for the answers to requests that may have been paid for."""
LOOK_FOR_WORK = 0.5
"""Seconds between looks for workflows that were handed back to this replica."""
CLOSING_SECONDS = 2.0
"""How long the engine is given to write down what has ended."""
LOOK_AGAIN = 0.02
"""Seconds between looks at whether it has."""
GO_ON, NEXT, END = "go on", "next", "end"

Step = Callable[[str], Awaitable[str]]
Act = Callable[[Job, Watch], Awaitable[None]]


class Runner:
    """Starts jobs, takes up those that were interrupted, and parks them at the end."""

    def __init__(
        self, steps: Steps, following: Following, store: Store, database: Database
    ) -> None:
        self._steps = steps
        self._following = following
        self._rows = Rows(store)
        self._store = store
        self._database = database
        self._queue = store.owner if database.shared else None
        self._watches: dict[str, Watch] = {}
        self._left: set[str] = set()
        self._stopping = False
        store.hints.listen(CANCEL, self.cancel)

    async def start(self, file: Path) -> None:
        """Start the engine on the running loop; ``file`` is its database, if that is not shared."""
        configure(self._store.owner, self._database, file)
        self._carry = self._workflow()
        if self._queue:
            DBOS.listen_queues([self._queue])
        DBOS.launch()
        if self._queue:
            await DBOS.register_queue_async(self._queue, polling_interval_sec=LOOK_FOR_WORK)

    async def park(self) -> None:
        """Leave what is under way to whoever goes on with it, at a moment that loses nothing."""
        self._stopping = True
        under_way = list(self._watches.values())
        for watch in under_way:
            watch.interrupt(Ending.PARKED)
        with suppress(TimeoutError):
            async with asyncio.timeout(HAND_OVER_SECONDS):
                await asyncio.gather(*(watch.uncommitted.wait() for watch in under_way))
        # Should its database be away, the engine repeats at the next start what it could not note.
        with suppress(Exception):
            async with asyncio.timeout(CLOSING_SECONDS):
                await self._come_to_rest()

    async def _come_to_rest(self) -> None:
        """Wait until the engine has noted which steps, and which jobs, have ended."""
        while True:
            begun = await DBOS.list_workflows_async(
                status="PENDING",
                executor_id=self._store.owner,
                app_version=STEPS,
                load_input=False,
                load_output=False,
            )
            if all(workflow.workflow_id in self._watches for workflow in begun):
                return
            await asyncio.sleep(LOOK_AGAIN)

    async def stop(self) -> None:
        """End the engine."""
        if self._queue:
            with suppress(Exception):  # the next replica that looks forgets it
                async with asyncio.timeout(1):
                    await self.forget_replica(self._queue)
        await asyncio.to_thread(DBOS.destroy, destroy_registry=True)
        # The engine made its own threads the loop's, and ended them just now.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor())

    async def begin(self, job_id: str) -> None:
        """Have a recorded job carried out. Doing so twice changes nothing."""
        # Not through a queue: one that is looked into often enough to start a job within 100 ms
        # keeps an idle service busy. How many jobs there may be is decided at the door.
        with SetWorkflowID(job_id):
            await DBOS.start_workflow_async(self._carry, job_id)

    async def forget(self, job_id: str) -> None:
        """Drop the engine's record of a final job."""
        # A job is final a moment before the engine has written down that its workflow is.
        deadline = time.monotonic() + CLOSING_SECONDS
        while time.monotonic() < deadline:
            status = await DBOS.get_workflow_status_async(job_id)
            if status is None or status.status != "PENDING":
                break
            await asyncio.sleep(LOOK_AGAIN)
        await DBOS.delete_workflow_async(job_id)

    async def take_up(self, job_ids: Collection[str]) -> None:
        """Carry on with adopted jobs, those of an earlier attempt that failed included."""
        self._left.update(job_ids)
        if not self._left:
            return
        found = await DBOS.list_workflows_async(
            workflow_ids=sorted(self._left), load_input=False, load_output=False
        )
        known = {workflow.workflow_id: workflow for workflow in found}
        for job_id in sorted(self._left):
            workflow = known.get(job_id)
            if workflow is None:
                await self.begin(job_id)
            elif workflow.app_version == STEPS and workflow.status in ("PENDING", "ENQUEUED"):
                await self._resume(job_id)
            else:
                # What is left to do is in the job's row; what was done under other names is not.
                await DBOS.delete_workflow_async(job_id)
                await self.begin(job_id)
            self._left.discard(job_id)

    async def _resume(self, job_id: str) -> None:
        # A process that has the database for itself resumes what it left as soon as it starts.
        if self._queue:
            await DBOS.resume_workflows_async([job_id], queue_name=self._queue)

    async def forget_replica(self, replica: str) -> None:
        """Look no longer for work that was handed back to a replica that is gone."""
        await DBOS.delete_queue_async(replica)

    def _workflow(self) -> Callable[[str], Coroutine[Any, Any, None]]:
        # None of them is a step of the engine's: the row says already which of them are done, and
        # having the engine write down the same costs as much as the rest of its work.
        acts = (self._steps.hand_over, self._following.follow, self._steps.keep)
        steps = [self._settled(act) for act in acts]

        async def carry(job_id: str) -> None:
            # One provider after the other, until one takes the order to its end.
            while await _in_turn(steps, job_id) == NEXT:
                pass

        return DBOS.workflow(name="lipsync")(carry)

    def _settled(self, act: Act) -> Step:
        """A step that ends the job in any case of error: a caller may be waiting for it."""

        async def run(job_id: str) -> str:
            watch = self._watches[job_id] = Watch()
            try:
                # What others leave may still be taken up here while the last requests are answered.
                await self._park_if_stopping()
                word = await self._attempt(act, job_id, watch)
                await self._park_if_stopping()
                return word
            except Lost:
                # Whoever has the job now goes on with it; nothing may be said of this step.
                return await parked()
            finally:
                if self._watches.get(job_id) is watch:
                    del self._watches[job_id]

        return run

    async def _attempt(self, act: Act, job_id: str, watch: Watch) -> str:
        # The watch is there before the row is read, so that no wish to cancel falls in between.
        job = await self._rows.job(job_id)
        if job is None:
            return END
        if job.cancel_asked_at:
            watch.interrupt(Ending.CANCELED)
        try:
            await act(job, watch)
        except Lost:
            raise
        except Exception as problem:
            watch.release()
            await self._park_if_stopping()
            return NEXT if await self._steps.settle(job_id, problem) else END
        watch.release()
        return GO_ON

    def cancel(self, job_id: str) -> None:
        """End a job that is carried out here."""
        if watch := self._watches.get(job_id):
            watch.interrupt(Ending.CANCELED)

    async def _park_if_stopping(self) -> None:
        """Wait for the end of the process, whatever it did to the step: the next start goes on."""
        if self._stopping:
            await parked()


async def _in_turn(steps: Sequence[Step], job_id: str) -> str:
    for step in steps:
        if (word := await step(job_id)) != GO_ON:
            return word
    return GO_ON
