"""Paints a photo's frames: the face of a still, in any pose."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np

from app.engine.anatomy import Head
from app.engine.blink import Eyelids
from app.engine.curves import Field
from app.engine.lips import photo_lips
from app.engine.mouth import Mouth
from app.engine.mouth_interior import MouthInterior
from app.engine.sampling import bilinear
from app.engine.speech import Pose
from app.engine.sway import Sway, head_nodes, head_patch
from app.engine.warp import LowerFace, Patch
from app.media.face import Picture


@dataclass(frozen=True, slots=True)
class TalkingPhoto:
    """A still whose face can be posed. Many threads may paint from it at once.

    ``detailed`` is the photo at twice its size, which makes cheap bilinear sampling as sharp as
    bicubic sampling of the photo; every second pixel of every second row is the photo's own.
    ``pixels`` are the coordinates of ``patch``, all that ever moves.
    """

    photo: Picture
    detailed: Picture
    mouth: Mouth
    eyelids: Eyelids
    patch: Patch
    pixels: Field
    sway: Sway
    sway_of_face: Sway
    head_motion: float

    @classmethod
    def of(cls, rgb: Picture, head: Head, *, head_motion: float, blink: bool) -> TalkingPhoto:
        """For a photo with even sides and the head in it. ``head_motion`` 0 keeps it still."""
        height, width = rgb.shape[:2]
        face = LowerFace.of(head, width, height)
        lips = photo_lips(rgb, head)
        interior = MouthInterior.of_photo(rgb, head, lips)
        patch = head_patch(head, width, height)
        return cls(
            photo=rgb,
            detailed=_doubled(rgb),
            mouth=Mouth(face, lips, interior),
            eyelids=Eyelids.of(rgb, head, interior.palette) if blink else Eyelids(()),
            patch=patch,
            pixels=patch.pixels(),
            sway=Sway.of(head, head_nodes(head, patch), width, height),
            sway_of_face=Sway.of(head, face.nodes, width, height),
            head_motion=head_motion,
        )

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.photo.shape[1], self.photo.shape[0]

    def frames(self, poses: list[Pose]) -> Iterator[Callable[[], Picture]]:
        """A job for each pose, in order; each paints one frame."""
        return (partial(self._paint, pose) for pose in poses)

    def _paint(self, pose: Pose) -> Picture:
        moved = self.mouth.face.nodes + self.sway_of_face.displacement(pose, self.head_motion)
        posed = self.mouth.posed(pose, moved)
        pixels = self.pixels + self.patch.enlarged(self.sway.displacement(pose, self.head_motion))
        frame = self.photo.copy()
        posed.paint(frame, pixels, self.patch, self._sample)
        self.eyelids.paint(frame, self.photo, pixels, self.patch, pose.blink)
        return frame

    def _sample(self, pixels: Field) -> Picture:
        return bilinear(self.detailed, pixels * 2)


def _doubled(rgb: Picture) -> Picture:
    height, width = rgb.shape[:2]
    twice = np.array([[2, 0, 0], [0, 2, 0]], np.float32)
    doubled = cv2.warpAffine(
        rgb,
        twice,
        (2 * width, 2 * height),
        flags=cv2.INTER_LANCZOS4,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    return np.asarray(doubled, np.uint8)
