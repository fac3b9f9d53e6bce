"""Where things are on a face: which of the 468 mesh points lie on what, and the head's own axes.

The numbering is that of Face Mesh (its ``canonical_face_model_uv_visualization``). Right and left
are those of the person; contours run from the person's right to the left.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from app.engine.curves import Field, Points
from app.media.face import LEFT_EYE_CORNER, RIGHT_EYE_CORNER

UPPER_LIP = (
    (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291),  # edge of the red
    (62, 183, 42, 41, 38, 12, 268, 271, 272, 407, 292),  # middle of the red
    (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308),  # where it meets the lower lip
)
LOWER_LIP = (
    (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291),
    (62, 96, 89, 179, 86, 15, 316, 403, 319, 325, 292),
    (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308),
)
FOREHEAD_TOP, CHIN, NOSE_TIP = 10, 152, 1
RIGHT_TEMPLE, LEFT_TEMPLE = 234, 454
NOSE_BASE = (2, 98, 327)
LIPS_MIDDLE = (13, 14)
# Points of the skin that hardly move on the skull, whatever the face does.
SKULL = (33, 133, 362, 263, 168, 6, 197, 195, 5, 4, 1, 2, 98, 327, 10, 151, 9, 127, 356, 234, 454)
CHEEKS = (50, 280, 205, 425, 101, 330)
LOWER_LIP_RED = (85, 315, 16, 14, 86, 316, 179, 403)


@dataclass(frozen=True, slots=True)
class EyeContour:
    """Mesh points of the two lids, from corner to corner, and of the brow above."""

    upper: tuple[int, ...]
    lower: tuple[int, ...]
    brow: tuple[int, ...]


RIGHT_EYE = EyeContour(
    upper=(33, 246, 161, 160, 159, 158, 157, 173, 133),
    lower=(33, 7, 163, 144, 145, 153, 154, 155, 133),
    brow=(70, 63, 105, 66, 107),
)
LEFT_EYE = EyeContour(
    upper=(362, 398, 384, 385, 386, 387, 388, 466, 263),
    lower=(362, 382, 381, 380, 374, 373, 390, 249, 263),
    brow=(336, 296, 334, 293, 300),
)

# How much of the jaw's drop a point of the skin follows: all of it on the chin, less along the jaw
# bone towards its hinge below the ear, a little in the cheeks, nothing on nose, eyes and temples.
_FOLLOWS_JAW = {
    1.00: (152, 175, 199, 200, 18, 83, 313, 201, 421, 171, 396),
    0.97: (148, 377, 208, 428, 32, 262, 194, 418),
    0.92: (176, 400, 140, 369, 211, 431),
    0.85: (149, 378, 204, 424, 170, 395),
    0.75: (169, 394, 210, 430, 202, 422),
    0.63: (150, 379, 135, 364),
    0.48: (136, 365, 212, 432),
    0.40: (214, 434, 138, 367),
    0.25: (172, 397, 192, 416),
    0.15: (215, 435, 216, 436, 207, 427),
    0.10: (58, 288, 187, 411),
    0.04: (206, 426, 92, 322, 165, 391),
    0.00: (
        *(164, 1, 2, 98, 327, 4, 168, 6, 48, 278, 64, 294, 50, 280, 101, 330, 118, 347, 132, 361),
        *(93, 323, 127, 356, 205, 425, 36, 266, 123, 352, 147, 376),
    ),
}
JAW_POINTS = np.array([point for points in _FOLLOWS_JAW.values() for point in points])
JAW_SHARES = np.array([share for share, points in _FOLLOWS_JAW.items() for _ in points])

_EYE_CORNER_DISTANCE = 90.0  # mm between the outer corners of the eyes of an adult


@dataclass(frozen=True)
class Head:
    """A face in its own measure: millimetres across and down, wherever it is in the picture.

    ``points`` are the 468 x 3 mesh points in pixels.
    """

    points: npt.NDArray[np.float64]

    @cached_property
    def millimetre(self) -> float:
        """Pixels."""
        eyes = self.points[LEFT_EYE_CORNER] - self.points[RIGHT_EYE_CORNER]
        return max(float(np.linalg.norm(eyes)), 1.0) / _EYE_CORNER_DISTANCE

    @cached_property
    def _axes(self) -> npt.NDArray[np.float64]:
        """Unit vectors across (to the person's left) and down the face: 2 x 3."""
        across = self.points[LEFT_EYE_CORNER] - self.points[RIGHT_EYE_CORNER]
        across = across / max(float(np.linalg.norm(across)), 1e-6)
        down = self.points[CHIN] - self.points[FOREHEAD_TOP]
        down = down - across * float((across * down).sum())
        return np.stack([across, down / max(float(np.linalg.norm(down)), 1e-6)])

    @cached_property
    def axes(self) -> npt.NDArray[np.float64]:
        """What a millimetre across and a millimetre down are in the picture: 2 x 2 pixels.

        A face that is turned away is narrower, so these may be shorter than `millimetre`.
        """
        return self._axes[:, :2] * self.millimetre

    @property
    def down(self) -> Points:
        """The direction from brow to chin in the picture, of length about 1."""
        return self._axes[1, :2]

    @cached_property
    def yaw(self) -> float:
        """How far the face is turned aside, in degrees; 0 looks into the camera."""
        return float(np.degrees(np.arcsin(np.clip(self._axes[0, 2], -1, 1))))

    @cached_property
    def origin(self) -> Points:
        """The base of the nose in pixels, where the millimetres are counted from.

        It is the point next to the mouth that stays put whatever the mouth does.
        """
        return np.asarray(self.pixels(*NOSE_BASE).mean(0))

    def has_mouth_in(self, width: int, height: int) -> bool:
        """Whether the middle of the mouth is inside a picture of that size."""
        x, y = self.pixels(*LIPS_MIDDLE).mean(0)
        return bool(0 <= x < width and 0 <= y < height)

    def pixels(self, *indices: int) -> Points:
        """Mesh points as n x 2 pixels."""
        return self.points[list(indices), :2]

    def to_picture(self, millimetres: Points) -> Points:
        """From the head's millimetres (... x 2) to pixels."""
        across, down = self.axes
        offset = millimetres[..., :1] * across + millimetres[..., 1:] * down
        return np.asarray(self.origin + offset)

    def to_head(self, pixels: Points) -> Points:
        """From pixels (... x 2) to the head's millimetres."""
        return self._transformed(np.asarray(pixels, np.float64))

    def field_to_head(self, pixels: Field) -> Field:
        """`to_head` for the coordinates of many pixels."""
        return self._transformed(pixels).astype(np.float32)

    def _transformed(self, pixels: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        (xx, xy), (yx, yy) = np.linalg.inv(self.axes)
        x, y = self.origin
        right, below = pixels[..., 0] - x, pixels[..., 1] - y
        return np.stack([right * xx + below * yx, right * xy + below * yy], -1)
