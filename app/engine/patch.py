"""A rectangle of a picture, and fields that are worked out coarsely and enlarged to its pixels."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from app.engine.curves import Field, Points
from app.engine.sampling import bicubic


@dataclass(frozen=True, slots=True)
class Patch:
    """A rectangle of a picture: pixels from the left and the top; right and bottom are outside."""

    left: int
    top: int
    right: int
    bottom: int

    @classmethod
    def around(cls, points: Points, margin: float, width: int, height: int) -> Patch:
        """The part of a picture that holds all points (n x 2) and ``margin`` pixels around them."""
        left, top = np.floor(points.min(0) - margin).astype(int).tolist()
        right, bottom = np.ceil(points.max(0) + margin).astype(int).tolist()
        right, bottom = int(np.clip(right, 0, width)), int(np.clip(bottom, 0, height))
        return cls(int(np.clip(left, 0, right)), int(np.clip(top, 0, bottom)), right, bottom)

    @property
    def width(self) -> int:
        """Pixels."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """Pixels."""
        return self.bottom - self.top

    def within(self, outer: Patch) -> tuple[slice, slice]:
        """Rows and columns of this patch in an array that covers ``outer``."""
        return (
            slice(max(0, self.top - outer.top), max(0, self.bottom - outer.top)),
            slice(max(0, self.left - outer.left), max(0, self.right - outer.left)),
        )

    @property
    def in_picture(self) -> tuple[slice, slice]:
        """Rows and columns of this patch in the whole picture."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def nodes(self, spacing: float) -> Field:
        """The centres of about ``spacing`` pixels large cells: rows x columns x (x, y) pixels."""
        columns, rows = max(2, round(self.width / spacing)), max(2, round(self.height / spacing))
        x = (np.arange(columns) + 0.5) * self.width / columns - 0.5 + self.left
        y = (np.arange(rows) + 0.5) * self.height / rows - 0.5 + self.top
        return np.stack(np.meshgrid(x, y), -1).astype(np.float32)

    def pixels(self) -> Field:
        """The coordinates of every pixel: height x width x (x, y)."""
        x = np.arange(self.left, self.right, dtype=np.float32)
        y = np.arange(self.top, self.bottom, dtype=np.float32)
        return np.stack(np.meshgrid(x, y), -1)

    def enlarged(self, field: Field) -> Field:
        """A field given at `nodes`, for every pixel."""
        size = (self.width, self.height)
        return np.asarray(cv2.resize(field, size, interpolation=cv2.INTER_CUBIC), np.float32)

    def enlarged_part(self, field: Field, part: Patch) -> Field:
        """A field given at `nodes`, for every pixel of a small ``part`` of this patch."""
        rows, columns = field.shape[:2]
        cell = np.array([self.width / columns, self.height / rows], np.float32)
        corner = np.array([self.left, self.top], np.float32)
        return bicubic(field, (part.pixels() - corner + np.float32(0.5)) / cell - np.float32(0.5))
