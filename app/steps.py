"""What is done to a job, step by step: looked at, converted, submitted and kept."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import structlog

from app.archive import Archive
from app.errors import (
    Canceled,
    Charged,
    InputRejected,
    InternalError,
    LipSyncError,
    MaxCostExceeded,
    OutcomeUnknown,
    OutOfCredits,
    PlanRequired,
    ProviderAuth,
    ProviderUnavailable,
    RateLimited,
    TooLarge,
    TooLong,
    UnreadableMedia,
)
from app.inspections import Inspections
from app.media.convert import carry_out
from app.media.plan import Plan, plan
from app.model import Allowance, Job, Media, Order, Phase, State
from app.providers import Providers
from app.providers.base import Provider
from app.results import Results
from app.rows import Lost, Rows
from app.store import Intent, Store
from app.turns import Turns
from app.watch import Watch
from app.workers import WorkerDied, WorkerTimedOut

CONVERT_SECONDS = 900
AT_A_GLANCE = 0.002
"""Seconds that a look takes at most into what was looked into before."""

log = structlog.get_logger(__name__)
Animate = Callable[[Media, Media, Path, str | None, str | None], Awaitable[None]]
"""Makes a video of a still that seems to speak, for providers that take videos only: of a face, an
audio, a place for it, and the text and the voice where these are what the audio is made of."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What the steps of a job work with."""

    store: Store
    archive: Archive
    providers: Providers
    inspections: Inspections
    results: Results
    animate: Animate
    link: Callable[[str], str] | None
    """Makes a path an address that anybody can fetch, if the outside reaches this service."""
    outside: str | None
    """The address by which the outside reaches this service, if it does."""


