"""The only poll loop: asks a provider about a ticket until it says a final word.

It asks seldom while an answer is unlikely and often around the moment at which the provider usually
finishes, which it learns from the jobs that it follows.
"""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections import deque
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from app.errors import LipSyncError, TimedOut
from app.model import State, Ticket, Update

LONGEST_BACKOFF = 60.0
"""Seconds between checks while a provider cannot be asked and does not say when it can."""
GONE_AFTER = 10
"""How often in a row a provider says that a job is gone before it is believed: some minutes."""
CHECKS_PER_LAG_SECOND = 36
"""How many checks it is worth to notice the end of a job a second earlier."""
REMEMBERED_JOBS = 32

# What is believed of a job; weights count in remembered jobs, scales are of logistic distributions.
_PRIOR_SCALE = 0.2
"""How right a pace is taken to be: within a third or so, in two cases of three."""
_PRIOR_JOBS = 2
"""How many jobs it takes until their own spread counts as much as that."""
_ANY_TIME = 0.2
"""Weight of a job's taking a time that nothing points to."""
_NEVER = 0.1
"""Weight of its never ending: what thins the checks out once a job is very late."""
_ALIKE = math.log(2)
"""Media of twice the length, or half, tell half as much."""
_SHARPEST = 0.02
"""Scale of the most punctual provider."""
_LOGISTIC_SCALE = math.sqrt(3) / math.pi
"""Scale of the logistic distribution whose standard deviation is 1."""

_SHORTEST_STEP = 0.1
_RELATIVE_STEP = 0.01
"""How finely the future is looked at: in seconds, and as a share of the time waited."""


class Checks(Protocol):
    """Whoever can be asked about a ticket: free, repeatable, and never waiting."""

    async def check(self, ticket: Ticket) -> Update:
        """The latest word on the ticket."""
        ...


class Clock(Protocol):
    """What time is, so that tests take none."""

    def now(self) -> float:
        """Seconds since some moment."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Let that much time pass, or less where something happened that is worth a look."""
        ...


class RealClock:
    """The clock on the wall."""

    def now(self) -> float:
        """Seconds since some moment; never goes back."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Let that much time pass."""
        await asyncio.sleep(seconds)


class SparingClock:
    """Another clock, on which ``a_second`` sleepers wake each second at most.

    Thousands of jobs whose ends are near would each be asked after every second; so many questions
    leave no time for anything else. A sleep lasts longer where there are more sleepers.
    """

    def __init__(self, clock: Clock, *, a_second: float) -> None:
        self._clock = clock
        self._a_second = a_second
        self._sleepers = 0

    def now(self) -> float:
        """What the other clock says."""
        return self._clock.now()

    async def sleep(self, seconds: float) -> None:
        """Let that much time pass, or more."""
        self._sleepers += 1
        try:
            await self._clock.sleep(max(seconds, self._sleepers / self._a_second))
        finally:
            self._sleepers -= 1


class AlarmClock:
    """Another clock, whose sleep ends early when an event is set: by a webhook, say.

    The event is cleared when it has ended a sleep; one set while nobody slept ends the next.
    """

    def __init__(self, clock: Clock, alarm: asyncio.Event) -> None:
        self._clock = clock
        self._alarm = alarm

    def now(self) -> float:
        """What the other clock says."""
        return self._clock.now()

    async def sleep(self, seconds: float) -> None:
        """Let that much time pass, unless the event is set before."""
        sleeping = asyncio.ensure_future(self._clock.sleep(seconds))
        listening = asyncio.ensure_future(self._alarm.wait())
        try:
            await asyncio.wait((sleeping, listening), return_when=asyncio.FIRST_COMPLETED)
            if listening.done():
                self._alarm.clear()
        finally:
            sleeping.cancel()
            listening.cancel()


@dataclass(frozen=True, slots=True)
class Pace:
    """How often a provider may be asked, and how long it takes as far as one knows beforehand.

    ``interval`` is the fewest seconds between two checks, and ``longest`` the most. A job is taken
    to need ``overhead`` seconds and ``per_second`` more for each second of its media, give or take
    a third. Of a provider without these nothing is expected: it is asked at every interval.
    """

    interval: float
    overhead: float = 0.0
    per_second: float = 0.0
    longest: float = 30.0
    gone: frozenset[int] = frozenset({404, 410})
    """HTTP statuses by which a provider that repeats them says that there will be no video."""

    @property
    def constant(self) -> bool:
        """Whether the provider is asked at every interval, whatever it took before."""
        return self.overhead == self.per_second == 0

    def expected(self, media_seconds: float) -> float:
        """Seconds from the order to the result."""
        return max(self.interval, self.overhead + self.per_second * media_seconds)


