"""Faults in what an order is said to cost, and in what it may."""

from __future__ import annotations

from tests.mutations.base import Mutation

BASE = "app/providers/base.py"
PRICED = "tests/test_costs.py::test_"

COSTS: tuple[Mutation, ...] = (
    Mutation(
        "nobody looks at max_cost",
        "app/steps.py",
        "if job.max_cost is not None:",
        "if False:",
        (PRICED + "an_order_that_is_too_expensive_is_refused",),
    ),
    Mutation(
        "an order that costs exactly max_cost is refused",
        BASE,
        "if estimate > most:",
        "if estimate >= most:",
        (PRICED + "an_order_within_its_max_cost_is_carried_out",),
    ),
    Mutation(
        "an order whose cost nobody knows is taken for free",
        BASE,
        "if estimate is None:",
        "estimate = estimate or 0\n        if estimate is None:",
        (PRICED + "an_order_whose_cost_nobody_knows_is_refused",),
    ),
    Mutation(
        "our own engine is refused because it has no price",
        BASE,
        "if not self.takes_money:",
        "if False:",
        (PRICED + "our_own_engine_never_costs_too_much",),
    ),
    Mutation(
        "one provider's credits are taken for another's",
        "app/providers/prices.py",
        'return self.unit == other.unit == "USD"',
        "return self.unit == other.unit",
        (PRICED + "auto_goes_on_to_whom_the_max_cost_means_something",),
    ),
    Mutation(
        "auto gives up where the first one is too expensive",
        "app/steps.py",
        "    MaxCostExceeded,\n    TooLong,\n    TooLarge,\n)",
        "    TooLong,\n    TooLarge,\n)",
        (PRICED + "auto_goes_on_to_whom_the_max_cost_means_something",),
    ),
    Mutation(
        "a charge that is none loses the video",
        "app/providers/answers.py",
        "with suppress(ValueError, TypeError):\n        found",
        "if True:\n        found",
        ("tests/conformance/test_fal.py::test_a_charge_that_is_none_does_no_harm",),
    ),
    Mutation(
        "fal: billable units are taken for money",
        "app/providers/fal_queue.py",
        "result.units * float(price)",
        "result.units",
        ("tests/conformance/test_fal.py::test_tells_what_was_charged",),
    ),
)
