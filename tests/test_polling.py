"""How a ticket is followed: when it is asked about, and what ends it. No time passes in here."""

from __future__ import annotations

import asyncio
import itertools
import json
import math
import random
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import (
    OutOfCredits,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
    TimedOut,
    VendorWords,
)
from app.model import State, Ticket, Update
from app.polling import AlarmClock, Clock, Pace, SparingClock, Usual, follow

TWO_MINUTES = Pace(interval=1, overhead=80, per_second=4)
"""What is expected of ten seconds of media."""
MEDIA_SECONDS = 10.0
AN_HOUR = 3600.0
ROUNDING = 1e-6

Answer = Callable[[float], Update]
"""What a vendor says when it is asked at a time; it may raise as well."""


class SimulatedClock:
    """Sleep takes no time."""

    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.time += seconds


class RingingClock(SimulatedClock):
    """Sets off an alarm at the given times, which sleepers have a tenth of a second to hear."""

    def __init__(self, rings: Sequence[float]) -> None:
        super().__init__()
        self.alarm = asyncio.Event()
        self._rings = list(rings)

    async def sleep(self, seconds: float) -> None:
        ends = self.time + seconds
        while self.time < ends:
            while self._rings and self.time >= self._rings[0]:
                del self._rings[0]
                self.alarm.set()
            for _ in range(5):
                await asyncio.sleep(0)
            self.time = min(ends, self.time + 0.1)


@dataclass
class Vendor:
    """Answers by the clock, and knows when it was asked."""

    answer: Answer
    clock: SimulatedClock = field(default_factory=SimulatedClock)
    asked: list[float] = field(default_factory=list)

    async def check(self, ticket: Ticket) -> Update:
        assert ticket == {"run_id": "1"}
        self.asked.append(self.clock.time)
        assert len(self.asked) < 10_000, "it is asked again and again, and no time passes"
        return self.answer(self.clock.time)

    @property
    def gaps(self) -> list[float]:
        return [later - earlier for earlier, later in zip(self.asked, self.asked[1:], strict=False)]


def done_after(seconds: float, state: State = State.SUCCESS) -> Answer:
    return lambda now: Update(state if now >= seconds else State.PROCESSING)


def unreachable_until(seconds: float, then: Answer) -> Answer:
    def answer(now: float) -> Update:
        if now < seconds:
            raise ProviderUnavailable("Nobody answers.")
        return then(now)

    return answer


def answers_with(status: int | None) -> Answer:
    """An error answer of that HTTP status, or one that the vendor had no part in."""

    def answer(_now: float) -> Update:
        raise ProviderError(vendor=VendorWords("Not Found", status) if status else None)

    return answer


def never(_now: float) -> Update:
    return Update(State.PROCESSING)


async def followed(
    vendor: Vendor,
    pace: Pace = TWO_MINUTES,
    *,
    patience: float = AN_HOUR,
    usual: Usual | None = None,
    clock: Clock | None = None,
    media_seconds: float = MEDIA_SECONDS,
    waited: float = 0.0,
) -> list[State]:
    """The states of all updates."""
    updates = follow(
        vendor,
        {"run_id": "1"},
        pace=pace,
        patience=patience,
        clock=clock or vendor.clock,
        usual=usual,
        media_seconds=media_seconds,
        waited=waited,
    )
    return [update.state async for update in updates]


async def lags_and_checks(
    times: Sequence[float], usual: Callable[[], Usual]
) -> tuple[float, float]:
    """The mean seconds until an end is noticed, and the mean number of checks."""
    lags, checks = [], []
    for took in times:
        vendor = Vendor(done_after(took))
        await followed(vendor, usual=usual())
        lags.append(vendor.clock.time - took)
        checks.append(len(vendor.asked))
    return statistics.mean(lags), statistics.mean(checks)


def about(seconds: float, count: int, *, spread: float = 0.1, seed: int = 1) -> list[float]:
    dice = random.Random(seed)
    return [seconds * math.exp(dice.gauss(0, spread)) for _ in range(count)]


