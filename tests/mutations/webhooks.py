"""Faults in what tells callers of the end of their jobs."""

from __future__ import annotations

from tests.mutations.base import Mutation

HOOKS = "app/hooks.py"
DELIVERIES = "app/deliveries.py"

TOLD = "tests/test_webhooks.py::test_"


HEARD = "tests/test_vendor_webhooks.py::test_"
HEARING = "app/providers/webhooks.py"


def fault(name: str, file: str, old: str, new: str, test: str) -> Mutation:
    return Mutation(name, file, old, new, (TOLD + test,))


WEBHOOKS: tuple[Mutation, ...] = (
    fault(
        "whom to tell is not recorded with the job's end",
        "app/store.py",
        "if to_be_told:",
        "if False:",
        "a_crash_between_the_end_and_the_webhook_loses_nothing",
    ),
    fault(
        "a webhook that was begun before a crash counts as sent",
        DELIVERIES,
        "due_at=now + LEASE_SECONDS,",
        "due_at=None,",
        "a_crash_in_the_middle_of_a_webhook_sends_it_again",
    ),
    fault(
        "two replicas send the same webhook",
        DELIVERIES,
        "due_at=now + LEASE_SECONDS,",
        "due_at=now,",
        "of_several_processes_one_tells",
    ),
    fault(
        "a refused webhook is not sent again",
        HOOKS,
        "if attempt > len(PAUSES):",
        "if attempt > 1:",
        "what_fails_is_tried_for_a_day_and_then_no_more",
    ),
    fault(
        "whoever is gone is told again and again",
        HOOKS,
        "if reply.status == _GONE:",
        "if False:",
        "who_is_gone_is_left_alone",
    ),
    fault(
        "Retry-After is not read",
        HOOKS,
        "if pause is None or reply.status not in (429, 503):",
        "if True:",
        "who_asks_for_time_gets_it",
    ),
    fault(
        "a receiver can have the next attempt put off for ever",
        HOOKS,
        "min(_seconds(reply.retry_after, self._now()), _LONGEST_PAUSE)",
        "_seconds(reply.retry_after, self._now())",
        "who_asks_for_time_gets_it",
    ),
    fault(
        "each attempt seems another webhook",
        HOOKS,
        "f\"msg_{job.id.partition('_')[2]}\"",
        'f"msg_{self._now()}"',
        "what_fails_is_tried_for_a_day_and_then_no_more",
    ),
    fault(
        "a callback's address is not looked at",
        "app/api/orders.py",
        "if fields.callback_url:",
        "if False:",
        "a_callback_that_cannot_be_is_told_at_once",
    ),
    Mutation(
        "a vendor's webhook has nothing looked at",
        "app/following.py",
        "clock=AlarmClock(self._clock, alarm)",
        "clock=self._tools.clock",
        (HEARD + "a_webhook_has_its_run_looked_at_sooner[magic_hour-magic_hour]",),
    ),
    Mutation(
        "a vendor's webhook of last week is heard",
        HEARING,
        " and abs(float(timestamp) - now) <= FRESH_SECONDS",
        "",
        (HEARD + "what_is_not_fresh_is_refused",),
    ),
    Mutation(
        "anybody's webhook is heard",
        HEARING,
        "if not signature or not await vendor.vouches(webhook.signed(headers, body), signature):",
        "if not signature:",
        (HEARD + "what_the_vendor_did_not_sign_is_refused",),
    ),
    Mutation(
        "fal's signature leaves out what it says",
        "app/providers/fal_webhooks.py",
        "hashlib.sha256(body).hexdigest(),",
        'hashlib.sha256(b"").hexdigest(),',
        (HEARD + "a_run_that_nobody_knows_changes_nothing",),
    ),
    Mutation(
        "every forgery has fal's keys fetched",
        HEARING,
        "await self._renew(_NOT_SOONER_THAN)",
        "await self._renew(0.0)",
        (HEARD + "a_new_key_is_looked_for_but_not_for_every_forgery",),
    ),
)
