"""Makes a talking video of a face and a voice: what the service runs in a worker process."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from app.engine.anatomy import Head
from app.engine.concurrency import in_order, read_ahead
from app.engine.encode import SOUND_RATE, Mp4Writer
from app.engine.features import SAMPLE_RATE
from app.engine.photo import TalkingPhoto
from app.engine.redub import TalkingVideo
from app.engine.speech import MouthNetwork, Pose, poses
from app.engine.tracking import track_face, upright
from app.errors import NoFace
from app.espeak import Phoneme
from app.media.decode import iter_audio, iter_video, load_image, read_audio, video_frame_rate
from app.media.face import FaceMesh, Picture
from app.model import Kind, Media

Report = Callable[[float, str], None]
"""Hears how far the work is (0..1) and what is being done (a sentence), a few times a second."""

_PHOTO_FRAME_RATE = 25.0
_HIGHEST_VIDEO_FRAME_RATE = 30.0
_SECONDS_BETWEEN_REPORTS = 0.25
_TRACKING_SHARE = 0.3  # of the work on a video


@dataclass(frozen=True, slots=True)
class RenderOptions:
    """How a video is rendered.

    ``max_side`` bounds its longer side in pixels. ``fps`` is its frame rate: by default 25 for a
    photo, and for a video its own, up to 30. ``head_motion`` 0..2 scales the motion of a photo's
    head and ``blink`` lets it blink. The same ``seed`` gives the same blinks and motion.
    """

    max_side: int = 1280
    fps: float | None = None
    head_motion: float = 1.0
    blink: bool = True
    seed: int = 7


class _Actor(Protocol):
    """Whoever is to speak: a photo or a video."""

    @property
    def size(self) -> tuple[int, int]: ...

    def frames(self, poses: list[Pose]) -> Iterator[Callable[[], Picture]]: ...


def render(
    face: Media,
    audio: Media,
    out: Path,
    options: RenderOptions,
    *,
    models: Path,
    report: Report,
    phonemes: Sequence[Phoneme] = (),
) -> None:
    """Write an MP4 (H.264, AAC, index in front) of ``face`` saying ``audio`` to ``out``.

    It is as long as the audio, to a frame. ``phonemes`` are what is said in it, if that is known:
    then the mouth moves by the words, and else by what can be heard. ``models`` is the folder of
    the face networks. Takes both cores for about a third of the audio's duration. Raises NoFace and
    UnreadableMedia.
    """
    # Threads of our own paint and encode; OpenCV's would only fight them.
    cv2.setNumThreads(1)
    news = _News(report)
    news.begin(0, "Listening to the voice")
    samples = read_audio(audio.path, SAMPLE_RATE)
    rate = options.fps or _usual_rate(face)
    track = poses(samples, rate, MouthNetwork.load(), seed=options.seed, phonemes=phonemes)
    del samples
    mesh = FaceMesh(models)
    if face.kind is Kind.VIDEO:
        actor: _Actor = _video_actor(face, rate, len(track), out.parent, options, mesh, news)
    else:
        news.begin(0, "Looking for the face")
        actor = _photo_actor(face, options, mesh)
    del mesh
    _film(actor, track, rate, audio, out, news)


def _usual_rate(face: Media) -> float:
    if face.kind is Kind.VIDEO:
        return min(video_frame_rate(face.path), _HIGHEST_VIDEO_FRAME_RATE)
    return _PHOTO_FRAME_RATE


def _photo_actor(face: Media, options: RenderOptions, mesh: FaceMesh) -> TalkingPhoto:
    photo = load_image(face.path, max_side=options.max_side)
    found = mesh.best_face(photo)
    if found is None:
        raise NoFace
    seen, turns = found
    photo = upright(photo, turns)
    height, width = (side // 2 * 2 for side in photo.shape[:2])
    head = Head(seen.points)
    if not head.has_mouth_in(width, height):
        raise NoFace("The mouth is outside of the image. Use an image that shows the whole face.")
    return TalkingPhoto.of(
        np.ascontiguousarray(photo[:height, :width]),
        head,
        head_motion=options.head_motion,
        blink=options.blink,
    )


def _video_actor(
    face: Media,
    rate: float,
    wanted: int,
    folder: Path,
    options: RenderOptions,
    mesh: FaceMesh,
    news: _News,
) -> TalkingVideo:
    play = partial(iter_video, face.path, frame_rate=rate, max_side=options.max_side)
    expected = min(wanted, round((face.duration or 0) * rate) or wanted)

    def tell(number: int) -> None:
        news.tell(_TRACKING_SHARE * min(number / expected, 1), "Tracking the face")

    news.begin(0, "Tracking the face")
    tracked = track_face(read_ahead(play()), wanted, mesh, tell)
    return TalkingVideo.of(tracked, play, folder)


def _film(
    actor: _Actor, track: list[Pose], rate: float, audio: Media, out: Path, news: _News
) -> None:
    width, height = actor.size
    sound = iter_audio(audio.path, SOUND_RATE)
    start, count = news.progress, len(track)
    with Mp4Writer(out, width, height, rate, sound) as writer:
        for number, frame in enumerate(in_order(actor.frames(track)), start=1):
            writer.write(frame)
            news.tell(start + (1 - start) * number / count, f"Rendering frame {number} of {count}")


class _News:
    """Reports, but not more often than somebody can read."""

    def __init__(self, report: Report) -> None:
        self.progress = 0.0
        self._report = report
        self._told = 0.0

    def begin(self, progress: float, sentence: str) -> None:
        self._told = time.monotonic()
        self.progress = progress
        self._report(progress, sentence)

    def tell(self, progress: float, sentence: str) -> None:
        self.progress = progress
        if progress >= 1 or time.monotonic() - self._told >= _SECONDS_BETWEEN_REPORTS:
            self.begin(progress, sentence)
