"""Paints a photo's frames: the face of a still, in any pose."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from app.engine.anatomy import Head
from app.engine.blink import Eyelids
from app.engine.curves import Field
from app.engine.lips import photo_lips
from app.engine.lower_face import LowerFace
from app.engine.mouth import Mouth
from app.engine.mouth_interior import MouthInterior
from app.engine.patch import Patch
from app.engine.sampling import Source
from app.engine.speech import Pose
from app.engine.sway import Sway, head_nodes, head_patch
from app.media.face import Picture


@dataclass(frozen=True, slots=True)
class TalkingPhoto:
    """A still whose face can be posed. Many threads may paint from it at once.

    ``patch`` is all that ever moves; ``origins`` say where in ``source`` the colours of its pixels
    come from while nothing moves.
    """

    photo: Picture
    source: Source
    mouth: Mouth
    eyelids: Eyelids
    patch: Patch
    origins: Field
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
        source = Source.often(rgb)
        return cls(
            photo=rgb,
            source=source,
            mouth=Mouth(face, lips, interior),
            eyelids=Eyelids.of(rgb, head, interior.palette) if blink else Eyelids(()),
            patch=patch,
            origins=patch.pixels() * source.detail,
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
        sway = self.sway.displacement(pose, self.head_motion)
        origins = self.patch.enlarged(sway * self.source.detail)
        origins += self.origins
        frame = self.photo.copy()
        self.mouth.posed(pose, moved).paint(frame, self.source, origins, self.patch)
        self.eyelids.paint(frame, self.source, origins, self.patch, pose.blink)
        return frame
