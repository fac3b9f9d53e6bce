"""Faults in what callers may do with jobs: send them again, list, watch, cancel and delete them."""

from __future__ import annotations

from tests.mutations.base import Mutation

ORDERS = "app/api/orders.py"
IDEMPOTENCY = "app/api/idempotency.py"
JOBS = "app/api/jobs.py"
SERVING = "app/serving.py"
STORE = "app/store.py"

SENT_AGAIN = "tests/test_idempotency.py::test_"
ASKED = "tests/test_jobs.py::test_"
TOLD = "tests/test_events.py::test_"

CALLERS: tuple[Mutation, ...] = (
    Mutation(
        "an order that is sent again is paid for again",
        STORE,
        "            if claim:\n",
        "            if False:\n",
        (SENT_AGAIN + "an_order_sent_again_is_answered_with_its_job",),
    ),
    Mutation(
        "another order under a used key is answered with the first one's job",
        ORDERS,
        "if fingerprint != claim.fingerprint:",
        "if False:",
        (SENT_AGAIN + "another_order_under_the_same_key_is_refused[audio]",),
    ),
    Mutation(
        "a key does not care for the files",
        IDEMPOTENCY,
        '"files": files',
        '"files": {}',
        (SENT_AGAIN + "another_order_under_the_same_key_is_refused[image]",),
    ),
    Mutation(
        "a key does not care for the fields",
        IDEMPOTENCY,
        '"fields": asked',
        '"fields": {}',
        (SENT_AGAIN + "another_order_under_the_same_key_is_refused[provider]",),
    ),
    Mutation(
        "who has more patience makes another order",
        IDEMPOTENCY,
        'exclude={"wait"}, ',
        "",
        (SENT_AGAIN + "an_order_sent_again_is_answered_with_its_job",),
    ),
    Mutation(
        "a caller gets another one's job by the same key",
        ORDERS,
        'caller = bearer(request) if self.settings.api_keys else ""',
        'caller = ""',
        (SENT_AGAIN + "the_keys_of_two_callers_are_two_keys",),
    ),
    Mutation(
        "a key is never forgotten",
        "app/claims.py",
        "KEPT_SECONDS = 86_400",
        "KEPT_SECONDS = 86_400_000",
        (SENT_AGAIN + "a_key_is_forgotten_after_a_day",),
    ),
    Mutation(
        "a key may be anything",
        IDEMPOTENCY,
        " or not _KEY.fullmatch(given[0])",
        "",
        (SENT_AGAIN + "a_key_that_cannot_be_one_is_refused",),
    ),
    Mutation(
        "the files of an order that was sent again stay",
        ORDERS,
        "        if taken.replayed:\n",
        "        if False:\n",
        (SENT_AGAIN + "an_order_sent_again_is_answered_with_its_job",),
    ),
    Mutation(
        "a page begins with the last job of the one before",
        STORE,
        "_jobs.c.id < before",
        "_jobs.c.id <= before",
        (ASKED + "pages_follow_one_another",),
    ),
    Mutation(
        "any word is taken for a cursor",
        JOBS,
        "if not _JOB_ID.fullmatch(job_id):",
        "if False:",
        (ASKED + "a_page_that_cannot_be_is_refused",),
    ),
    Mutation(
        "a job is deleted while it is under way",
        JOBS,
        "raise JobProblem(StillRunning(), job, {})",
        "pass",
        (ASKED + "a_job_under_way_cannot_be_deleted",),
    ),
    Mutation(
        "the key of a deleted job stays",
        STORE,
        "await claims.drop(connection, job_id)",
        "pass",
        (ASKED + "a_deleted_job_leaves_nothing_behind",),
    ),
    Mutation(
        "the files of a deleted job stay",
        JOBS,
        "await self.archive.discard(job_id)",
        "pass",
        (ASKED + "a_deleted_job_leaves_nothing_behind",),
    ),
    Mutation(
        "the engine remembers a deleted job",
        JOBS,
        "await self.runner.forget(job_id)",
        "pass",
        (ASKED + "a_deleted_job_leaves_nothing_behind",),
    ),
    Mutation(
        "who comes back is told what it has heard before",
        "app/api/events.py",
        "if event_id != last_event_id:",
        "if True:",
        (TOLD + "who_comes_back_early_is_told_nothing_twice",),
    ),
    Mutation(
        "a browser that has heard the end connects for ever",
        "app/api/events.py",
        "raise HTTPException(204)",
        "pass",
        (TOLD + "who_has_seen_the_end_is_sent_away_for_good",),
    ),
    Mutation(
        "whoever waits is held when the service ends",
        "app/api/reading.py",
        "while not (job.state.final or self.closing.is_set())",
        "while not job.state.final",
        (TOLD + "a_stream_ends_with_the_service_and_goes_on_with_the_next",),
    ),
    Mutation(
        "every address makes a figure of its own",
        "app/api/measure.py",
        'getattr(scope.get("route"), "path", "none")',
        'scope["path"]',
        ("tests/test_metrics.py::test_addresses_that_lead_nowhere_are_counted_as_one",),
    ),
    Mutation(
        "the rate limit keeps a caller from canceling",
        "app/api/access.py",
        " or request.url.path not in _ORDERS",
        "",
        ("tests/test_access.py::test_orders_are_counted_for_each_key_and_looking_is_not",),
    ),
    Mutation(
        "the log holds links that open videos",
        SERVING,
        'logging.getLogger("uvicorn.access").addFilter(_without_query)',
        'logging.getLogger("uvicorn.access")',
        ("tests/test_access.py::test_no_signature_is_ever_logged",),
    ),
)
