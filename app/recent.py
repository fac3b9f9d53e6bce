"""Jobs as they were last read or written, where no other process writes them."""

from __future__ import annotations

from collections import OrderedDict

from app.model import Job


class Recent:
    """The latest revisions of the ``most`` jobs that were asked for last.

    With 0 nothing is kept: other processes write, too, and only the database knows.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._jobs: OrderedDict[str, Job] = OrderedDict()

    def find(self, job_id: str) -> Job | None:
        """The job as it stands, if it is known."""
        job = self._jobs.get(job_id)
        if job:
            self._jobs.move_to_end(job_id)
        return job

    def keep(self, job: Job) -> Job:
        """Remember what was read or written, unless something newer is known."""
        known = self._jobs.get(job.id)
        if known is None or known.revision <= job.revision:
            self._jobs[job.id] = job
            self._jobs.move_to_end(job.id)
        while len(self._jobs) > self._most:
            self._jobs.popitem(last=False)
        return job

    def forget(self, job_id: str) -> None:
        """The job is not there any more."""
        self._jobs.pop(job_id, None)

    def clear(self) -> None:
        """Many jobs were changed at once."""
        self._jobs.clear()
