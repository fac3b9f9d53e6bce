"""Moves the skin of the lower face with the lips and the jaw.

Every field points backwards: from where a pixel is to be painted to where its colour comes from.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.engine.anatomy import CHIN, JAW_POINTS, JAW_SHARES, LIPS_MIDDLE, NOSE_TIP, Head
from app.engine.curves import Field, Points, smoothstep
from app.engine.lips import INNER, MIDDLE, OUTER, Lips
from app.engine.patch import Patch
from app.engine.thin_plates import ThinPlates

_SPACING = 4.5  # mm between nodes: finer shows no gain
# How far from between nose and chin the skin moves, in mm: up to the eyes, out to the ears.
_REACH_UP, _REACH_DOWN, _REACH_ACROSS = 68.0, 96.0, 92.0
_FADE_FROM, _FADE_OVER = 0.78, 0.20  # shares of that reach
_RING = np.linspace(0, 2 * np.pi, 20, endpoint=False)
_RING_RADIUS = 1.18  # of the reach: points there stay where they are


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
        middle = head.pixels(LIPS_MIDDLE[0], CHIN, NOSE_TIP).mean(0)
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
