"""Looks closer than the door does: is there a face, is there speech, and did a video come out."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from functools import cache
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from app.errors import NoFace, NoSpeech, UnreadableMedia, UnsupportedImage
from app.media.decode import iter_video, load_image, read_audio
from app.media.face import FaceMesh
from app.media.probe import Limits, probe_face
from app.media.voice import has_speech
from app.model import Kind, Media

SPEECH_RATE = 16_000
SIDE = 1280
"""Pixels: enough to see any face that is large enough to animate."""
LOOKS = 12
"""How many frames of a video are looked at, a second apart: a face may enter late."""


def find_face(face: Media, models: Path) -> None:
    """Raise NoFace when nobody is in the picture; ``models`` is the folder of the networks."""
    mesh = _mesh(models)
    if not any(mesh.best_face(picture) for picture in _pictures(face)):
        raise NoFace


def find_speech(audio: Media) -> None:
    """Raise NoSpeech when nobody speaks."""
    if not has_speech(read_audio(audio.path, SPEECH_RATE), SPEECH_RATE):
        raise NoSpeech


@cache
def _mesh(models: Path) -> FaceMesh:
    # Loading the networks takes longer than looking for a face with them.
    return FaceMesh(models)


def describe(video: Path) -> Media:
    """What is in a finished video. Raises UnreadableMedia when it is none that can be played."""
    with video.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    try:
        found = probe_face(video, sha256=digest.hexdigest(), limits=Limits(max_seconds=math.inf))
    except UnsupportedImage:
        raise UnreadableMedia("What came is not a video.") from None
    if found.kind is not Kind.VIDEO:
        raise UnreadableMedia("What came is a picture and not a video.")
    return found


def _pictures(face: Media) -> Iterable[npt.NDArray[np.uint8]]:
    if face.kind is Kind.IMAGE:
        return [load_image(face.path, max_side=SIDE)]
    return islice(iter_video(face.path, frame_rate=1.0, max_side=SIDE), LOOKS)
