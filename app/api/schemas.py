"""The JSON that callers read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Path
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


JobId = Annotated[str, Path(description="the `job_id` of the job")]


class CostOut(BaseModel):
    """What a job costs in the provider's own unit; null where it is not known."""

    estimated: float | None = Field(description="before the order was handed over")
    charged: float | None = Field(description="what the provider says that it took")
    unit: str = Field(description="`credits`, `USD` or whatever the provider counts in")


class VendorError(BaseModel):
    """What the provider itself said."""

    status: int | None = Field(description="its HTTP status")
    code: str | None = Field(description="its own code")
    message: str = Field(description="its own words")


class JobError(BaseModel):
    """Why a job failed."""

    code: str = Field(description="a stable word, as in the answer to a waiting caller")
    detail: str = Field(description="one sentence")
    charged: Charged = Field(description="whether the provider took money")
    provider_error: VendorError | None = Field(None, description="what the provider itself said")


class JobOut(BaseModel):
    """The job resource: the answer of `POST /lipsync`, and of `GET /lipsync/{job_id}`."""

    model_config = ConfigDict(json_schema_extra={"example": FINISHED})

    job_id: str = Field(description="names the job in every route")
    status: State = Field(description="the last three are final")
    provider: str = Field(description="who renders")
    video_url: str | None = Field(description="plays in a browser without credentials")
    download_url: str | None = Field(description="this service's own stable link")
    run_id: str | None = Field(description="the provider's own id of the run")
    provider_url: str | None = Field(description="the provider's web page of the run")
    message: str | None = Field(description="what is happening, in a sentence")
    progress: float | None = Field(description="0..1, or null where it is not known")
    phase: Phase = Field(description="what is happening, in a word")
    created_at: Moment = Field(description="when the order arrived")
    finished_at: Moment | None = Field(description="when the job became final")
    duration_seconds: float | None = Field(description="length of the video")
    file_size: int | None = Field(description="bytes")
    content_type: str | None = Field(description="of the video")
    expires_at: Moment | None = Field(
        description="until when `video_url` works, where the provider tells"
    )
    cost: CostOut | None = Field(
        description="in the provider's own unit; null where nothing is known"
    )
    warnings: list[str] = Field(
        description="what the caller would want to know: what was converted, what came out shorter"
    )
    error: JobError | None = Field(description="why the job failed")
    gooey_url: str | None = Field(None, description="the same as provider_url, for Gooey.AI only")


class JobsOut(BaseModel):
    """One page of jobs."""

    jobs: list[JobOut] = Field(description="newest first")
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

    image: bool = Field(description="still images")
    video: bool = Field(description="videos of a face")
    formats: list[str] = Field(description="containers of pictures, videos and audio")
    max_seconds: float | None = Field(description="of audio")
    max_bytes: int | None = Field(description="of a file")
    max_side: int | None = Field(description="pixels")


class ProviderOut(BaseModel):
    """One provider, and whether it can take orders."""

    name: str = Field(description="for the field `provider`")
    label: str = Field(description="for people")
    configured: bool = Field(description="whether it takes orders")
    takes: TakesOut = Field(description="what it accepts as it is")
    options: dict[str, Any] = Field(description="JSON Schema of its options")
    pricing: str | None = Field(description="with the date of the price")
    can_cancel: bool = Field(description="whether work under way can be stopped there, too")
    docs_url: str | None = Field(description="the provider's own documentation")
    setup_hint: str | None = Field(description="what is missing before it takes orders")


class ProvidersOut(BaseModel):
    """Every provider, in order of preference."""

    providers: list[ProviderOut] = Field(description="in order of preference")
    default: str = Field(description="who renders when an order names nobody")
