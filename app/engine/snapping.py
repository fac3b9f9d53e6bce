"""Moves contours of the mesh, which is a millimetre or three off, to what a picture really shows.

Either looks at a band of brightness along a contour and takes the best smooth path through it,
found by dynamic programming.
"""

from __future__ import annotations

import cv2
import numpy as np

from app.engine.anatomy import Head
from app.engine.curves import Points, rounded
from app.engine.sampling import bilinear
from app.media.face import Picture

_STEPS = 37  # across the band
_SAMPLES = 4  # along the contour, for each of its spans
_SIDESTEP = 1.2  # grey levels that a step aside must be worth

_SEAM_REACH = 2.6  # mm to either side
_SEAM_PRIOR = 6.0  # grey levels that the edge of the band must be worth

_LID_ABOVE, _LID_BELOW = 5.5, 1.5  # mm
_LID_SHARPNESS = 1.0  # mm to either side of a lid's edge that are compared
_LID_PRIOR = 12.0


def seam_offset(rgb: Picture, head: Head, inner_lips: Points) -> Points:
    """How far below this contour (n x 2 mm) closed lips meet: n millimetres.

    The line where lips meet is dark.
    """
    reach = max(_SEAM_REACH, 2.0 / head.millimetre)
    offsets = np.linspace(-reach, reach, _STEPS)
    darkness = _brightness(rgb, head, _band(inner_lips, offsets))
    darkness -= darkness.min(1, keepdims=True)
    path = _path(darkness + _SEAM_PRIOR * (offsets / reach) ** 2, offsets)
    path[[0, -1]] = 0.8 * path[[1, -2]]  # around the corners other folds are dark as well
    return path


def lid_offset(rgb: Picture, head: Head, upper_lid: Points) -> Points:
    """How far below this contour (n x 2 mm) the upper lid ends: n millimetres.

    There the picture passes from skin to lashes and eye: from bright to dark, going down.
    """
    offsets = np.linspace(-_LID_ABOVE, _LID_BELOW, _STEPS)
    band = _band(upper_lid, offsets)
    aside = np.array([0, _LID_SHARPNESS])
    step = _brightness(rgb, head, band + aside) - _brightness(rgb, head, band - aside)
    path = _path(step + _LID_PRIOR * (offsets / _LID_ABOVE) ** 2, offsets)
    path[[0, -1]] = path[[1, -2]] / 2  # lashes are longest at the corners
    return path


def _band(contour: Points, offsets: Points) -> Points:
    band = np.repeat(rounded(contour, _SAMPLES)[:, None], len(offsets), axis=1)
    band[..., 1] += offsets
    return band


def _brightness(rgb: Picture, head: Head, places: Points) -> Points:
    """Of a slightly blurred picture at places in the head's millimetres: 0..255."""
    height, width = rgb.shape[:2]
    pixels = head.to_picture(places)
    left, top = np.floor(pixels.min((0, 1)) - 4).astype(int).clip(0, (width - 1, height - 1))
    right, bottom = np.ceil(pixels.max((0, 1)) + 4).astype(int).clip((left + 1, top + 1))
    grey = cv2.cvtColor(rgb[top:bottom, left:right], cv2.COLOR_RGB2GRAY)
    soft = cv2.GaussianBlur(grey.astype(np.float32), (0, 0), max(0.6, 0.35 * head.millimetre))
    return bilinear(np.asarray(soft, np.float32), pixels - (left, top)).astype(np.float64)


def _path(cost: Points, offsets: Points) -> Points:
    """The offset for each point of the contour whose band has this cost."""
    path = offsets[_cheapest_path(cost)]
    return np.convolve(np.pad(path, 2, mode="edge"), np.full(5, 0.2), "valid")[::_SAMPLES]


def _cheapest_path(cost: Points) -> list[int]:
    """A column for each row."""
    columns = np.arange(cost.shape[1])
    aside = _SIDESTEP * np.abs(columns[:, None] - columns)
    total, origins = cost[0], []
    for row in cost[1:]:
        ways = total + aside
        origins.append(ways.argmin(1))
        total = row + ways.min(1)
    path = [int(total.argmin())]
    for origin in reversed(origins):
        path.append(int(origin[path[-1]]))
    return path[::-1]
