"""The JSON that callers read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue, PlainSerializer

from app.errors import Charged
from app.media.sniff import CONTENT_TYPES
from app.model import Job, Phase, State

Moment = Annotated[
    datetime,
    PlainSerializer(
        lambda moment: moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        return_type=str,
    ),
]


_LINK = "http://localhost:8000/lipsync/lsj_01KAGTB6E6C6E4V4W4Y0Q7Z1RN/video"
FINISHED: dict[str, JsonValue] = {
    "job_id": "lsj_01KAGTB6E6C6E4V4W4Y0Q7Z1RN",
    "status": "success",
    "provider": "local",
    "video_url": _LINK,
    "download_url": _LINK,
    "run_id": "lsj_01KAGTB6E6C6E4V4W4Y0Q7Z1RN",
    "provider_url": None,
    "message": "Lip-sync video generated successfully!",
    "progress": 1.0,
    "phase": "done",
    "created_at": "2026-11-20T11:18:00Z",
    "finished_at": "2026-11-20T11:18:04Z",
    "duration_seconds": 7.48,
    "file_size": 2048576,
    "content_type": "video/mp4",
    "expires_at": None,
    "cost": None,
    "warnings": [],
    "error": None,
}
UNFINISHED = FINISHED | {
    "status": "processing",
    "video_url": None,
    "download_url": None,
    "message": "Rendering frame 74 of 187",
    "progress": 0.4,
    "phase": "rendering",
    "finished_at": None,
    "duration_seconds": None,
    "file_size": None,
    "content_type": None,
}

CANCELED = UNFINISHED | {
    "status": "canceled",
    "message": "The job was canceled.",
    "phase": "done",
    "finished_at": "2026-11-20T11:18:02Z",
    "error": {
        "code": "canceled",
        "detail": "The job was canceled.",
        "charged": "no",
        "provider_error": None,
    },
}


class CostOut(BaseModel):
    """What a job costs in the provider's own unit; null where it is not known."""

    estimated: float | None
    charged: float | None
    unit: str


class VendorError(BaseModel):
    """What the provider itself said."""

    status: int | None
    code: str | None
    message: str


class JobError(BaseModel):
    """Why a job failed."""

    code: str
    detail: str
    charged: Charged
    provider_error: VendorError | None = None


class JobOut(BaseModel):
    """The job resource: the answer of `POST /lipsync`, and of `GET /lipsync/{job_id}`."""

    model_config = ConfigDict(json_schema_extra={"example": FINISHED})

    job_id: str
    status: State
    provider: str
    video_url: str | None = Field(description="plays in a browser without credentials")
    download_url: str | None = Field(description="this service's own stable link")
    run_id: str | None = Field(description="the provider's own id of the run")
    provider_url: str | None
    message: str | None
    progress: float | None = Field(description="0..1, or null where it is not known")
    phase: Phase
    created_at: Moment
    finished_at: Moment | None
    duration_seconds: float | None
    file_size: int | None = Field(description="bytes")
    content_type: str | None
    expires_at: Moment | None
    cost: CostOut | None
    warnings: list[str]
    error: JobError | None
    gooey_url: str | None = Field(None, description="the same as provider_url, for Gooey.AI only")


class JobsOut(BaseModel):
    """One page of jobs."""

    jobs: list[JobOut]
    next_cursor: str | None = Field(description="leads to the next page; null on the last one")


def job_out(job: Job, sign: Callable[[str], str]) -> JobOut:
    """The job as its readers see it. ``sign`` makes a path one that plays without a key."""
    ticket = job.ticket or {}
    page = ticket.get("provider_url")
    playable = job.result and not job.expired_at
    own_link = job.base_url + sign(f"/lipsync/{job.id}/video") if playable else None
    hosted_link = job.video.url if job.video else None
    return JobOut(
        job_id=job.id,
        status=job.state,
        provider=job.provider,
        video_url=hosted_link or own_link,
        download_url=own_link,
        run_id=ticket.get("run_id"),
        provider_url=page,
        gooey_url=page if job.provider == "gooey" else None,
        message=job.message,
        progress=job.progress,
        phase=job.phase,
        created_at=job.created_at,
        finished_at=job.finished_at,
        duration_seconds=round(job.result.duration, 3)
        if job.result and job.result.duration
        else None,
        file_size=job.result.size if job.result else None,
        content_type=CONTENT_TYPES[job.result.container] if job.result else None,
        expires_at=_moment(job.video.expires_at) if job.video else None,
        cost=CostOut.model_validate(job.cost) if job.cost else None,
        warnings=list(job.warnings),
        error=JobError.model_validate(job.error) if job.error else None,
    )


def _moment(text: str | None) -> datetime | None:
    """A moment in a provider's words, if it is one."""
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        return None


class TakesOut(BaseModel):
    """What a provider accepts as it is; everything else is converted first."""

    image: bool
    video: bool
    formats: list[str]
    max_seconds: float | None
    max_bytes: int | None
    max_side: int | None


class ProviderOut(BaseModel):
    """One provider, and whether it can take orders."""

    name: str
    label: str
    configured: bool
    takes: TakesOut
    options: dict[str, Any] = Field(description="JSON Schema of its options")
    pricing: str | None
    can_cancel: bool
    docs_url: str | None
    setup_hint: str | None


class ProvidersOut(BaseModel):
    """Every provider, in order of preference."""

    providers: list[ProviderOut]
    default: str
