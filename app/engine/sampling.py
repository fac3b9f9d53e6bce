"""Fetches the colours of a picture at places between its pixels."""

from __future__ import annotations

from enum import IntEnum
from typing import Any, TypeVar, cast

import cv2
import numpy as np
import numpy.typing as npt

from app.engine.curves import Field

Grid = TypeVar("Grid", npt.NDArray[np.uint8], npt.NDArray[np.float32])

# Both coordinates are in the first map; OpenCV's type stubs insist on a second.
_NO_SECOND_MAP = cast("npt.NDArray[np.float32]", None)


class Border(IntEnum):
    """What lies beyond the edge of a picture."""

    NOTHING = cv2.BORDER_CONSTANT
    SAME = cv2.BORDER_REPLICATE
    MIRRORED = cv2.BORDER_REFLECT_101


def bilinear(picture: Grid, places: npt.NDArray[Any], border: Border = Border.SAME) -> Grid:
    """Colours at height x width x (x, y) pixels: fast, and a little soft."""
    return _sampled(picture, places, cv2.INTER_LINEAR, border)


def bicubic(picture: Grid, places: npt.NDArray[Any], border: Border = Border.SAME) -> Grid:
    """Colours at height x width x (x, y) pixels: three times slower, and sharp."""
    return _sampled(picture, places, cv2.INTER_CUBIC, border)


def _sampled(picture: Grid, places: npt.NDArray[Any], how: int, border: Border) -> Grid:
    coordinates: Field = np.asarray(places, np.float32)
    found = cv2.remap(picture, coordinates, _NO_SECOND_MAP, how, borderMode=border)
    return np.asarray(found, picture.dtype)
