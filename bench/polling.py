"""How late the poll loop notices that a job is done, and how often it asks: ``python -m bench.polling``.

Nothing is waited for: the clock is simulated, and the providers are random times after the manner of
the real ones. Each line is one way of asking; *learnt* lets the loop follow forty jobs before.
"""  # noqa: E501

from __future__ import annotations

import asyncio
import math
import random
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from app.model import State, Ticket, Update
from app.polling import Pace, Usual, follow

JOBS = 300
LEARNING_JOBS = 40
PATIENCE = 3600.0
FIXED = (0.5, 5.0, 15.0)

Draw = Callable[[random.Random, int], tuple[float, float]]
"""The seconds of a job's media and those that it takes, given how many jobs there were before."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A provider: what one knows of it beforehand, and what it really does."""

    name: str
    pace: Pace
    draw: Draw


class SimulatedVendor:
    """A provider and its clock in one: the job ends ``took`` seconds after the start."""

    def __init__(self, took: float) -> None:
        self._took = took
        self._time = 0.0
        self.checks = 0

    def now(self) -> float:
        """Simulated seconds."""
        return self._time

    async def sleep(self, seconds: float) -> None:
        """Let simulated seconds pass."""
        self._time += seconds

    async def check(self, _ticket: Ticket) -> Update:
        """Say whether the job is done."""
        self.checks += 1
        return Update(State.SUCCESS if self._time >= self._took else State.PROCESSING)


@dataclass(frozen=True, slots=True)
class Figures:
    """Seconds from the end of each job to its being noticed, and how many checks that took."""

    lags: list[float]
    checks: list[int]

    HEAD: ClassVar[str] = f"{'mean lag':>9} {'p95 lag':>8} {'mean checks':>12} {'max checks':>11}"

    def __str__(self) -> str:
        late = sorted(self.lags)[len(self.lags) * 95 // 100]
        return (
            f"{statistics.mean(self.lags):7.2f} s {late:6.2f} s"
            f" {statistics.mean(self.checks):12.1f} {max(self.checks):11d}"
        )


def main() -> None:
    """Print a table for each scenario."""
    for scenario in SCENARIOS:
        print(f"\n{scenario.name:42} {Figures.HEAD}")
        print(f"  {'first job':40} {asyncio.run(_cold(scenario))}")
        print(f"  {'learnt':40} {asyncio.run(_learnt(scenario))}")
        for seconds in FIXED:
            fixed = Scenario(scenario.name, Pace(interval=seconds), scenario.draw)
            print(f"  {f'every {seconds:g} s':40} {asyncio.run(_cold(fixed))}")


async def _cold(scenario: Scenario) -> Figures:
    """Every job is followed as if it were the first."""
    dice, figures = random.Random(1), Figures([], [])
    for number in range(JOBS):
        await _follow(scenario, dice, number, Usual(), figures)
    return figures


async def _learnt(scenario: Scenario) -> Figures:
    dice, figures, usual = random.Random(2), Figures([], []), Usual()
    for number in range(LEARNING_JOBS):
        await _follow(scenario, dice, number, usual, Figures([], []))
    for number in range(LEARNING_JOBS, LEARNING_JOBS + JOBS):
        await _follow(scenario, dice, number, usual, figures)
    return figures


async def _follow(
    scenario: Scenario, dice: random.Random, number: int, usual: Usual, figures: Figures
) -> None:
    media_seconds, took = scenario.draw(dice, number)
    vendor = SimulatedVendor(took)
    async for _ in follow(
        vendor,
        {},
        pace=scenario.pace,
        patience=PATIENCE,
        clock=vendor,
        usual=usual,
        media_seconds=media_seconds,
    ):
        pass
    figures.lags.append(vendor.now() - took)
    figures.checks.append(vendor.checks)


def _about(seconds: float, spread: float) -> Draw:
    """Log-normal times for media of ten seconds; the spread is that of the logarithm."""
    return lambda dice, _: (10.0, seconds * math.exp(dice.gauss(0, spread)))


def _queueing(dice: random.Random, number: int) -> tuple[float, float]:
    """One job in four waits in a queue before."""
    media_seconds, took = _about(120, 0.12)(dice, number)
    return media_seconds, took + (dice.uniform(60, 180) if dice.random() < 0.25 else 0)


def _straggling(dice: random.Random, number: int) -> tuple[float, float]:
    """One job in ten takes far longer, with no limit to how far."""
    media_seconds, took = _about(120, 0.12)(dice, number)
    return media_seconds, min(
        PATIENCE / 2, took * (dice.paretovariate(1.2) if dice.random() < 0.1 else 1)
    )


def _drifting(dice: random.Random, number: int) -> tuple[float, float]:
    """Slower and faster again, by two thirds, every 250 jobs."""
    media_seconds, took = _about(120, 0.12)(dice, number)
    return media_seconds, took * math.exp(0.5 * math.sin(number / 40))


def _of_many_lengths(dice: random.Random, _: int) -> tuple[float, float]:
    media_seconds = dice.uniform(5, 60)
    return media_seconds, (60 + 3 * media_seconds) * math.exp(dice.gauss(0, 0.12))


TWO_MINUTES = Pace(interval=1, overhead=80, per_second=4)
SCENARIOS = (
    Scenario("120 s, spread 5 %", TWO_MINUTES, _about(120, 0.05)),
    Scenario("120 s, spread 15 %", TWO_MINUTES, _about(120, 0.15)),
    Scenario("120 s, spread 25 %", TWO_MINUTES, _about(120, 0.25)),
    Scenario("120 s, thought to be 60 s", Pace(1, 40, 2), _about(120, 0.15)),
    Scenario("120 s, thought to be 240 s", Pace(1, 160, 8), _about(120, 0.15)),
    Scenario("120 s, one in four queues 1-3 min more", TWO_MINUTES, _queueing),
    Scenario("120 s, one in ten straggles", TWO_MINUTES, _straggling),
    Scenario("72 to 198 s, drifting", TWO_MINUTES, _drifting),
    Scenario("75 to 240 s by length, thought wrongly", Pace(1, 20, 6), _of_many_lengths),
    Scenario("AIML API: 34 s, spread 20 %", Pace(1, 25, 1), _about(34, 0.2)),
    Scenario("Gooey.AI: 45 s, spread 30 %", Pace(1, 20, 3), _about(45, 0.3)),
    Scenario("Magic Hour: 229 s, spread 30 %", Pace(1, 120, 8), _about(229, 0.3)),
)


if __name__ == "__main__":
    main()