class Usual:
    """What the latest jobs of one provider took.

    ``finished`` are pairs of seconds, the oldest first: the length of a job's media, and the time
    from the order to the result. The pairs may be kept as JSON and given back.
    """

    def __init__(self, finished: Iterable[Sequence[float]] = ()) -> None:
        self._finished: deque[tuple[float, float]] = deque(maxlen=REMEMBERED_JOBS)
        for media_seconds, took in finished:
            self.learn(media_seconds, took)

    @property
    def finished(self) -> tuple[tuple[float, float], ...]:
        """The jobs that are remembered, as the constructor takes them."""
        return tuple(self._finished)

    def learn(self, media_seconds: float, took: float) -> None:
        """Remember a job, and forget the oldest if there are many."""
        if math.isfinite(media_seconds) and math.isfinite(took) and took > 0:
            self._finished.append((_length(media_seconds), took))


async def follow(
    provider: Checks,
    ticket: Ticket,
    *,
    pace: Pace,
    patience: float,
    clock: Clock,
    usual: Usual | None = None,
    media_seconds: float = 0.0,
    waited: float = 0.0,
) -> AsyncIterator[Update]:
    """Ask at once, yield the answer, sleep, and so on until the first final word.

    Expects a job of ``media_seconds`` that was ordered ``waited`` seconds ago to take what
    ``usual`` tells, and tells it in turn what the job took. A retryable error is forgiven for as
    long as patience lasts, because a job that was paid for must not be lost to an outage: the next
    check comes when the error's ``retry_after`` says, or after ever longer naps. Only where the
    provider itself says again and again that there is no such job, it is believed.

    Raises any other error of a check, and TimedOut after ``patience`` seconds and a last look.
    """
    usual = Usual() if usual is None else usual
    odds = _odds(pace, usual, media_seconds)
    ordered, deadline = clock.now() - max(0.0, waited), clock.now() + patience
    stumbles: list[LipSyncError] = []
    unfinished_at: float | None = None
    while True:
        try:
            update = await provider.check(ticket)
        except LipSyncError as error:
            stumbles.append(error)
            if not error.retryable or _gone(stumbles, pace):
                raise
            unfinished_at = None
        else:
            stumbles.clear()
            if update.state is State.SUCCESS and unfinished_at is not None:
                usual.learn(media_seconds, (unfinished_at + clock.now()) / 2 - ordered)
            yield update
            if update.state.final:
                return
            unfinished_at = clock.now()
        left = deadline - clock.now()
        if left < pace.interval:
            raise _timed_out(stumbles)
        # What fails, fails early, and whoever asked wants to know: wait no longer than one did.
        taken = clock.now() - ordered
        nap = min(odds.nap(taken, pace), max(pace.interval, taken))
        await _after(stumbles, nap, pace).within(left, pace).take(clock)


@dataclass(frozen=True, slots=True)
class _Nap:
    """Seconds until the next check, of which ``least`` pass whatever ends the sleep early."""

    seconds: float
    least: float

    def within(self, left: float, pace: Pace) -> _Nap:
        """One that ends with the ``left`` seconds, unless another check fits in between."""
        if self.seconds + pace.interval <= left:
            return self
        return _Nap(left, min(self.least, left))

    async def take(self, clock: Clock) -> None:
        """Let it pass."""
        earliest = clock.now() + self.least
        await clock.sleep(self.seconds)
        while (early := earliest - clock.now()) > 0:
            await clock.sleep(early)


def _after(stumbles: Sequence[LipSyncError], nap: float, pace: Pace) -> _Nap:
    """The nap before the next check, given the errors of the latest ones."""
    if not stumbles:
        return _Nap(nap, pace.interval)
    retry_after = stumbles[-1].retry_after
    if retry_after is not None:
        seconds = max(retry_after, pace.interval)
        return _Nap(seconds, seconds)
    backoff = min(LONGEST_BACKOFF, pace.interval * 2.0 ** min(len(stumbles), 16))
    # Those who were turned away together must not come back together.
    return _Nap(max(nap, backoff * random.uniform(0.5, 1.0)), pace.interval)


