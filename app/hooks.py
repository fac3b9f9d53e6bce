"""Tells callers when their job is final: signed webhooks, sent until they arrive.

They are signed as Standard Webhooks are (https://www.standardwebhooks.com). Whom to tell is
recorded together with the job's end, so that no crash can lose it; a webhook may come twice, under
the same `webhook-id`.
"""

from __future__ import annotations

import asyncio
import base64
import json
import random
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial

import structlog
from pydantic import SecretStr
from standardwebhooks.webhooks import Webhook

from app import deliveries
from app.addresses import Addresses, Reply
from app.database import Database
from app.deliveries import Delivery
from app.errors import InvalidRequest, LipSyncError, NotFound, StillRunning
from app.hints import DELIVERY
from app.keyring import kept_secret
from app.model import Job, State
from app.store import Store

PAUSES = (5, 300, 1800, 7200, 18_000, 36_000, 36_000)
"""Seconds between the attempts: a bit more than a day in all."""
ANSWER_SECONDS = 15.0
_JITTER = 0.2
"""Share of a pause by which it may be longer, so that those who failed together come back apart."""
_LONGEST_PAUSE = 86_400.0
_AT_ONCE = 32
_LAST_SECONDS = 5.0
"""How long the end of the service waits for those that are being told."""
_LOOK_AGAIN = 60.0
"""Seconds after which one looks for what another process left behind."""
_GONE = 410
_EVENTS: Mapping[State, str] = {
    State.SUCCESS: "lipsync.succeeded",
    State.FAILED: "lipsync.failed",
    State.CANCELED: "lipsync.canceled",
}

log = structlog.get_logger(__name__)
Describe = Callable[[Job], Mapping[str, object]]
"""Makes a job what its readers see."""