class Steps:
    """The one writer of a job's row, once the job is recorded.

    A step may be repeated after a crash; none of them pays twice. Each raises what went wrong, and
    ``settle`` decides what becomes of the job then.
    """

    def __init__(self, tools: Tools, *, failover: bool) -> None:
        self._tools = tools
        self._store = tools.store
        self._failover = failover
        self._rows = Rows(tools.store)
        self._turns = Turns(tools.store.hints)

    async def hand_over(self, job: Job, watch: Watch) -> None:
        """Look at what came, make of it what the provider takes, and submit that: once, ever.

        Raises OutcomeUnknown when it may have been submitted before.
        """
        if job.ticket is not None:
            return
        if job.submitting_at is not None:
            raise _interrupted(self._provider(job)[0])
        await watch.interruptible(self._tools.archive.bring(job))
        if job.phase in (Phase.RECEIVED, Phase.CHECKING):
            await watch.interruptible(self._inspect(job))
        if job.sent_face is None:
            job = await watch.interruptible(self._convert(job))
        await watch.interruptible(self._submit(job, watch))

    async def _inspect(self, job: Job) -> None:
        """Is there a face, is there speech? Before anything is spent on them."""
        log.info("a job begins", job_id=job.id, provider=job.provider)
        # Spoken words are speech, however few.
        audio = None if job.text else job.audio
        checking = asyncio.create_task(self._tools.inspections.check(job.face, audio))
        noted = None
        try:
            # What is known from another order takes no time worth a line on disk.
            if not (await asyncio.wait((checking,), timeout=AT_A_GLANCE))[0]:
                noted = asyncio.create_task(self._rows.note(job, Phase.CHECKING))
            await checking
        finally:
            checking.cancel()
            if noted:
                await noted

    async def _convert(self, job: Job) -> Job:
        """Make of what came what the provider takes, where that is not the same."""
        provider, options = self._provider(job)
        if job.max_cost is not None:
            provider.refuse_above(job.max_cost, self._order(job, provider, options))
        wanted = _plan(job, provider, options)
        told = tuple(dict.fromkeys((*job.warnings, *wanted.warnings)))
        if not (wanted.animate or wanted.face_steps or wanted.audio_steps):
            if told != job.warnings:
                await self._rows.save(job, warnings=told)
            return job
        await self._rows.note(job, Phase.CONVERTING)
        folder = self._tools.archive.folder(job.id)
        face = job.face
        if wanted.animate:
            animated = folder / "animated.mp4"
            await self._tools.animate(job.face, job.audio, animated, job.text, self._speaker(job))
            face = await self._tools.inspections.describe(animated)
        face, audio = await self._carry_out(wanted, face, job.audio, folder)
        made = [media.path for media in (face, audio) if media not in (job.face, job.audio)]
        await self._tools.archive.keep(job.id, *made)
        await self._rows.save(job, sent_face=face, sent_audio=audio, warnings=told)
        return replace(job, sent_face=face, sent_audio=audio)

    async def _carry_out(
        self, wanted: Plan, face: Media, audio: Media, folder: Path
    ) -> tuple[Media, Media]:
        try:
            return await self._tools.inspections.run(
                carry_out, wanted, face, audio, folder, seconds=CONVERT_SECONDS
            )
        except (WorkerDied, WorkerTimedOut, MemoryError):
            raise UnreadableMedia(
                "The files take too long or too much memory to convert."
            ) from None

    async def _submit(self, job: Job, watch: Watch) -> None:
        provider, options = self._provider(job)
        order = self._order(job, provider, options)
        provider.refuse(order)
        cost = {
            "estimated": provider.estimate(order),
            "charged": None,
            "unit": provider.price.unit,
        }

        async def note(phase: Phase) -> None:
            if phase is Phase.SUBMITTING:
                await self._announce(job, provider, watch)
            else:
                await self._rows.note(job, phase)

        ticket = await provider.submit(order, note)
        await self._rows.save(job, ticket=ticket, cost=cost if provider.takes_money else None)

    async def _announce(self, job: Job, provider: Provider, watch: Watch) -> None:
        """The next request may cost money: that it is about to leave must outlive this process."""
        allowance = self._tools.providers.allowance(provider)
        with self._turns.join(job.id, allowance) as turn:
            while not (turn.come and await self._intended(job, provider, allowance, watch)):
                if job.phase is not Phase.WAITING:
                    await self._rows.note(job, Phase.WAITING)
                    job = replace(job, phase=Phase.WAITING)
                await turn.pause()

    async def _intended(
        self, job: Job, provider: Provider, allowance: Allowance | None, watch: Watch
    ) -> bool:
        """Whether the request may leave now; else the job has to wait for its turn."""
        # From here on it may be paid for: its answer is waited for.
        watch.commit()
        intent = await self._store.intend(job.id, allowance)
        if intent is Intent.WAIT:
            watch.release()
        if intent is not Intent.REFUSED:
            return intent is Intent.MADE
        found = await self._rows.job(job.id)
        if found is None:
            raise Lost
        raise _interrupted(provider) if found.submitting_at else Canceled()

    async def keep(self, job: Job, _watch: Watch) -> None:
        """Have a copy of our own of what came out, and say what is not as it should be."""
        if job.phase is not Phase.ARCHIVING:
            await self._rows.note(job, Phase.ARCHIVING)
        await self._tools.results.keep(job)

    async def _end(self, job: Job, error: LipSyncError) -> None:
        state = State.CANCELED if isinstance(error, Canceled) else State.FAILED
        log.info(f"a job {state}", job_id=job.id, provider=job.provider, code=error.code)
        await self._rows.save(
            job,
            state=state,
            phase=Phase.DONE,
            message=error.detail,
            error={
                "code": error.code,
                "detail": error.detail,
                "charged": error.charged,
                "provider_error": asdict(error.vendor) if error.vendor else None,
            },
            finished_at=datetime.now(UTC),
        )
        await self._tools.archive.close(job.id)

    def _provider(self, job: Job) -> tuple[Provider, Any]:
        provider = self._tools.providers.choose(job.provider)
        known = {n: v for n, v in job.options.items() if n in provider.options.model_fields}
        return provider, provider.options.model_validate(known)

    def _order(self, job: Job, provider: Provider, options: Any) -> Order:
        link, path = self._tools.link, f"/lipsync/{job.id}/inputs"
        outside, hook = self._tools.outside, provider.webhook
        return Order(
            key=job.id,
            face=job.sent_face or job.face,
            audio=job.sent_audio or job.audio,
            options=options,
            folder=self._tools.archive.folder(job.id),
            links=(link(f"{path}/face"), link(f"{path}/audio")) if link else None,
            webhook=f"{outside}/webhooks/{hook.vendor}" if outside and hook else None,
            sync_mode=_plan(job, provider, options).sync_mode,
            text=job.text,
            voice=job.voice if provider.has_voice(job.voice) else self._speaker(job),
        )

    def _speaker(self, job: Job) -> str | None:
        """Whose voice of ours the job's audio is, where it was made of a text."""
        return self._tools.providers.own_voice(job.voice).name if job.voice else None

    async def settle(self, job_id: str, problem: Exception) -> bool:
        """Whether the next provider is to be asked after a step went wrong; else the job ends."""
        job = await self._rows.job(job_id)
        if job is None:
            return False
        error = _told(problem, job)
        left = self._tools.providers.left(job)
        if left and self._failover and refused_for_nothing(error):
            await self._pass_on(job, left, error)
            return True
        await self._end(job, error)
        return False

    async def _pass_on(self, job: Job, left: tuple[str, ...], error: LipSyncError) -> None:
        by_name = self._tools.providers.by_name
        refused, chosen = by_name[job.provider], by_name[left[0]]
        told = [f"{refused.label} refused ({error.code}), so {chosen.label} was asked."]
        if skipped := [by_name[name].label for name in job.candidates if name not in left]:
            told.append(
                f"Not asked, because max_cost is in {refused.label}'s {refused.price.unit}:"
                f" {', '.join(skipped)}."
            )
        if refused.has_voice(job.voice) and not chosen.has_voice(job.voice):
            told.append(
                f"{job.voice} only speaks for {refused.label}, so {self._speaker(job)} did."
            )
        await self._rows.save(
            job,
            provider=chosen.name,
            phase=Phase.CONVERTING,
            candidates=left[1:],
            ticket=None,
            submitting_at=None,
            sent_face=None,
            sent_audio=None,
            warnings=(*job.warnings, *told),
        )


