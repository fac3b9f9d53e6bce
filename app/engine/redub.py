"""Paints a video's frames anew: the same person, saying something else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from app.engine.anatomy import Head
from app.engine.footage import there_and_back
from app.engine.lips import mesh_lips, video_lips
from app.engine.lower_face import LowerFace
from app.engine.mouth import Mouth
from app.engine.mouth_interior import PARTED_SEAM, MouthInterior
from app.engine.sampling import Source
from app.engine.speech import Pose
from app.engine.tracking import TrackedFace, upright
from app.media.face import Picture


@dataclass(frozen=True, slots=True)
class TalkingVideo:
    """A video whose face can be posed. Many threads may paint from it at once.

    ``play`` opens the video from its start; ``folder`` is where frames may be kept for a while.
    """

    face: TrackedFace
    interior: MouthInterior
    play: Callable[[], Iterable[Picture]]
    folder: Path

    @classmethod
    def of(
        cls, face: TrackedFace, play: Callable[[], Iterable[Picture]], folder: Path
    ) -> TalkingVideo:
        """For a face that was tracked through what ``play`` plays."""
        interior = MouthInterior.made(
            face.palette, face.closed.line, face.millimetre, face.closed.teeth
        )
        return cls(face, interior, play, folder)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.face.width, self.face.height

    def frames(self, poses: list[Pose]) -> Iterator[Callable[[], Picture]]:
        """A job for each pose, in order; each paints one frame."""
        known = len(self.face.points)
        footage = there_and_back(self.play(), known, len(poses), self.folder)
        for pose, (number, rgb) in zip(poses, footage, strict=True):
            yield partial(self._paint, rgb, number, pose)

    def _paint(self, rgb: Picture, number: int, pose: Pose) -> Picture:
        frame = upright(rgb, self.face.quarter_turns)
        certainty = float(self.face.certainty[number])
        head = Head(self.face.points[number].astype(np.float64))
        if not certainty or not head.has_mouth_in(*self.size):
            return frame
        region = LowerFace.of(head, *self.size)
        seam = PARTED_SEAM * self.face.closed.parted(mesh_lips(head))
        mouth = Mouth(
            region,
            video_lips(head, self.face.closed),
            replace(self.interior, seam=seam),
            float(self.face.jaw[number]),
        )
        # Also a silent mouth is ours: the one in the video may be talking.
        posed = mouth.posed(replace(pose, talk=1.0))
        painted = frame.copy()
        patch = region.patch
        posed.paint(painted, Source.once(frame), patch.pixels(), patch)
        return painted if certainty == 1 else _mixed(painted, frame, certainty)


def _mixed(first: Picture, second: Picture, share: float) -> Picture:
    return np.asarray(cv2.addWeighted(first, share, second, 1 - share, 0), np.uint8)