def _gone(stumbles: Sequence[LipSyncError], pace: Pace) -> bool:
    """Whether the latest errors leave no hope of a video."""
    latest = stumbles[-GONE_AFTER:]
    statuses = {error.vendor.status if error.vendor else None for error in latest}
    return len(latest) == GONE_AFTER and statuses <= pace.gone


def _timed_out(stumbles: Sequence[LipSyncError]) -> TimedOut:
    if not stumbles:
        return TimedOut()
    error = TimedOut(f"Video generation timed out. The last check failed: {stumbles[-1].detail}")
    error.__cause__ = stumbles[-1]
    return error


@dataclass(frozen=True, slots=True)
class _Guess:
    """A logistic distribution of the logarithm of the seconds that a job takes."""

    weight: float
    centre: float
    scale: float


@dataclass(frozen=True, slots=True)
class _Odds:
    """When a job may end: any of several guesses may be right, or it never does."""

    guesses: Sequence[_Guess]

    def hazard(self, waited: float) -> float:
        """The chance, a second, that a job ends now if it has not ended before."""
        open_still, ends_now = _NEVER, 0.0
        logarithm = math.log(waited)
        for guess in self.guesses:
            survival = 0.5 - 0.5 * math.tanh((logarithm - guess.centre) / (2 * guess.scale))
            open_still += guess.weight * survival
            ends_now += guess.weight * survival * (1 - survival) / guess.scale
        return ends_now / (open_still * waited)

    def nap(self, waited: float, pace: Pace) -> float:
        """Seconds until it is worth asking again.

        For a given number of checks the mean lag is least when they are as dense as the square
        root of the hazard (J. B. Keller, Optimum checking schedules for systems subject to random
        failure, Management Science 21, 1974); the number is where one more costs what it saves.
        """
        if pace.constant:
            return pace.interval
        due, nap = 1.0, 0.0
        while due > 0 and nap < pace.longest:
            step = max(_SHORTEST_STEP, (waited + nap) * _RELATIVE_STEP)
            density = math.sqrt(self.hazard(waited + nap + step / 2) * CHECKS_PER_LAG_SECOND / 2)
            # The check may become due before the step is over.
            nap += step if density * step <= due else due / density
            due -= density * step
        return max(pace.interval, min(nap, pace.longest))


def _odds(pace: Pace, usual: Usual, media_seconds: float) -> _Odds:
    """What to expect of a job, given the pace and what other jobs took.

    Each earlier job is a guess of its own: times that come in several clusters stay several, where
    a mean and a deviation would point between them.
    """
    length = _length(media_seconds)
    expected = math.log(pace.expected(length))
    prior = (_Guess(1.0, expected, _PRIOR_SCALE), _Guess(_ANY_TIME, expected, 1.0))
    ratios = [math.log(took / pace.expected(other)) for other, took in usual.finished]
    weights = [_likeness(other, length) for other, _ in usual.finished]
    scale = _kernel_scale(ratios, weights)
    learnt = [
        _Guess(weight, expected + ratio, scale)
        for weight, ratio in zip(weights, ratios, strict=True)
    ]
    return _Odds((*prior, *learnt))


def _likeness(length: float, other: float) -> float:
    """How much a job with media of one length tells about a job of another: at most 1."""
    apart = math.log(length / other) / _ALIKE
    return 1 / (1 + apart * apart)


def _kernel_scale(ratios: Sequence[float], weights: Sequence[float]) -> float:
    """How far each job's time is smeared: Silverman's rule, over a spread that bears outliers."""
    if not ratios:
        return _PRIOR_SCALE
    middle = _median(ratios, weights)
    deviation = 1.4826 * _median([abs(ratio - middle) for ratio in ratios], weights)
    count = sum(weights)
    seen = deviation * _LOGISTIC_SCALE
    blended = (_PRIOR_JOBS * _PRIOR_SCALE + count * seen) / (_PRIOR_JOBS + count)
    return max(_SHARPEST, 0.9 * blended / math.pow(max(1.0, count), 0.2))


def _median(values: Sequence[float], weights: Sequence[float]) -> float:
    """The value at which half of the weight is reached."""
    left = sum(weights) / 2
    for value, weight in sorted(zip(values, weights, strict=True)):
        left -= weight
        if left <= 0:
            return value
    return max(values)


def _length(media_seconds: float) -> float:
    return max(1.0, media_seconds)
