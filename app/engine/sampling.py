"""Fetches the colours of a picture at places between its pixels."""

from __future__ import annotations

from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Source:
    """A picture that colours are fetched from, at places counted in 1/``detail`` pixels of it."""

    picture: npt.NDArray[np.uint8]
    detail: int

    @classmethod
    def once(cls, rgb: npt.NDArray[np.uint8]) -> Source:
        """A picture that is used for a single frame."""
        return cls(rgb, 1)

    @classmethod
    def often(cls, rgb: npt.NDArray[np.uint8]) -> Source:
        """A picture that is used for many frames, doubled.

        That makes fast bilinear sampling as sharp as bicubic sampling of the original. Every second
        pixel of every second row is the original's own, so what does not move does not change.
        """
        height, width = rgb.shape[:2]
        twice = np.array([[2, 0, 0], [0, 2, 0]], np.float32)
        doubled = cv2.warpAffine(
            rgb,
            twice,
            (2 * width, 2 * height),
            flags=cv2.INTER_LANCZOS4,
            borderMode=cv2.BORDER_REFLECT_101,
        )
        return cls(np.asarray(doubled, np.uint8), 2)

    def colours(self, places: Field) -> npt.NDArray[np.uint8]:
        """At height x width x (x, y)."""
        fetch = bicubic if self.detail == 1 else bilinear
        return fetch(self.picture, places, Border.SAME)


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
