"""The lips of a face: six contours in millimetres, as they are in a picture."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from app.engine.anatomy import LOWER_LIP, UPPER_LIP, Head
from app.engine.curves import Points, rounded, smooth_step
from app.engine.sampling import bilinear
from app.media.face import Picture

OUTER, MIDDLE, INNER = 0, 1, 2
ACROSS, DOWN = 0, 1

POSITION = np.linspace(-1, 1, 11)  # of a contour's points, from corner to corner
ARCH = np.sqrt(1 - POSITION**2)  # half an ellipse over the mouth
PARABOLA = 1 - POSITION**2

OPEN_GAP = 1.6  # mm between the lips from which teeth are to be seen
# Mesh points lie on the lips, not beside them: without a margin, bits of teeth stick to a lip.
_TEETH_MARGIN_OF_PHOTO = 0.45
_TEETH_MARGIN_OF_VIDEO = 0.9

_SEAM_SEARCH = 2.6  # mm to either side of where the mesh says the lips meet
_SEAM_STEPS = 33
_SEAM_SAMPLES = 4  # along the mouth, for each span of the contour


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
    def half_width(self) -> float:
        """From the middle to a corner: millimetres."""
        return float(abs(self.upper[OUTER, -1, ACROSS] - self.upper[OUTER, 0, ACROSS]) / 2)

    def moved(self, inner: Points, middle: Points) -> Lips:
        """With the inner and middle contours of both lips moved down by 11 millimetres each."""
        upper, lower = self.upper.copy(), self.lower.copy()
        for lip in (upper, lower):
            lip[INNER, :, DOWN] += inner
            lip[MIDDLE, :, DOWN] += middle
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


def photo_lips(rgb: Picture, head: Head) -> Lips:
    """The lips of a photo: closed ones meet exactly in the dark line between them."""
    lips = mesh_lips(head)
    if lips.gap >= OPEN_GAP:
        return lips.clear_of_teeth(_TEETH_MARGIN_OF_PHOTO)
    return _closed(lips, seam_offset(rgb, head, lips))


def video_lips(head: Head, seam: Points | None) -> Lips:
    """The lips of one frame of a video, corrected by what `seam_offset` found in many frames."""
    lips = mesh_lips(head)
    if seam is not None:
        lips = lips.moved(seam, np.zeros(11))
    return lips.clear_of_teeth(_TEETH_MARGIN_OF_VIDEO * smooth_step((lips.gap - 0.8) / 1.5))


def _closed(lips: Lips, offset: Points) -> Lips:
    seam = (lips.upper[INNER] + lips.lower[INNER]) / 2
    seam[:, DOWN] += offset
    shut = lips.moved(np.zeros(11), offset / 2)
    shut.upper[INNER] = shut.lower[INNER] = seam
    return shut


def seam_offset(rgb: Picture, head: Head, lips: Lips) -> Points:
    """How far below the middle of the mesh's inner contours closed lips meet: 11 millimetres.

    The mesh is a millimetre or two off; the line where lips meet is dark. The darkest smooth path
    is found by dynamic programming.
    """
    reach = max(_SEAM_SEARCH, 2.0 / head.millimetre)
    offsets = np.linspace(-reach, reach, _SEAM_STEPS)
    centre = rounded((lips.upper[INNER] + lips.lower[INNER]) / 2, _SEAM_SAMPLES)
    places = np.repeat(centre[:, None], _SEAM_STEPS, axis=1)
    places[..., DOWN] += offsets
    darkness = _brightness(rgb, head, places)
    darkness -= darkness.min(1, keepdims=True)
    path = offsets[_cheapest_path(darkness + 6 * (offsets / reach) ** 2)]
    path = np.convolve(np.pad(path, 2, mode="edge"), np.full(5, 0.2), "valid")[::_SEAM_SAMPLES]
    path[[0, -1]] = 0  # the corners are where the mesh has them
    return path


def _brightness(rgb: Picture, head: Head, places: Points) -> Points:
    pixels = head.to_picture(places)
    left, top = np.floor(pixels.min((0, 1)) - 4).astype(int).clip(0)
    right, bottom = np.ceil(pixels.max((0, 1)) + 4).astype(int)
    grey = cv2.cvtColor(rgb[top:bottom, left:right], cv2.COLOR_RGB2GRAY).astype(np.float32)
    grey = cv2.GaussianBlur(grey, (0, 0), max(0.6, 0.35 * head.millimetre))
    return bilinear(grey, pixels - (left, top)).astype(np.float64)


def _cheapest_path(cost: Points) -> list[int]:
    """A column for each row, at least total cost; a step aside costs 1.2 a column."""
    columns = np.arange(cost.shape[1])
    step = 1.2 * np.abs(columns[:, None] - columns)
    total, origins = cost[0], []
    for row in cost[1:]:
        ways = total + step
        origins.append(ways.argmin(1))
        total = row + ways.min(1)
    path = [int(total.argmin())]
    for origin in reversed(origins):
        path.append(int(origin[path[-1]]))
    return path[::-1]