class TestFinalWord:
    @pytest.mark.parametrize("state", [State.SUCCESS, State.FAILED, State.CANCELED])
    async def test_ends_it(self, state: State) -> None:
        vendor = Vendor(done_after(0.4, state))
        assert await followed(vendor, Pace(interval=0.2)) == [
            State.PROCESSING,
            State.PROCESSING,
            state,
        ]

    async def test_is_looked_for_at_once(self) -> None:
        vendor = Vendor(done_after(0))
        assert await followed(vendor) == [State.SUCCESS]
        assert vendor.asked == [0]

    async def test_of_a_late_check_counts_although_patience_is_over(self) -> None:
        assert await followed(Vendor(done_after(0)), patience=-5) == [State.SUCCESS]


class TestSchedule:
    async def test_is_constant_where_nothing_is_expected(self) -> None:
        vendor = Vendor(done_after(0.7))
        await followed(vendor, Pace(interval=0.25))
        assert vendor.asked == [0, 0.25, 0.5, 0.75]

    async def test_notices_the_end_of_a_first_job_of_two_minutes(self) -> None:
        lag, checks = await lags_and_checks(about(120, 200), Usual)
        assert lag <= 1.0
        assert checks <= 40

    async def test_notices_the_end_sooner_with_fewer_checks_once_it_has_learnt(self) -> None:
        usual = Usual([(MEDIA_SECONDS, took) for took in about(120, 30, seed=2)])
        first = await lags_and_checks(about(120, 200), Usual)
        lag, checks = await lags_and_checks(about(120, 200), lambda: Usual(usual.finished))
        assert lag <= 0.8 < first[0]
        assert checks <= 35 < first[1]

    async def test_learns_from_the_jobs_that_it_follows(self) -> None:
        usual = Usual()
        lag, checks = await lags_and_checks(about(300, 30), lambda: usual)
        lag, checks = await lags_and_checks(about(300, 100, seed=2), lambda: usual)
        unlearnt_lag, unlearnt_checks = await lags_and_checks(about(300, 100, seed=2), Usual)
        assert lag < unlearnt_lag / 2
        assert checks < unlearnt_checks

    async def test_looks_soon_and_then_ever_later_for_what_fails_early(self) -> None:
        vendor = Vendor(never)
        with pytest.raises(TimedOut):
            await followed(vendor, usual=Usual([(MEDIA_SECONDS, 120.0)] * 30), patience=900)
        assert vendor.asked[:6] == [0, 1, 2, 4, 8, 16]

    async def test_is_dense_around_the_usual_end_only(self) -> None:
        vendor = Vendor(never)
        with pytest.raises(TimedOut):
            await followed(vendor, usual=Usual([(MEDIA_SECONDS, 120.0)] * 30), patience=900)
        early = [at for at in vendor.asked if 0 < at < 90]
        usual = [at for at in vendor.asked if 110 <= at < 130]
        late = [at for at in vendor.asked if 700 <= at < 880]
        assert len(early) <= 8
        assert len(usual) >= 10
        assert len(late) <= 15

    async def test_grows_sparser_the_later_it_gets(self) -> None:
        vendor = Vendor(never)
        with pytest.raises(TimedOut):
            await followed(vendor, patience=900)
        late = [gap for at, gap in zip(vendor.asked, vendor.gaps, strict=False) if 250 < at < 800]
        assert late == sorted(late)
        assert late[-1] > 2 * late[0]

    async def test_expects_longer_media_to_take_longer(self) -> None:
        lengths = ((2.0, 50.0), (10.0, 150.0), (60.0, 600.0))
        finished = [pair for _ in range(10) for pair in lengths]
        for (media_seconds, took), most_checks in zip(lengths, (14, 37, 80), strict=True):
            vendor = Vendor(done_after(took))
            await followed(vendor, usual=Usual(finished), media_seconds=media_seconds)
            assert len(vendor.asked) <= most_checks
            assert vendor.gaps[-1] <= 1.6

    async def test_of_a_job_taken_up_again_goes_on_where_it_was(self) -> None:
        usual = Usual([(MEDIA_SECONDS, 120.0)] * 30)
        vendor = Vendor(done_after(10))
        await followed(vendor, usual=usual, waited=110, patience=60)
        assert max(vendor.gaps) <= 2.5

    async def test_bears_an_order_that_seems_to_come_from_the_future(self) -> None:
        assert (await followed(Vendor(done_after(30)), waited=-60))[-1] is State.SUCCESS


