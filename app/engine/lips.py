"""The lips of a face: six contours in millimetres, as they are in a picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.engine.anatomy import LOWER_LIP, UPPER_LIP, Head
from app.engine.curves import Points, smooth_step
from app.engine.snapping import seam_offset
from app.media.face import Picture

OUTER, MIDDLE, INNER = 0, 1, 2
ACROSS, DOWN = 0, 1

POSITION = np.linspace(-1, 1, 11)  # of a contour's points, from corner to corner
ARCH = np.sqrt(1 - POSITION**2)  # half an ellipse over the mouth
PARABOLA = 1 - POSITION**2

SEAM_SHARE = 0.45  # of a gap, from above: where parted lips meet
OPEN_GAP = 2.7  # mm between the mesh's inner contours from which lips are parted
_SHUT_GAP = 1.0  # mm between them that closed lips have at least, by the mesh
# Mesh points lie on the lips, not beside them: without a margin, bits of teeth stick to a lip.
_TEETH_MARGIN_OF_PHOTO = 0.45
_TEETH_MARGIN_OF_VIDEO = 0.9
_SHUT_SHARE = 10  # per cent of a video's frames have lips at least as closed as "closed"
_ENOUGH_SEAMS = 3
UPPER_TEETH = 2.1  # mm that they usually reach below the line where lips meet
_SMILING_TEETH = 0.45  # of the gap of a smile
_MOST_TEETH = 5.0  # mm
_PARTING = 1.5  # mm of gap over which a video's lips pass from closed to parted


@dataclass(frozen=True, slots=True)
class Lips:
    """Contours of both lips: outer, middle, inner x 11 points x (across, down), millimetres."""

    upper: Points
    lower: Points

    @property
    def gaps(self) -> Points:
        """Between the inner contours at each of their points: 11 millimetres, never negative."""
        return (self.lower[INNER, :, DOWN] - self.upper[INNER, :, DOWN]).clip(0)

    @property
    def gap(self) -> float:
        """In the middle of the mouth: millimetres."""
        return float(self.gaps[3:8].mean())

    @property
    def meeting_line(self) -> Points:
        """Where both lips meet when they close: 11 x (across, down), millimetres."""
        upper, lower = self.upper[INNER], self.lower[INNER]
        return np.asarray(upper + SEAM_SHARE * (lower - upper))

    @property
    def half_width(self) -> float:
        """From the middle to a corner: millimetres."""
        return float(abs(self.upper[OUTER, -1, ACROSS] - self.upper[OUTER, 0, ACROSS]) / 2)

    @property
    def seam(self) -> Points:
        """Half way between the inner contours: 11 x 2 mm."""
        return np.asarray((self.upper[INNER] + self.lower[INNER]) / 2)

    def meeting(self, seam: Points, share: float) -> Lips:
        """With the inner contours moved onto ``seam``, or a ``share`` 0..1 of the way there."""
        upper, lower = self.upper.copy(), self.lower.copy()
        aside = share * (seam - self.seam)
        for lip in (upper, lower):
            lip[INNER] += share * (seam - lip[INNER])
            lip[MIDDLE] += aside / 2
        return Lips(upper, lower)

    def clear_of_teeth(self, margin: float) -> Lips:
        """With the inner contours ``margin`` millimetres farther apart."""
        upper, lower = self.upper.copy(), self.lower.copy()
        upper[INNER, :, DOWN] -= ARCH * margin
        lower[INNER, :, DOWN] += ARCH * margin
        return Lips(upper, lower)


def mesh_lips(head: Head) -> Lips:
    """The lips where the mesh has them."""
    upper, lower = (head.points[np.array(lip), :2] for lip in (UPPER_LIP, LOWER_LIP))
    return Lips(head.to_head(upper), head.to_head(lower))


@dataclass(frozen=True, slots=True)
class ClosedMouth:
    """How the mesh sees one person's closed lips.

    ``gap`` is what it leaves between them, in mm; ``seam`` is how far below the middle of its inner
    contours they really meet: 11 millimetres. ``line`` is where that is, 11 x 2 mm, and
    ``teeth`` is how far the upper teeth reach below it, in mm.
    """

    gap: float
    seam: Points
    line: Points
    teeth: float

    @classmethod
    def learnt(cls, lips: list[Lips], seams: list[Points]) -> ClosedMouth:
        """From the lips in many frames of a video and `seam_offset` in those with closed ones."""
        # Someone who never shuts the mouth has no closed gap, but the mesh has.
        gaps = [each.gap for each in lips]
        gap = float(np.clip(np.percentile(gaps, _SHUT_SHARE), _SHUT_GAP, OPEN_GAP))
        seam = np.median(seams, axis=0) if len(seams) >= _ENOUGH_SEAMS else np.zeros(11)
        line = np.median([each.meeting_line for each in lips], axis=0)
        # Who smiles while speaking lifts the upper lip off the teeth.
        teeth = np.clip(_SMILING_TEETH * np.percentile(gaps, 75), UPPER_TEETH, _MOST_TEETH)
        return cls(gap, seam, line + _down(seam), float(teeth))

    def parted(self, lips: Lips) -> float:
        """0 for closed lips .. 1 for parted ones."""
        return smooth_step((lips.gap - self.gap) / _PARTING)


def photo_lips(rgb: Picture, head: Head) -> Lips:
    """The lips of a photo: closed ones meet exactly in the dark line between them."""
    lips = mesh_lips(head)
    if lips.gap >= OPEN_GAP:
        return lips.clear_of_teeth(_TEETH_MARGIN_OF_PHOTO)
    return lips.meeting(lips.seam + _down(seam_offset(rgb, head, lips.seam)), 1.0)


def video_lips(head: Head, closed: ClosedMouth) -> Lips:
    """The lips of one frame of a video, whose seam was found in other frames."""
    lips = mesh_lips(head)
    parted = closed.parted(lips)
    met = lips.meeting(lips.seam + _down(closed.seam), 1 - parted)
    return met.clear_of_teeth(_TEETH_MARGIN_OF_VIDEO * parted)


def _down(millimetres: Points) -> Points:
    return np.stack([np.zeros_like(millimetres), millimetres], -1)