class Hooks:
    """Sends the webhooks.

    ``now`` tells the seconds since 1970, ``tried`` is called with what came of each attempt.
    """

    def __init__(
        self,
        database: Database,
        store: Store,
        addresses: Addresses,
        describe: Describe,
        *,
        now: Callable[[], float] = time.time,
        tried: Callable[[str], None] = lambda _outcome: None,
    ) -> None:
        self._database = database
        self._engine = database.engine
        self._store = store
        self._addresses = addresses
        self._describe = describe
        self._now = now
        self._tried = tried
        self._news = asyncio.Event()
        self._turn = asyncio.Semaphore(_AT_ONCE)
        self._attempts: set[asyncio.Task[None]] = set()
        store.hints.listen(DELIVERY, lambda _: self._news.set())

    async def start(self, secret: str) -> None:
        """Begin to deliver, also what an earlier process left."""
        self._signer = Webhook(secret)
        self._running = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Let arrive what is under way; leave the rest to the next start, or to others."""
        self._running.cancel()
        await asyncio.wait((self._running, *self._attempts), timeout=_LAST_SECONDS)
        for attempt in self._attempts:
            attempt.cancel()
        await asyncio.gather(*self._attempts, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            self._news.clear()
            try:
                nap = await self._deliver_due()
            except Exception:  # the database may be away for a while
                log.warning("deliveries cannot be looked up", exc_info=True)
                nap = _LOOK_AGAIN
            with suppress(TimeoutError):
                async with asyncio.timeout(nap):
                    await self._news.wait()

    async def _deliver_due(self) -> float:
        """Begin to deliver what is due, and say in how many seconds to look again."""
        while delivery := await self._claim():
            attempt = asyncio.create_task(self._attempt(delivery))
            self._attempts.add(attempt)
            attempt.add_done_callback(self._attempts.discard)
        async with self._engine.connect() as connection:
            due_at = await deliveries.next_due(connection)
        left = _LOOK_AGAIN if due_at is None else due_at - self._now()
        return max(0.0, min(left, _LOOK_AGAIN))

    async def replay(self, job_id: str) -> Job:
        """Have a final job told of once more.

        Raises NotFound, StillRunning, and InvalidRequest where nobody asked to be told.
        """
        job = await self._store.find(job_id)
        if job is None:
            raise NotFound("There is no such job.")
        if job.callback_url is None:
            raise InvalidRequest("The job has no callback_url.")
        if not job.state.final:
            raise StillRunning("The job is still under way: its webhook is sent at its end.")
        async with self._engine.begin() as connection:
            await deliveries.repeat(connection, job_id, now=self._now())
        self._news.set()
        return job

    async def _claim(self) -> Delivery | None:
        """A delivery that is due and a turn to try it, or neither."""
        await self._turn.acquire()
        delivery = None
        try:
            async with self._engine.begin() as connection:
                delivery = await deliveries.claim(connection, now=self._now())
        finally:
            if delivery is None:
                self._turn.release()
        return delivery

    async def _attempt(self, delivery: Delivery) -> None:
        try:
            await self._deliver(delivery)
        except Exception:  # one delivery must not end the others; it comes due again by itself
            log.exception("a webhook met a bug", job_id=delivery.job_id)
        finally:
            self._turn.release()
            self._news.set()

    async def _deliver(self, delivery: Delivery) -> None:
        job = await self._store.find(delivery.job_id)
        if job is None or job.callback_url is None:
            async with self._engine.begin() as connection:
                await deliveries.drop(connection, delivery.job_id)
            return
        outcome, pause = await self._tell(job, job.callback_url, delivery)
        self._tried(outcome)
        log.info("a webhook was tried", job_id=job.id, attempt=delivery.attempt, outcome=outcome)
        due_at = None if pause is None else self._now() + pause
        await self._database.patiently(partial(self._settle, delivery, outcome, due_at))

    async def _settle(self, delivery: Delivery, outcome: str, due_at: float | None) -> None:
        async with self._engine.begin() as connection:
            await deliveries.settle(connection, delivery, outcome=outcome, due_at=due_at)

    async def _tell(self, job: Job, url: str, delivery: Delivery) -> tuple[str, float | None]:
        """How an attempt went, and seconds until the next one, if there is to be one."""
        content, headers = self._message(job)
        try:
            reply = await self._addresses.post(url, content, headers, seconds=ANSWER_SECONDS)
        except LipSyncError as problem:
            return problem.code, _pause(delivery.attempt)
        if 200 <= reply.status < 300:
            return "delivered", None
        if reply.status == _GONE:
            return "gone", None
        return f"answered {reply.status}", self._pause_after(reply, delivery.attempt)

    def _message(self, job: Job) -> tuple[bytes, dict[str, str]]:
        sent_at = datetime.fromtimestamp(self._now(), UTC)
        ended_at = job.finished_at or sent_at
        message = {
            "type": _EVENTS[job.state],
            "timestamp": ended_at.isoformat().replace("+00:00", "Z"),
            "data": self._describe(job),
        }
        body = json.dumps(message, ensure_ascii=False)
        # The same in every attempt, so that a receiver knows what it has seen.
        message_id = f"msg_{job.id.partition('_')[2]}"
        return body.encode(), {
            "Content-Type": "application/json",
            "User-Agent": "lipsync-gateway",
            "webhook-id": message_id,
            "webhook-timestamp": str(int(sent_at.timestamp())),
            "webhook-signature": self._signer.sign(message_id, sent_at, body),
        }

    def _pause_after(self, reply: Reply, attempt: int) -> float | None:
        pause = _pause(attempt)
        if pause is None or reply.status not in (429, 503):
            return pause
        return max(pause, min(_seconds(reply.retry_after, self._now()), _LONGEST_PAUSE))


async def signing_secret(chosen: SecretStr | None, database: Database) -> str:
    """What signs the webhooks, as their receivers need it: chosen by the operator, or made once."""
    if chosen:
        return chosen.get_secret_value()
    kept = await kept_secret(database, "webhooks")
    return f"whsec_{base64.b64encode(kept).decode()}"


def _pause(attempt: int) -> float | None:
    """Seconds after an attempt that failed; None when it was the last one."""
    if attempt > len(PAUSES):
        return None
    return PAUSES[attempt - 1] * random.uniform(1, 1 + _JITTER)


def _seconds(retry_after: str | None, now: float) -> float:
    """What a Retry-After header asks for: seconds or a date (RFC 9110, section 10.2.3)."""
    if retry_after is None:
        return 0.0
    if retry_after.strip().isdecimal():
        return float(retry_after)
    with suppress(ValueError):
        return parsedate_to_datetime(retry_after).timestamp() - now
    return 0.0
