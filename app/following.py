"""Follows what a provider was given, until there is a final word or nobody wants it any more."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from app.archive import Archive
from app.errors import Canceled, Charged, LipSyncError, TimedOut
from app.hints import LOOK
from app.model import Job, Phase, State, Ticket, Update
from app.polling import REMEMBERED_JOBS, AlarmClock, Clock, Usual, follow
from app.providers import Providers
from app.providers.base import Provider
from app.rows import Rows
from app.store import Store
from app.tallies import Tallies
from app.watch import Watch

LAST_LOOK_SECONDS = 10
STOP_SECONDS = 20
"""How long a provider may take to say how an order stands, and to stop, when a job is canceled."""


class Following:
    """Asks the provider of a job. One that takes longer than ``job_seconds`` fails.

    They count from when the provider was sent the order: however long a job had to wait for that,
    what was paid for is waited for.
    """

    def __init__(
        self,
        store: Store,
        tallies: Tallies,
        archive: Archive,
        providers: Providers,
        clock: Clock,
        *,
        job_seconds: float,
    ) -> None:
        self._store = store
        self._tallies = tallies
        self._archive = archive
        self._providers = providers
        self._clock = clock
        self._job_seconds = job_seconds
        self._rows = Rows(store)
        self._usual: dict[str, Usual] = {}

    async def follow(self, job: Job, watch: Watch) -> None:
        """Ask until there is a final word. A job that is not wanted is ended there, too."""
        if job.phase is Phase.ARCHIVING:
            return  # the video is there, and it was paid for
        provider = self._providers.choose(job.provider)
        if provider.works_here:
            await watch.interruptible(self._archive.bring(job))
        ticket = job.ticket
        assert ticket is not None
        try:
            await watch.interruptible(self._follow(job, provider, ticket))
        except Canceled:
            await self._withdraw(job, provider, ticket)
        except TimedOut:
            if provider.can_cancel:
                await self._stop(provider, ticket)
            charged = Charged.UNKNOWN if provider.takes_money else Charged.NO
            raise TimedOut(charged=charged) from None

    async def _follow(self, job: Job, provider: Provider, ticket: Ticket) -> None:
        now = datetime.now(UTC)
        since = job.submitting_at or job.created_at
        patience = self._job_seconds - (now - since).total_seconds()
        asked_at = job.submitting_at or now
        seen = Update(State.QUEUED)
        with self._store.hints.news(LOOK, job.id) as alarm:
            async for update in follow(
                provider,
                ticket,
                pace=provider.pace,
                patience=patience,
                clock=AlarmClock(self._clock, alarm),
                usual=await self._usual_of(provider),
                media_seconds=job.audio.duration or 0.0,
                waited=(now - asked_at).total_seconds(),
            ):
                if update.error:
                    raise update.error
                if _worth_telling(seen, update):
                    await self._tell(job, update)
                    seen = update

    async def _withdraw(self, job: Job, provider: Provider, ticket: Ticket) -> None:
        """Have the provider stop. Raises Canceled, unless the video is there: it was paid for."""
        if await self._finished_after_all(job, provider, ticket):
            return
        warning = await self._stop(provider, ticket)
        if warning and await self._finished_after_all(job, provider, ticket):
            return
        if warning:
            await self._rows.save(job, warnings=(*job.warnings, warning))
        raise Canceled(charged=Charged.UNKNOWN if provider.takes_money else Charged.NO)

    async def _finished_after_all(self, job: Job, provider: Provider, ticket: Ticket) -> bool:
        try:
            async with asyncio.timeout(LAST_LOOK_SECONDS):
                update = await provider.check(ticket)
        except (LipSyncError, TimeoutError):
            return False
        if update.error:
            raise Canceled(charged=update.error.charged)
        if update.state is State.SUCCESS:
            await self._tell(job, update)
        return update.state is State.SUCCESS

    async def _stop(self, provider: Provider, ticket: Ticket) -> str | None:
        """Have the provider stop, or say in a sentence that it goes on."""
        if not provider.can_cancel:
            return f"{provider.label} cannot stop what it has begun, and may charge for it."
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await provider.cancel(ticket)
        except LipSyncError as problem:
            return f"{provider.label} may not have stopped: {problem.detail}"
        except TimeoutError:
            return f"{provider.label} may not have stopped: it did not answer."
        return None

    async def _tell(self, job: Job, update: Update) -> None:
        cost = dict(job.cost or {}) | {"charged": update.charged}
        done = update.state is State.SUCCESS
        await self._rows.save(
            job,
            rendered_at=datetime.now(UTC) if done else None,
            phase=Phase.ARCHIVING if done else update.phase,
            progress=update.progress,
            message=update.message,
            video=update.video,
            cost=cost if job.cost else None,
        )

    async def _usual_of(self, provider: Provider) -> Usual:
        """What the provider's jobs took lately, also before this process began."""
        if provider.name not in self._usual:
            finished = await self._tallies.durations(provider.name, REMEMBERED_JOBS)
            self._usual[provider.name] = Usual(finished)
        return self._usual[provider.name]


def _worth_telling(seen: Update, update: Update) -> bool:
    """Whether a person would notice: each telling is a write to disk."""
    moved = abs((update.progress or 0) - (seen.progress or 0)) >= 0.02
    # Where progress is known, it says more than all the words in between.
    spoke = update.message != seen.message and (seen.message is None or update.progress is None)
    return moved or spoke or update.phase is not seen.phase or update.state.final
