"""Faults in what carries a job from its order to its end."""

from __future__ import annotations

from tests.mutations.base import Mutation

STEPS = "app/steps.py"
POLLING = "app/polling.py"
RUNNER = "app/runner.py"
STORE = "app/store.py"
TALLIES = "app/tallies.py"

HOSTED = "tests/test_hosted.py::test_"
POLLED = "tests/test_polling.py::Test"

JOBS: tuple[Mutation, ...] = (
    Mutation(
        "what keeping a video takes is learnt as what making it takes",
        TALLIES,
        "_jobs.c.rendered_at - _jobs.c.submitting_at",
        "_jobs.c.finished_at - _jobs.c.submitting_at",
        ("tests/test_store.py::test_what_a_provider_took_leaves_out_what_keeping_its_video_took",),
    ),
    Mutation(
        "a job that a provider no longer knows is followed until patience ends",
        POLLING,
        "return len(latest) == GONE_AFTER and statuses <= pace.gone",
        "return False",
        (POLLED + "Stumbles::test_that_say_for_minutes_that_there_is_no_such_job_end_it",),
    ),
    Mutation(
        "an outage is taken for a job that a provider no longer knows",
        POLLING,
        "and statuses <= pace.gone",
        "",
        (POLLED + "Stumbles::test_of_an_outage_do_not",),
    ),
    Mutation(
        "a job is given up for an outage between",
        POLLING,
        "statuses <= pace.gone",
        "statuses & pace.gone",
        (POLLED + "Stumbles::test_that_say_so_between_others_do_not_either",),
    ),
    Mutation(
        "an order is not announced before it leaves",
        STEPS,
        "intent = await self._store.intend(job.id, allowance)",
        "intent = Intent.MADE",
        (HOSTED + "a_kill_while_the_order_leaves_is_found_again_and_told[aiml_pixverse]",),
    ),
    Mutation(
        "what was announced before a restart is forgotten",
        STORE,
        "room = [_jobs.c.submitting_at.is_(None), *(",
        "room = [*(",
        ("tests/test_store.py::test_an_order_is_announced_once",),
    ),
    Mutation(
        "a job is changed by whom it does not belong to",
        STORE,
        "partial(self._change, job_id, values, UNFINISHED, self._mine, topics=topics)",
        "partial(self._change, job_id, values, UNFINISHED, topics=topics)",
        ("tests/test_store.py::test_only_its_owner_changes_a_job",),
    ),
    Mutation(
        "an order leaves that nobody wants any more",
        STORE,
        "may = [_jobs.c.id == job_id, UNFINISHED, self._mine, _jobs.c.cancel_asked_at.is_(None)]",
        "may = [_jobs.c.id == job_id, UNFINISHED, self._mine]",
        ("tests/test_store.py::test_an_order_that_is_not_wanted_is_not_announced",),
    ),
    Mutation(
        "a provider is sent as many jobs as there are",
        STORE,
        "there.scalar_subquery() < allowance.at_once",
        "there.scalar_subquery() < 1_000_000",
        ("tests/test_store.py::test_the_oldest_has_its_turn_when_there_is_room",),
    ),
    Mutation(
        "who came last is sent first",
        STORE,
        "yield before.scalar_subquery() == 0",
        "yield before.scalar_subquery() >= 0",
        ("tests/test_store.py::test_the_oldest_has_its_turn_when_there_is_room",),
    ),
    Mutation(
        "a canceled job runs on at the provider",
        "app/following.py",
        "                await provider.cancel(ticket)",
        "                pass",
        ("tests/test_cancel.py::test_an_order_that_is_on_its_way_is_let_arrive_and_stopped_there",),
    ),
    Mutation(
        "a canceled job's video is thrown away though it was paid for",
        "app/following.py",
        "        if await self._finished_after_all(job, provider, ticket):\n"
        "            return\n        warning",
        "        warning",
        ("tests/test_cancel.py::test_a_video_that_is_there_already_is_kept",),
    ),
    Mutation(
        "a final job changes again",
        STORE,
        "partial(self._change, job_id, values, UNFINISHED, self._mine, topics=topics)",
        "partial(self._change, job_id, values, self._mine, topics=topics)",
        ("tests/test_store.py::test_a_final_job_never_changes_again",),
    ),
    Mutation(
        "another provider is paid when the outcome is unknown",
        STEPS,
        "return error.charged is Charged.NO and isinstance(error, _REFUSALS)",
        "return isinstance(error, (*_REFUSALS, OutcomeUnknown))",
        (HOSTED + "auto_asks_nobody_else_when_the_outcome_is_unknown",),
    ),
    Mutation(
        "no other provider is asked after a refusal",
        STEPS,
        "if left and self._failover and refused_for_nothing(error):",
        "if False:",
        (HOSTED + "auto_asks_the_next_one_after_a_refusal_that_cost_nothing",),
    ),
    Mutation(
        "the next provider finds the refused one's order",
        STEPS,
        "            submitting_at=None,\n",
        "",
        (HOSTED + "auto_asks_the_next_one_after_a_refusal_that_cost_nothing",),
    ),
    Mutation(
        "it is not told who refused",
        STEPS,
        "warnings=(*job.warnings, *told),",
        "warnings=job.warnings,",
        (HOSTED + "auto_asks_the_next_one_after_a_refusal_that_cost_nothing",),
    ),
    Mutation(
        "it is not told what was converted",
        STEPS,
        "(*job.warnings, *wanted.warnings)",
        "job.warnings",
        (HOSTED + "a_still_reaches_a_provider_of_videos_as_a_talking_video[fal_lipsync]",),
    ),
    Mutation(
        "a bug leaves its job hanging",
        STEPS,
        "    reference = uuid4().hex[:12]\n",
        "    raise problem\n    reference = uuid4().hex[:12]\n",
        ("tests/faults/test_crash.py::test_a_job_that_meets_a_bug_ends",),
    ),
    Mutation(
        "patience ends late",
        POLLING,
        "clock.now() + patience",
        "clock.now() + patience + 60",
        (POLLED + "Patience",),
    ),
    Mutation(
        "a status that stumbles ends the job",
        POLLING,
        "if not error.retryable or _gone(stumbles, pace):",
        "if True:",
        (POLLED + "Stumbles",),
    ),
    Mutation(
        "a final refusal is asked for again",
        POLLING,
        "if not error.retryable or _gone(stumbles, pace):",
        "if _gone(stumbles, pace):",
        (POLLED + "Stumbles",),
    ),
    Mutation(
        "nobody waits for as long as the vendor says",
        POLLING,
        "if retry_after is not None:",
        "if retry_after is None and stumbles == ():",
        (POLLED + "Stumbles",),
    ),
    Mutation(
        "a vendor is asked faster than it allows",
        POLLING,
        "seconds = max(retry_after, pace.interval)",
        "seconds = retry_after",
        (POLLED + "Stumbles",),
    ),
    Mutation(
        "a crash of a worker leaves its caller waiting",
        "app/workers.py",
        "            raise WorkerDied from None",
        "            return await asyncio.Future()",
        ("tests/test_workers.py::test_a_crash_is_told_and_the_next_call_is_served",),
    ),
    Mutation(
        "a worker may take for ever",
        "app/workers.py",
        "async with asyncio.timeout(seconds):",
        "async with asyncio.timeout(None):",
        ("tests/test_workers.py::test_a_hang_is_ended",),
    ),
    Mutation(
        "an upload may be of any size",
        "app/api/uploads.py",
        "if self.size > self.slot.limit:",
        "if False:",
        ("tests/test_problems.py::test_too_large[image]",),
    ),
)
