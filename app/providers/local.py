"""Our own engine as a provider: no key, no cost, no network."""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import Field, PositiveInt
from pydantic_settings import BaseSettings

from app.engine.render import RenderOptions, render
from app.errors import LipSyncError, TimedOut
from app.media.sniff import IMAGES, RECORDINGS
from app.model import Kind, Media, Order, Phase, State, Takes, Ticket, Update, Video
from app.polling import Pace
from app.providers.base import Note, Options, Provider
from app.providers.prices import price_of
from app.settings import FROM_ENVIRONMENT
from app.speech import phonemes_of
from app.workers import WorkerDied, WorkerPool, WorkerTimedOut

GIGABYTE = 1 << 30


class LocalConfig(BaseSettings):
    """What an operator can say about the engine."""

    model_config = FROM_ENVIRONMENT

    local_concurrency: PositiveInt = 1
    face_models_dir: Path | None = None


class LocalOptions(Options):
    """How the local engine renders."""

    max_side: int = Field(1280, ge=64, le=1920, description="longest side of the video, in pixels")
    fps: float | None = Field(
        None,
        ge=10,
        le=60,
        description="frames a second; a photo gets 25, a video keeps its own up to 30",
    )
    head_motion: float = Field(
        1.0, ge=0, le=2, description="how much the head of a photo moves; 0 holds it still"
    )
    blink: bool = Field(True, description="whether the eyes of a photo blink")
    seed: int = Field(
        7, ge=0, le=2**31 - 1, description="another seed, other blinks and head movements"
    )


@dataclass(slots=True)
class _Rendering:
    """One render under way. The worker's reports land here, and checks read them."""

    task: asyncio.Task[None] | None = None
    started: bool = False
    progress: float = 0.0
    message: str | None = None

    def start(self) -> None:
        self.started = True

    def report(self, progress: float, message: str) -> None:
        self.progress, self.message = progress, message


class Local(Provider):
    """Renders in worker processes of its own, a few at a time; the rest wait in order.

    A ticket is all that a render needs, so a check after a restart simply renders again.
    """

    name = "local"
    label = "Local engine"
    options = LocalOptions
    pace = Pace(interval=0.2)
    can_cancel = True
    works_here = True
    takes = Takes(images=IMAGES, videos=RECORDINGS, audios=RECORDINGS, everything=True)

    def __init__(
        self, config: LocalConfig, *, models: Path, jobs: Path, job_seconds: float
    ) -> None:
        self.price = price_of(self.name)
        self._models = models
        self._jobs = jobs
        self._job_seconds = job_seconds
        self._pool = WorkerPool(config.local_concurrency, memory=6 * GIGABYTE, keep=False)
        self._renderings: dict[str, _Rendering] = {}

    async def submit(self, order: Order, note: Note) -> Ticket:
        """Write down what is to be rendered; rendering starts at the first check."""
        await note(Phase.WAITING)
        return {
            "run_id": order.key,
            "face": _written(order.face),
            "audio": _written(order.audio),
            "options": order.options.model_dump_json(),
            "video": str(order.folder / "rendered.mp4"),
            **_said(order.text, order.voice),
        }

    async def check(self, ticket: Ticket) -> Update:
        """Start the render if nobody did in this process, and say how far it is."""
        ticket = self._here(ticket)
        rendering = self._renderings.get(ticket["run_id"])
        if rendering is None:
            rendering = self._renderings[ticket["run_id"]] = _Rendering()
            rendering.task = asyncio.create_task(self._render(ticket, rendering))
        if rendering.task is not None and rendering.task.done():
            del self._renderings[ticket["run_id"]]
            await asyncio.to_thread(_tidy_up, Path(ticket["video"]).parent)
            return self._verdict(rendering.task, ticket)
        phase = Phase.RENDERING if rendering.started else Phase.WAITING
        return Update(State.PROCESSING, phase, rendering.progress, rendering.message)

    async def cancel(self, ticket: Ticket) -> None:
        """End the render's process."""
        rendering = self._renderings.pop(ticket["run_id"], None)
        if rendering and rendering.task:
            rendering.task.cancel()

    async def animate(
        self, face: Media, audio: Media, video: Path, text: str | None, voice: str | None
    ) -> None:
        """Render a still, so that a provider that takes videos only sees a face that talks.

        ``audio`` is the ``text`` in this ``voice``, where it is not a recording.
        """
        ticket = {
            "face": _written(face),
            "audio": _written(audio),
            "options": LocalOptions().model_dump_json(),
            "video": str(video),
            **_said(text, voice),
        }
        try:
            await self._render(ticket, _Rendering())
        except Exception as problem:
            raise self._named(problem) from None

    async def close(self) -> None:
        """End every render. Their tickets are kept by whoever asked, and can be checked again."""
        for rendering in self._renderings.values():
            if rendering.task:
                rendering.task.cancel()
        await self._pool.close()

    async def _render(self, ticket: Ticket, rendering: _Rendering) -> None:
        options = LocalOptions.model_validate_json(ticket["options"])
        await self._pool.run(
            _render_ticket,
            ticket,
            RenderOptions(**options.model_dump()),
            self._models,
            seconds=self._job_seconds,
            on_start=rendering.start,
            on_report=rendering.report,
        )

    def _here(self, ticket: Ticket) -> Ticket:
        """The ticket with its job's folder on this disk: another replica may have written it."""
        folder = self._jobs / ticket["run_id"]
        return ticket | {
            "face": _written(_moved(_read(ticket["face"]), folder)),
            "audio": _written(_moved(_read(ticket["audio"]), folder)),
            "video": str(folder / Path(ticket["video"]).name),
        }

    def _verdict(self, task: asyncio.Task[None], ticket: Ticket) -> Update:
        error = task.exception()
        if error is None:
            video = Video(path=Path(ticket["video"]))
            return Update(State.SUCCESS, Phase.ARCHIVING, 1.0, video=video)
        return Update(State.FAILED, error=self._named(error))

    def _named(self, error: BaseException) -> LipSyncError:
        match error:
            case LipSyncError():
                return error
            case WorkerTimedOut():
                return TimedOut()
            case MemoryError() | WorkerDied():
                return self.failed(
                    "the render's process ended unexpectedly, most likely for lack of memory."
                    " Try a smaller image or the option max_side."
                )
            case _:
                raise error


def _render_ticket(ticket: Ticket, options: RenderOptions, models: Path, report: Any) -> None:
    face, audio, video = _read(ticket["face"]), _read(ticket["audio"]), Path(ticket["video"])
    # A render that outlives its service for a moment must not write into its successor's file.
    own = video.with_name(f"rendering-{os.getpid()}.mp4")
    phonemes = phonemes_of(ticket["text"], ticket["voice"], audio) if "text" in ticket else ()
    render(face, audio, own, options, models=models, report=report, phonemes=phonemes)
    own.replace(video)


def _tidy_up(folder: Path) -> None:
    """Remove what renders left behind that were ended in the middle."""
    for left in folder.glob("rendering-*"):
        left.unlink(missing_ok=True)


def _moved(media: Media, folder: Path) -> Media:
    return replace(media, path=folder / media.path.name)


def _said(text: str | None, voice: str | None) -> dict[str, str]:
    return {"text": text, "voice": voice} if text and voice else {}


def _written(media: Media) -> str:
    return json.dumps(asdict(media) | {"path": str(media.path)})


def _read(text: str) -> Media:
    facts = json.loads(text)
    return Media(**{**facts, "path": Path(facts["path"]), "kind": Kind(facts["kind"])})
