"""Where a job's inputs and its result live on disk."""

from __future__ import annotations

import shutil
from collections.abc import Container
from pathlib import Path


class Archive:
    """One folder a job: ``face`` and ``audio`` as they came, and ``video.mp4``.

    The names are ours alone: nothing that a caller called a file is ever part of a path.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def folder(self, job_id: str) -> Path:
        """The job's own folder."""
        return self.root / job_id

    def open(self, job_id: str) -> Path:
        """Make the job's folder."""
        folder = self.folder(job_id)
        folder.mkdir(parents=True)
        return folder

    def video(self, job_id: str) -> Path:
        """Where the job's result is kept."""
        return self.folder(job_id) / "video.mp4"

    def discard(self, job_id: str) -> None:
        """Forget an order that was refused."""
        shutil.rmtree(self.folder(job_id), ignore_errors=True)

    def sweep(self, known: Container[str]) -> None:
        """Remove what uploads left behind that never became a job, because the service ended."""
        for folder in self.root.glob("*"):
            if folder.name not in known:
                shutil.rmtree(folder, ignore_errors=True)
