"""The line along which two posed lips meet, and where every pixel lies to it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.engine.curves import Field, Points, rounded, smoothstep

_JOIN = 1.4  # pixels over which the skin of one lip passes into that of the other
_JOIN_GROWTH = 1.8  # more of them for each pixel beyond a corner of the mouth


@dataclass(frozen=True, slots=True)
class AtMouth:
    """Where pixels lie to a mouth; each field has one value in pixels for each of them.

    ``along`` runs from corner to corner, ``below`` is measured from the straight line between
    them; ``upper`` and ``lower`` are how far below that line the lips' edges are.
    """

    along: Field
    below: Field
    upper: Field
    lower: Field

    def crop(self, part: tuple[slice, slice]) -> AtMouth:
        """Some rows and columns of it."""
        return AtMouth(self.along[part], self.below[part], self.upper[part], self.lower[part])


@dataclass(frozen=True, slots=True)
class MouthLine:
    """The inner edges of posed lips in a picture, in pixels.

    ``start`` is the right corner; ``across`` and ``down`` are perpendicular unit vectors. ``upper``
    and ``lower`` tabulate the edges, one value a pixel along.
    """

    start: Points
    across: Points
    down: Points
    length: float
    upper: Field
    lower: Field

    @classmethod
    def between(cls, upper: Points, lower: Points) -> MouthLine:
        """From the inner contours of both lips: 11 x 2 pixels each, with common ends."""
        start = upper[0]
        across = upper[-1] - start
        length = max(float(np.hypot(*across)), 1.0)
        across = across / length
        down = np.array([-across[1], across[0]])
        tables = []
        for contour in (upper, lower):
            path = rounded(contour, 8) - start
            along = np.maximum.accumulate((path * across).sum(1))
            below = (path * down).sum(1)
            table = np.interp(np.arange(int(length) + 2), along, below, left=0, right=0)
            tables.append(table.astype(np.float32))
        return cls(start, across, down, length, tables[0], np.maximum(*tables))

    @property
    def gap(self) -> float:
        """The widest opening, in pixels."""
        return float((self.lower - self.upper).max())

    def at(self, pixels: Field) -> AtMouth:
        """For pixels at height x width x (x, y)."""
        x, y = np.float32(self.start[0]), np.float32(self.start[1])
        across, down = self.across.astype(np.float32), self.down.astype(np.float32)
        right, under = pixels[..., 0] - x, pixels[..., 1] - y
        along = right * across[0] + under * across[1]
        below = right * down[0] + under * down[1]
        inside = np.clip(along, 0, np.float32(self.length))
        index = inside.astype(np.int32)
        fraction = inside - index.astype(np.float32)
        edges = []
        for table in (self.upper, self.lower):
            slope = np.append(np.diff(table), np.float32(0))
            edges.append(table[index] + slope[index] * fraction)
        return AtMouth(along, below, edges[0], edges[1])

    def lower_share(self, place: AtMouth) -> Field:
        """How much of a pixel belongs to the lower lip's side: 0 above the line, 1 below it."""
        half = np.float32(self.length / 2)
        outside = np.maximum(np.abs(place.along - half) - half, 0)
        middle = (place.upper + place.lower) * np.float32(0.5)
        width = np.float32(_JOIN) + np.float32(_JOIN_GROWTH) * outside
        return smoothstep((place.below - middle) / width + np.float32(0.5))