def refused_for_nothing(error: LipSyncError) -> bool:
    """Whether another provider may be asked: this one did not take the order, nor any money."""
    return error.charged is Charged.NO and isinstance(error, _REFUSALS)


_REFUSALS = (
    OutOfCredits,
    PlanRequired,
    ProviderAuth,
    ProviderUnavailable,
    RateLimited,
    InputRejected,
    MaxCostExceeded,
    TooLong,
    TooLarge,
)


def _interrupted(provider: Provider) -> OutcomeUnknown:
    return OutcomeUnknown(
        f"{provider.label} API error: the service was interrupted while it handed over the order."
        " It may be under way and paid for, so it is not sent again.",
        charged=Charged.UNKNOWN,
    )


def _told(problem: Exception, job: Job) -> LipSyncError:
    """What a job's readers are told; of a bug only where to look it up."""
    if isinstance(problem, LipSyncError):
        return problem
    reference = uuid4().hex[:12]
    log.error("a job met a bug", job_id=job.id, reference=reference, exc_info=problem)
    return InternalError(
        f"Something went wrong here. Log reference: {reference}.",
        charged=Charged.UNKNOWN if job.submitting_at else Charged.NO,
    )


def _plan(job: Job, provider: Provider, options: Any) -> Plan:
    if provider.takes.everything:
        return Plan()
    wish = getattr(options, "sync_mode", None)
    return plan(job.face, job.audio, provider.takes_for(options), wish)