class TestMemory:
    async def test_of_a_job_is_what_it_took(self) -> None:
        usual = Usual()
        await followed(Vendor(done_after(117.5)), usual=usual)
        [(media_seconds, took)] = usual.finished
        assert media_seconds == MEDIA_SECONDS
        assert took == pytest.approx(117.5, abs=1.5)

    async def test_counts_from_the_order(self) -> None:
        usual = Usual()
        await followed(Vendor(done_after(40)), usual=usual, waited=80)
        assert usual.finished[0][1] == pytest.approx(120, abs=1.5)

    async def test_leaves_out_jobs_that_failed(self) -> None:
        usual = Usual()
        await followed(Vendor(done_after(20, State.FAILED)), usual=usual)
        assert usual.finished == ()

    async def test_leaves_out_jobs_whose_end_nobody_saw(self) -> None:
        usual = Usual()
        await followed(Vendor(done_after(0)), usual=usual, waited=500)
        await followed(Vendor(unreachable_until(500, done_after(0))), usual=usual)
        assert usual.finished == ()

    async def test_leaves_out_jobs_that_ended_during_an_outage(self) -> None:
        outage = unreachable_until(500, done_after(0))
        usual = Usual()
        vendor = Vendor(lambda now: outage(now) if now >= 60 else never(now))
        await followed(vendor, usual=usual)
        assert vendor.clock.time >= 500
        assert usual.finished == ()

    def test_survives_json(self) -> None:
        usual = Usual([(5.0, 60.0), (60.0, 600.0)])
        assert Usual(json.loads(json.dumps(usual.finished))).finished == usual.finished

    def test_is_of_the_latest_jobs(self) -> None:
        usual = Usual((10.0, float(took)) for took in range(1, 1000))
        assert len(usual.finished) == 32
        assert usual.finished[-1] == (10.0, 999.0)

    def test_takes_no_nonsense(self) -> None:
        assert Usual([(10.0, 0.0), (10.0, math.nan), (math.inf, 10.0)]).finished == ()


class TestStumbles:
    async def test_are_forgiven_however_many(self) -> None:
        vendor = Vendor(unreachable_until(1800, done_after(0)))
        assert await followed(vendor) == [State.SUCCESS]
        assert vendor.clock.time <= 1860

    async def test_make_for_longer_naps_up_to_a_minute(self) -> None:
        vendor = Vendor(unreachable_until(AN_HOUR, never))
        with pytest.raises(TimedOut):
            await followed(vendor, Pace(interval=1), patience=AN_HOUR)
        assert 1 <= vendor.gaps[0] <= 2
        assert all(30 <= gap <= 60 for gap in vendor.gaps[6:-1])

    async def test_do_not_come_in_step_with_those_of_others(self) -> None:
        vendors = [Vendor(unreachable_until(600, done_after(0))) for _ in range(2)]
        for vendor in vendors:
            await followed(vendor, Pace(interval=1))
        assert vendors[0].asked != vendors[1].asked

    async def test_may_be_thousands(self) -> None:
        def busy(now: float) -> Update:
            raise RateLimited(retry_after=1 if now < 2000 else None)

        with pytest.raises(TimedOut):
            await followed(Vendor(busy), Pace(interval=1), patience=2100)

    async def test_are_forgotten_once_the_vendor_answers(self) -> None:
        vendor = Vendor(unreachable_until(300, done_after(500)))
        await followed(vendor, Pace(interval=2))
        assert {gap for at, gap in zip(vendor.asked, vendor.gaps, strict=False) if at >= 300} == {2}

    async def test_wait_as_long_as_the_vendor_says(self) -> None:
        def busy(now: float) -> Update:
            if now == 0:
                raise RateLimited(retry_after=41.532911)
            return Update(State.SUCCESS)

        vendor = Vendor(busy)
        assert await followed(vendor) == [State.SUCCESS]
        assert vendor.asked == [0, 41.532911]

    async def test_may_have_the_vendor_ask_for_more_than_a_minute(self) -> None:
        def busy(now: float) -> Update:
            if now == 0:
                raise RateLimited(retry_after=300)
            return Update(State.SUCCESS)

        vendor = Vendor(busy)
        await followed(vendor, patience=400)
        assert vendor.asked == [0, 300]

    async def test_never_ask_faster_than_allowed(self) -> None:
        def busy(now: float) -> Update:
            if now < 5:
                raise RateLimited(retry_after=0)
            return Update(State.SUCCESS)

        vendor = Vendor(busy)
        await followed(vendor, Pace(interval=3))
        assert vendor.asked == [0, 3, 6]

    @pytest.mark.parametrize(("status", "also"), [(404, frozenset()), (500, frozenset({500}))])
    async def test_that_say_for_minutes_that_there_is_no_such_job_end_it(
        self, status: int, also: frozenset[int]
    ) -> None:
        vendor = Vendor(answers_with(status))
        pace = replace(TWO_MINUTES, gone=TWO_MINUTES.gone | also)
        with pytest.raises(ProviderError):
            await followed(vendor, pace)
        assert 60 < vendor.clock.time < 600

    @pytest.mark.parametrize("status", [500, 502, 503, None])
    async def test_of_an_outage_do_not(self, status: int | None) -> None:
        def answer(now: float) -> Update:
            if now < AN_HOUR / 2:
                return answers_with(status)(now)
            return Update(State.SUCCESS)

        assert await followed(Vendor(answer)) == [State.SUCCESS]

    async def test_that_say_so_between_others_do_not_either(self) -> None:
        words = itertools.cycle([404] * 9 + [503])

        def answer(now: float) -> Update:
            if now < AN_HOUR / 2:
                return answers_with(next(words))(now)
            return Update(State.SUCCESS)

        assert await followed(Vendor(answer)) == [State.SUCCESS]

    async def test_that_no_patience_helps_end_it_at_once(self) -> None:
        def broke(_now: float) -> Update:
            raise OutOfCredits

        vendor = Vendor(broke)
        with pytest.raises(OutOfCredits):
            await followed(vendor)
        assert vendor.asked == [0]


