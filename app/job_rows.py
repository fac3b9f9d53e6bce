"""The table of jobs, and how a job is written there and read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from app.database import METADATA
from app.model import Job, Kind, Media, Phase, State, Video

jobs = sa.Table(
    "jobs",
    METADATA,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("provider", sa.String, nullable=False),
    sa.Column("state", sa.String, nullable=False),
    sa.Column("phase", sa.String, nullable=False),
    sa.Column("created_at", sa.Float, nullable=False),  # seconds since 1970, UTC
    sa.Column("rendered_at", sa.Float),
    sa.Column("finished_at", sa.Float),
    sa.Column("expired_at", sa.Float),
    sa.Column("submitting_at", sa.Float),  # the intent: about to submit, and perhaps paid for
    sa.Column("cancel_asked_at", sa.Float),
    sa.Column("owner", sa.String),
    sa.Column("revision", sa.Integer, nullable=False, server_default="0"),
    sa.Column("progress", sa.Float),
    sa.Column("message", sa.String),
    sa.Column("base_url", sa.String, nullable=False),
    sa.Column("face", sa.JSON, nullable=False),
    sa.Column("audio", sa.JSON, nullable=False),
    sa.Column("options", sa.JSON, nullable=False),
    sa.Column("candidates", sa.JSON, nullable=False),
    sa.Column("text", sa.String),
    sa.Column("voice", sa.String),
    sa.Column("callback_url", sa.String),
    sa.Column("max_cost", sa.Float),
    sa.Column("sent_face", sa.JSON(none_as_null=True)),
    sa.Column("sent_audio", sa.JSON(none_as_null=True)),
    sa.Column("cost", sa.JSON(none_as_null=True)),
    sa.Column("ticket", sa.JSON(none_as_null=True)),
    sa.Column("video", sa.JSON(none_as_null=True)),  # where the provider left its result
    sa.Column("result", sa.JSON(none_as_null=True)),  # our own copy of it
    sa.Column("warnings", sa.JSON, nullable=False),
    sa.Column("error", sa.JSON(none_as_null=True)),
    # A page of a list is read off them, however many jobs there are.
    sa.Index("jobs_by_state", "state", "id"),
    sa.Index("jobs_by_provider", "provider", "id"),
)
UNFINISHED = jobs.c.state.in_([state for state in State if not state.final])
_MOMENTS = ("rendered_at", "finished_at", "expired_at", "submitting_at", "cancel_asked_at")
_MEDIA = ("face", "audio", "sent_face", "sent_audio", "result")


class JobRows:
    """Jobs as rows. Paths are kept relative to ``root``."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def row(self, job: Job) -> dict[str, object]:
        """What is written for a job."""
        return {name: self.value(getattr(job, name)) for name in Job.__slots__}

    def value(self, value: object) -> object:
        """What is written for one of its fields."""
        if isinstance(value, Media):
            relative = value.path.relative_to(self._root)
            return asdict(value) | {"path": relative.as_posix()}
        if isinstance(value, Video):
            return asdict(value) | {"path": str(value.path) if value.path else None}
        if isinstance(value, datetime):
            return value.timestamp()
        return list(value) if isinstance(value, tuple) else value

    def job(self, row: Mapping[Any, Any]) -> Job:
        """The job that was written."""
        values = {name: row[name] for name in Job.__slots__}
        return Job(
            **values
            | {
                "state": State(row["state"]),
                "phase": Phase(row["phase"]),
                "created_at": _time(row["created_at"]),
                **{name: _time(row[name]) if row[name] else None for name in _MOMENTS},
                "video": _video(row["video"]) if row["video"] else None,
                **{name: self._media(row[name]) for name in _MEDIA},
                "candidates": tuple(row["candidates"]),
                "warnings": tuple(row["warnings"]),
            }
        )

    def _media(self, facts: Mapping[str, Any] | None) -> Media | None:
        if facts is None:
            return None
        known = {"path": self._root / facts["path"], "kind": Kind(facts["kind"])}
        return Media(**{**facts, **known})


def _video(facts: Mapping[str, Any]) -> Video:
    return Video(**{**facts, "path": Path(facts["path"]) if facts["path"] else None})


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
