"""The nouns of the service: what is asked, what is under way, and what comes back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import BaseModel

    from app.errors import LipSyncError

Ticket = dict[str, str]
"""What a provider hands back for an order: JSON text only, so any process can go on with it."""


class State(StrEnum):
    """How a job stands. The last three are final."""

    QUEUED = "queued"
    PROCESSING = "processing"
    SUCCESS = "success"
    FAILED = "failed"
    CANCELED = "canceled"

    @property
    def final(self) -> bool:
        """Whether nothing will change any more."""
        return self not in (State.QUEUED, State.PROCESSING)


class Phase(StrEnum):
    """What is happening to a job right now, in a word."""

    RECEIVED = "received"
    CHECKING = "checking"
    CONVERTING = "converting"
    UPLOADING = "uploading"
    SUBMITTING = "submitting"
    WAITING = "waiting"
    RENDERING = "rendering"
    ARCHIVING = "archiving"
    DONE = "done"


class Kind(StrEnum):
    """What a file is to a person."""

    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"


@dataclass(frozen=True, slots=True)
class Media:
    """A file that was looked into: what it is by its content, never by its name.

    ``width`` and ``height`` are pixels as a person sees them, after ``rotation`` (degrees
    clockwise, a multiple of 90, still to be applied to the stored pixels). ``duration`` is seconds.
    """

    path: Path
    kind: Kind
    container: str
    size: int
    sha256: str
    duration: float | None = None
    width: int | None = None
    height: int | None = None
    rotation: int = 0
    frame_rate: float | None = None
    video_codec: str | None = None
    audio_codec: str | None = None


class SyncMode(StrEnum):
    """What happens when the face's video and the audio differ in length."""

    CUT_OFF = "cut_off"  # the shorter one ends it
    LOOP = "loop"  # the video begins anew
    BOUNCE = "bounce"  # the video runs backwards and forwards
    SILENCE = "silence"  # the audio is followed by silence
    REMAP = "remap"  # the video is slowed down or sped up


@dataclass(frozen=True, slots=True)
class Takes:
    """The media a provider accepts as they are; what differs is converted first.

    ``images``, ``videos`` and ``audios`` are containers as `Media.container` names them; an empty
    set means that the kind is not taken at all. ``codecs`` bounds what is inside videos and audio.
    Sizes are bytes, lengths seconds of audio, ``max_side`` pixels.
    """

    images: frozenset[str]
    videos: frozenset[str]
    audios: frozenset[str]
    codecs: frozenset[str] | None = None
    max_seconds: float | None = None
    max_bytes: int | None = None
    max_side: int | None = None
    everything: bool = False
    """Whether it reads whatever the gateway reads: then nothing is converted at all."""
    sync_modes: frozenset[SyncMode] = frozenset()
    """Those that the provider carries out itself; the others are carried out before."""

    @classmethod
    def of(cls, *, images: str = "", videos: str, audios: str, **limits: Any) -> Takes:
        """The containers in words: ``Takes.of(videos="mp4 mov", audios="mp3 wav")``."""
        taken = [frozenset(names.split()) for names in (images, videos, audios)]
        return cls(taken[0], taken[1], taken[2], **limits)


@dataclass(frozen=True, slots=True)
class Order:
    """What a caller asks of a provider: this face, speaking these words.

    ``folder`` is the order's own working folder; ``key`` names the order to a vendor that
    honours idempotency keys.
    """

    key: str
    face: Media
    audio: Media
    options: BaseModel
    folder: Path
    links: tuple[str, str] | None = None
    """Where anybody can fetch the face and the audio, if the outside reaches this service."""
    webhook: str | None = None
    """Where the vendor may say that the video is there, if the outside reaches this service."""
    sync_mode: SyncMode | None = None
    """What the provider is to do where face and audio differ in length."""
    text: str | None = None
    """The words that ``audio`` speaks, where they are known."""
    voice: str | None = None
    """The name of the voice that was asked to speak them."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What an order would cost, in a provider's own unit. ``amount`` is None where nobody knows."""

    amount: float | None
    unit: str


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a provider may be sent: so many jobs at a time, so many orders in so many seconds.

    The jobs of all ``providers`` count, because they share an account.
    """

    providers: tuple[str, ...]
    at_once: int | None = None
    orders: int | None = None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Video:
    """A finished result: the provider's address for it, or a file of our own."""

    url: str | None = None
    path: Path | None = None
    expires_at: str | None = None


@dataclass(frozen=True, slots=True)
class Update:
    """A provider's latest word on a ticket. ``progress`` is 0..1 where it is known."""

    state: State
    phase: Phase = Phase.RENDERING
    progress: float | None = None
    message: str | None = None
    video: Video | None = None
    error: LipSyncError | None = None
    charged: float | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """Our own record of one order, from its arrival to its video."""

    id: str
    provider: str
    state: State
    phase: Phase
    created_at: datetime
    face: Media
    audio: Media
    options: Mapping[str, object]
    base_url: str
    candidates: tuple[str, ...] = ()
    """Whom to ask next if the provider verifiably refuses."""
    text: str | None = None
    """The words that ``audio`` speaks, where the caller sent words instead of sound."""
    voice: str | None = None
    callback_url: str | None = None
    """Who is told when the job is final."""
    max_cost: float | None = None
    """What the caller would pay at most, in the provider's own unit."""
    sent_face: Media | None = None
    """What the provider was sent, when that is not what came."""
    sent_audio: Media | None = None
    cost: Mapping[str, object] | None = None
    progress: float | None = None
    message: str | None = None
    submitting_at: datetime | None = None
    ticket: Ticket | None = None
    video: Video | None = None
    result: Media | None = None
    """Our own copy of the video; the archive keeps it under the name of its path."""
    expired_at: datetime | None = None
    """When its files were deleted, because they had become old."""
    warnings: tuple[str, ...] = ()
    error: Mapping[str, object] | None = None
    rendered_at: datetime | None = None
    """When the provider was found to have a video; keeping it takes time of its own."""
    finished_at: datetime | None = None
    cancel_asked_at: datetime | None = None
    owner: str | None = None
    """The replica that carries the job out: nobody else writes its row while it is under way."""
    revision: int = 0
    """Grows with every change of the row."""