class TestPatience:
    @pytest.mark.parametrize(
        "pace", [Pace(interval=7), Pace(interval=7, overhead=900, longest=3)], ids=str
    )
    async def test_ends_with_a_last_look(self, pace: Pace) -> None:
        vendor = Vendor(never)
        with pytest.raises(TimedOut):
            await followed(vendor, pace, patience=20)
        assert vendor.asked == [0, 7, 20]

    async def test_ends_even_where_the_vendor_wants_more(self) -> None:
        def busy(now: float) -> Update:
            if now == 0:
                raise RateLimited(retry_after=500)
            return Update(State.SUCCESS)

        vendor = Vendor(busy)
        assert await followed(vendor, patience=60) == [State.SUCCESS]
        assert vendor.asked == [0, 60]

    async def test_says_that_the_vendor_could_not_be_asked(self) -> None:
        with pytest.raises(TimedOut, match="Nobody answers") as problem:
            await followed(Vendor(unreachable_until(AN_HOUR, never)), patience=60)
        assert isinstance(problem.value.__cause__, ProviderUnavailable)

    async def test_that_was_over_before_ends_it_after_one_look(self) -> None:
        vendor = Vendor(never)
        with pytest.raises(TimedOut):
            await followed(vendor, patience=-5)
        assert vendor.asked == [0]


