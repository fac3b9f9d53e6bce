"""Looks closer than the door does: is there a face, is there speech, and did a video come out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from app.errors import NoFace, NoSpeech, UnreadableMedia
from app.media.decode import iter_video, load_image, read_audio
from app.media.face import FaceMesh
from app.media.probe import Limits, probe_face
from app.media.voice import has_speech
from app.model import Kind, Media
from app.workers import WorkerDied, WorkerPool, WorkerTimedOut

SPEECH_RATE = 16_000
SIDE = 1280
"""Pixels: enough to see any face that is large enough to animate."""
LOOKS = 12
"""How many frames of a video are looked at, a second apart: a face may enter late."""
LOOK_SECONDS = 60

T = TypeVar("T")


async def look(inspections: WorkerPool, function: Callable[..., T], *args: object) -> T:
    """Have a worker process look into files. Raises UnreadableMedia for what it cannot digest."""
    try:
        return await inspections.run(function, *args, seconds=LOOK_SECONDS)
    except (WorkerDied, WorkerTimedOut, MemoryError):
        raise UnreadableMedia("The files take too long or too much memory to read.") from None


def check(face: Media, audio: Media, models: Path) -> None:
    """Raise NoFace or NoSpeech when an order cannot become a talking video."""
    if not has_speech(read_audio(audio.path, SPEECH_RATE), SPEECH_RATE):
        raise NoSpeech
    mesh = FaceMesh(models)
    if not any(mesh.best_face(picture) for picture in _pictures(face)):
        raise NoFace


def describe(video: Path) -> Media:
    """What is in a finished video. Raises UnreadableMedia when it cannot be played."""
    with video.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    return probe_face(video, sha256=digest.hexdigest(), limits=Limits())


def _pictures(face: Media) -> Iterable[npt.NDArray[np.uint8]]:
    if face.kind is Kind.IMAGE:
        return [load_image(face.path, max_side=SIDE)]
    return islice(iter_video(face.path, frame_rate=1.0, max_side=SIDE), LOOKS)
