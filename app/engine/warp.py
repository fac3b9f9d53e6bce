"""Moves the skin of the lower face: smooth displacement fields, coarse first, then for each pixel.

Every field points backwards: from where a pixel is to be painted to where its colour comes from.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np

from app.engine.anatomy import CHIN, JAW_POINTS, JAW_SHARES, NOSE_TIP, Head
from app.engine.curves import Field, Points, Values, smoothstep
from app.engine.lips import INNER, MIDDLE, OUTER, Lips
from app.engine.sampling import bicubic

_SPACING = 4.5  # mm between nodes: finer shows no gain
_STIFFNESS = 1e-3  # lets the sheet miss a control point by a hair rather than wrinkle
_UPPER_LIP_MESH_POINT = 13
# How far from between nose and chin the skin moves, in mm: up to the eyes, out to the ears.
_REACH_UP, _REACH_DOWN, _REACH_ACROSS = 68.0, 96.0, 92.0
_FADE_FROM, _FADE_OVER = 0.78, 0.20  # shares of that reach
# OpenCV's product may add a third matrix; its type stubs insist on one.
_NOTHING = cast("Field", None)
_RING = np.linspace(0, 2 * np.pi, 20, endpoint=False)
_RING_RADIUS = 1.18  # of the reach: points there stay where they are


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


@dataclass(frozen=True, slots=True)
class LowerFace:
    """The part of a picture that moves with the mouth.

    ``nodes`` are rows x columns x (x, y) pixels; ``fade`` is 1 where the skin follows fully, 0 at
    the edge; ``pinned`` are n x 2 pixels that stay.
    """

    head: Head
    patch: Patch
    nodes: Field
    fade: Field
    pinned: Points

    @classmethod
    def of(cls, head: Head, width: int, height: int) -> LowerFace:
        """For a face in a picture of that size."""
        middle = head.pixels(_UPPER_LIP_MESH_POINT, CHIN, NOSE_TIP).mean(0)
        centre = head.to_head(middle)
        circle = np.stack([np.cos(_RING), np.sin(_RING)], -1)
        rim = head.to_picture(centre + circle * _reach(circle))
        patch = Patch.around(rim, 0, width, height)
        nodes = patch.nodes(max(2.0, _SPACING * head.millimetre))
        offset = head.to_head(nodes.astype(np.float64)) - centre
        distance = np.hypot(*np.moveaxis(offset / _reach(offset), -1, 0))
        fade = 1 - smoothstep((distance - _FADE_FROM) / _FADE_OVER)
        ring = head.to_picture(centre + circle * _REACH_DOWN * _RING_RADIUS)
        return cls(head, patch, nodes, fade[..., None].astype(np.float32), ring)

    def displacements(self, rest: Lips, posed: Lips, jaw: float, at: Field) -> tuple[Field, Field]:
        """Where the colours ``at`` some pixels come from, as seen from the upper and the lower lip.

        ``jaw`` is its drop in millimetres; ``at`` is shaped like ``nodes``, and so are the answers:
        the two fields differ because the lips part between them.
        """
        bone = self.head.points[JAW_POINTS, :2]
        dropped = bone + self.head.axes[1] * (jaw * JAW_SHARES)[:, None]
        shared = len(bone) + len(self.pinned)
        source = np.vstack(
            [self._controls(rest.upper), bone, self.pinned, self._controls(rest.lower)]
        )
        target = np.vstack(
            [self._controls(posed.upper), dropped, self.pinned, self._controls(posed.lower)]
        )
        unit, origin = 90 * self.head.millimetre, self.head.origin
        sheets = ThinPlates((target - origin) / unit, ((at - origin) / unit).reshape(-1, 2))
        lip = (len(target) - shared) // 2
        upper, lower = (
            sheets.through((source - target)[part], part).reshape(at.shape) * self.fade
            for part in (slice(0, lip + shared), slice(lip, None))
        )
        return upper, lower

    def _controls(self, lip: Points) -> Points:
        rows = [lip[OUTER], lip[MIDDLE, 1:-1], lip[INNER]]
        return self.head.to_picture(np.vstack(rows))


def _reach(direction: Points) -> Points:
    down = np.where(direction[..., 1] < 0, _REACH_UP, _REACH_DOWN)
    return np.stack([np.full_like(down, _REACH_ACROSS), down], -1)


class ThinPlates:
    """Smooth sheets through values at ``places`` (n x 2), read ``at`` m x 2 points.

    Polyharmonic splines with kernel r^3 and an affine part (Duchon 1977); the distances are worked
    out once for all sheets. OpenCV solves and multiplies here because NumPy's linear algebra brings
    threads that fight the encoder's.
    """

    def __init__(self, places: Points, at: Points) -> None:
        self._places = places
        self._at = at.astype(np.float32)
        self._between = _cubed_distances(places, places)
        self._reaching = _cubed_distances(self._at, places.astype(np.float32))

    def through(self, values: Points, part: slice) -> Field:
        """The sheet through ``values`` (k x 2) at those k of the places: m x 2."""
        places = self._places[part]
        count = len(places)
        system = np.zeros((count + 3, count + 3))
        system[:count, :count] = self._between[part, part]
        system[np.arange(count), np.arange(count)] += _STIFFNESS
        system[:count, count] = system[count, :count] = 1
        system[:count, count + 1 :] = places
        system[count + 1 :, :count] = places.T
        wanted = np.vstack([values, np.zeros((3, 2))])
        weights = cv2.solve(system, wanted, flags=cv2.DECOMP_LU)[1].astype(np.float32)
        bent = cv2.gemm(self._reaching[:, part], weights[:count], 1, _NOTHING, 0)
        across, down = self._at[:, :1], self._at[:, 1:]
        flat = weights[count] + across * weights[count + 1] + down * weights[count + 2]
        return np.asarray(bent + flat, np.float32)


def _cubed_distances(first: Values, second: Values) -> Values:
    across = first[:, 0, None] - second[:, 0]
    down = first[:, 1, None] - second[:, 1]
    across *= across
    down *= down
    across += down
    np.sqrt(across, out=down)
    across *= down
    return across