class WaitingClock(SimulatedClock):
    """Sleep has no end; how long it was to be is noted."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.asked.append(seconds)
        await asyncio.Future()


class TestManyJobs:
    async def test_few_sleep_as_long_as_they_wish(self) -> None:
        clock = WaitingClock()
        await _sleep_and_give_up(SparingClock(clock, a_second=100), 100)
        assert set(clock.asked) == {1.0}

    async def test_of_many_only_so_many_wake_each_second(self) -> None:
        clock = WaitingClock()
        await _sleep_and_give_up(SparingClock(clock, a_second=100), 1000)
        for second in range(11):
            assert sum(second < end <= second + 1 for end in clock.asked) <= 100

    async def test_who_woke_delays_nobody(self) -> None:
        clock = WaitingClock()
        sparing = SparingClock(clock, a_second=100)
        await _sleep_and_give_up(sparing, 1000)
        clock.asked.clear()
        await _sleep_and_give_up(sparing, 1)
        assert clock.asked == [1.0]


async def _sleep_and_give_up(clock: Clock, sleepers: int) -> None:
    sleeping = [asyncio.ensure_future(clock.sleep(1.0)) for _ in range(sleepers)]
    await asyncio.sleep(0)
    for sleeper in sleeping:
        sleeper.cancel()
    await asyncio.gather(*sleeping, return_exceptions=True)


class TestAlarm:
    pace = Pace(interval=1, overhead=600, longest=300)
    punctual = Usual([(MEDIA_SECONDS, 600.0)] * 32)
    """A vendor whom nobody would ask for minutes."""

    async def followed(self, vendor: Vendor, clock: RingingClock) -> list[State]:
        alarmed = AlarmClock(clock, clock.alarm)
        return await followed(vendor, self.pace, clock=alarmed, usual=Usual(self.punctual.finished))

    async def test_shortens_a_nap(self) -> None:
        clock = RingingClock([200])
        vendor = Vendor(done_after(200), clock)
        await self.followed(vendor, clock)
        assert vendor.asked[-1] == pytest.approx(200, abs=0.5)

    async def test_leaves_nothing_running(self) -> None:
        clock = RingingClock([20])
        await self.followed(Vendor(done_after(590), clock), clock)
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    async def test_is_not_an_answer(self) -> None:
        clock = RingingClock([200])
        vendor = Vendor(done_after(590), clock)
        states = await self.followed(vendor, clock)
        woken = next(number for number, at in enumerate(vendor.asked) if abs(at - 200) < 0.5)
        assert states[woken] is State.PROCESSING
        assert vendor.gaps[woken] > 30
        assert vendor.clock.time >= 590

    async def test_while_nobody_sleeps_is_not_lost(self) -> None:
        clock = RingingClock([])
        clock.alarm.set()
        vendor = Vendor(done_after(1), clock)
        await self.followed(vendor, clock)
        assert vendor.asked == [0, pytest.approx(1, abs=0.5)]

    async def test_has_nobody_ask_faster_than_allowed(self) -> None:
        clock = RingingClock([ring / 5 for ring in range(500)])
        vendor = Vendor(done_after(30), clock)
        pace = Pace(interval=2, overhead=600)
        await followed(vendor, pace, clock=AlarmClock(clock, clock.alarm))
        assert min(vendor.gaps) >= 2 - ROUNDING

    async def test_does_not_overrule_the_vendor(self) -> None:
        def busy(now: float) -> Update:
            if now < 40:
                raise RateLimited(retry_after=40)
            return Update(State.SUCCESS)

        clock = RingingClock([10, 20])
        vendor = Vendor(busy, clock)
        await self.followed(vendor, clock)
        assert vendor.asked == [0, pytest.approx(40)]


@st.composite
def paces(draw: st.DrawFn) -> Pace:
    return Pace(
        interval=draw(st.floats(0.5, 20)),
        overhead=draw(st.floats(0, 600)),
        per_second=draw(st.floats(0, 20)),
        longest=draw(st.floats(1, 60)),
    )


HISTORIES = st.lists(st.tuples(st.floats(0, 600), st.floats(0.01, 1e6)), max_size=40)


@settings(max_examples=60, deadline=None)
@given(
    pace=paces(),
    history=HISTORIES,
    patience=st.floats(0, 600),
    took=st.floats(0, 900),
    waited=st.floats(0, 1e6),
    media_seconds=st.floats(0, 600),
    outages=st.sets(st.integers(0, 20)),
)
def test_whatever_comes_keeps_to_the_rate_and_to_patience(
    pace: Pace,
    history: list[tuple[float, float]],
    patience: float,
    took: float,
    waited: float,
    media_seconds: float,
    outages: set[int],
) -> None:
    def answer(now: float) -> Update:
        if len(vendor.asked) in outages:
            raise ProviderUnavailable
        return done_after(took)(now)

    vendor = Vendor(answer)
    following = followed(
        vendor,
        pace,
        patience=patience,
        usual=Usual(history),
        media_seconds=media_seconds,
        waited=waited,
    )
    longest = max(pace.interval, pace.longest, 60.0 if outages else 0.0)
    try:
        assert asyncio.run(following)[-1] is State.SUCCESS
        assert vendor.clock.time >= took
    except TimedOut:
        assert outages or took > patience - pace.interval
    assert all(gap >= pace.interval - ROUNDING for gap in vendor.gaps)
    assert all(gap <= longest + pace.interval + ROUNDING for gap in vendor.gaps)
    assert vendor.clock.time <= patience + ROUNDING
