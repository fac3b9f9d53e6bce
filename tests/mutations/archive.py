"""Faults in how results are kept, served and deleted."""

from __future__ import annotations

from tests.mutations.base import Mutation

RESULTS = "app/results.py"
RANGES = "app/api/ranges.py"
STORAGE = "app/storage.py"
RETENTION = "app/retention.py"

KEPT = "tests/test_archive.py::test_"
OLD = "tests/test_retention.py::test_"

ARCHIVE: tuple[Mutation, ...] = (
    Mutation(
        "a paid video is fetched only once",
        RESULTS,
        "DOWNLOAD_PAUSES = (1.0, 3.0)",
        "DOWNLOAD_PAUSES: tuple[float, ...] = ()",
        (KEPT + "a_download_that_went_wrong_is_noticed[folder-cut]",),
    ),
    Mutation(
        "a page is taken for a video",
        "app/media/preflight.py",
        'raise UnreadableMedia("What came is not a video.") from None',
        "raise",
        (KEPT + "a_download_that_went_wrong_is_noticed[folder-html]",),
    ),
    Mutation(
        "a copy that failed is never tried again",
        RESULTS,
        "            if isinstance(problem, PASSING):",
        "            if False:",
        (KEPT + "a_copy_comes_late_even_after_a_kill",),
    ),
    Mutation(
        "the warning stays when the copy has come",
        RESULTS,
        "if told != late.warning)",
        "if told)",
        (KEPT + "a_copy_comes_late_even_after_a_kill",),
    ),
    Mutation(
        "another replica does not have a job's files",
        "app/archive.py",
        "[path for path in paths if not path.exists()]",
        "[]",
        (KEPT + "a_job_goes_on_where_its_folder_is_not",),
    ),
    Mutation(
        "what our engine made is not made again",
        RESULTS,
        "while not await asyncio.to_thread(video.exists):",
        "while False:",
        (KEPT + "a_video_that_was_lost_with_its_folder_is_made_again",),
    ),
    Mutation(
        "folders stay where jobs were worked on",
        RESULTS,
        "            await self._succeed(job, result, self._shortcomings(job, result))\n"
        "        await self.archive.close(job.id)\n",
        "            await self._succeed(job, result, self._shortcomings(job, result))\n",
        (KEPT + "nothing_stays_where_the_job_was_worked_on[folder]",),
    ),
    Mutation(
        "a range ends a byte late",
        RANGES,
        "min(size, int(last) + 1)",
        "min(size, int(last) + 2)",
        (KEPT + "a_range[folder-bytes=4-11-4-11]",),
    ),
    Mutation(
        "half of one video is joined to half of another",
        RANGES,
        'request.headers.get("if-range", tag) == tag',
        "True",
        (KEPT + "a_download_goes_on_only_with_the_same_video[folder]",),
    ),
    Mutation(
        "a storage that cannot be written to is found out late",
        STORAGE,
        "        storage.prove()\n",
        "",
        (KEPT + "a_storage_that_cannot_work_stops_the_start",),
    ),
    Mutation(
        "old files stay",
        RETENTION,
        "                await self.archive.discard(job_id)\n",
        "",
        (OLD + "old_files_go_and_the_record_stays",),
    ),
    Mutation(
        "fresh files go",
        RETENTION,
        "self.store.ended_before(now - self.lasts, ",
        "self.store.ended_before(now, ",
        (OLD + "what_is_under_way_or_fresh_is_kept",),
    ),
    Mutation(
        "records go with their files",
        RETENTION,
        "RECORDS_LAST = 4",
        "RECORDS_LAST = 1",
        (OLD + "at_last_the_record_goes_as_well",),
    ),
    Mutation(
        "a video that was deleted still has a link",
        "app/api/schemas.py",
        "playable = job.result and not job.expired_at",
        "playable = job.result",
        (OLD + "a_video_that_was_deleted_is_gone",),
    ),
)
