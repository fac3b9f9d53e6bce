"""The rows of the jobs that this process carries out: read, and written, for as long as it does."""

from __future__ import annotations

from app.model import Job, Phase, State
from app.store import Store


class Lost(Exception):
    """The job is another replica's by now: nothing more may be done to it here."""


class Rows:
    """Writes nothing about a job that is another replica's by now, or final: it raises Lost."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def job(self, job_id: str) -> Job | None:
        """The job as it stands, as long as it is for this process to go on with it.

        None when nothing is left to do. Raises Lost when it is another replica's.
        """
        job = await self._store.surely(job_id)
        if job is None or job.state.final:
            return None
        if job.owner != self._store.owner:
            raise Lost
        return job

    async def save(self, job: Job, **changes: object) -> None:
        """Write what has changed."""
        if not await self._store.save(job.id, **changes):
            raise Lost

    async def note(self, job: Job, phase: Phase) -> None:
        """Say what is happening to the job now."""
        await self.save(job, state=State.PROCESSING, phase=phase)
