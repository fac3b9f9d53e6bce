"""Lets the head of a photo turn, nod and lean a little, and carries hair and background along."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.engine.anatomy import CHIN, FOREHEAD_TOP, LEFT_TEMPLE, RIGHT_TEMPLE, Head
from app.engine.curves import Field, Points, smoothstep
from app.engine.patch import Patch
from app.engine.speech import Pose

# The head as an ellipsoid, in mm: half its width, half its height, and how far the nose is in front
# of the axis that it turns about.
_HALF_WIDTH, _HALF_HEIGHT, _DEPTH = 85.0, 95.0, 68.0
_NECK = 85.0  # mm below the middle of the face: what the head leans about
# What surrounds the face follows it: fully within one reach, not at all beyond the other.
_FOLLOWS, _STILL = 68.0, 189.0
_TALLER_UP, _TALLER_DOWN = 1.15, 1.05
_BORDER = 40.0  # mm from the picture's border over which the motion ends: nothing is beyond it
_NODE_SPACING = 3.75  # mm


@dataclass(frozen=True, slots=True)
class Sway:
    """The motion of one head, for pixels at rows x columns x (x, y).

    ``follows`` 0..1 is how much a pixel moves with the head and ``depth`` how far in front of the
    head's axis it is, in pixels.
    """

    head: Head
    pivot: Points
    places: Field
    follows: Field
    depth: Field

    @classmethod
    def of(cls, head: Head, places: Field, width: int, height: int) -> Sway:
        """For a head in a photo of that size."""
        centre = _centre(head)
        across, down = np.moveaxis(
            head.to_head(places.astype(np.float64)) - head.to_head(centre), -1, 0
        )
        tall = np.where(down < 0, down / _TALLER_UP, down / _TALLER_DOWN)
        follows = 1 - smoothstep((np.hypot(across, tall) - _FOLLOWS) / (_STILL - _FOLLOWS))
        x, y = places[..., 0], places[..., 1]
        from_border = np.minimum(np.minimum(x, width - 1 - x), np.minimum(y, height - 1 - y))
        follows = follows * smoothstep(from_border / (_BORDER * head.millimetre))
        bulge = 1 - (across / _HALF_WIDTH) ** 2 - (down / _HALF_HEIGHT) ** 2
        depth = _DEPTH * head.millimetre * np.sqrt(np.clip(bulge, 0, 1))
        pivot = centre + head.axes[1] * _NECK
        return cls(head, pivot, places, follows.astype(np.float32), depth.astype(np.float32))

    def displacement(self, pose: Pose, amount: float) -> Field:
        """Where each pixel's colour comes from, as rows x columns x (x, y) pixels to add."""
        yaw, pitch, roll = np.radians([pose.yaw, pose.pitch, pose.roll]) * amount
        cosine, sine = np.float32(np.cos(roll) - 1), np.float32(np.sin(roll))
        x, y = np.moveaxis(self.places - self.pivot.astype(np.float32), -1, 0)
        shift = np.array([pose.shift_x, pose.shift_y]) * (self.head.millimetre * amount)
        turn = np.sin(yaw) * self.head.axes[0] + np.sin(pitch) * self.head.axes[1]
        turn = turn / self.head.millimetre
        moved_x = cosine * x - sine * y + np.float32(shift[0]) + self.depth * np.float32(turn[0])
        moved_y = sine * x + cosine * y + np.float32(shift[1]) + self.depth * np.float32(turn[1])
        return np.stack([-self.follows * moved_x, -self.follows * moved_y], -1)


def head_patch(head: Head, width: int, height: int) -> Patch:
    """The part of a picture that moves with the head."""
    circle = np.linspace(0, 2 * np.pi, 64)
    rim = np.stack([np.cos(circle) * _STILL, np.sin(circle) * _STILL * _TALLER_UP], -1)
    around = head.to_picture(head.to_head(_centre(head)) + rim)
    return Patch.around(around, 1, width, height)


def head_nodes(head: Head, patch: Patch) -> Field:
    """Where the motion of a head is worked out; it is smooth in between."""
    return patch.nodes(max(2.0, _NODE_SPACING * head.millimetre))


def _centre(head: Head) -> Points:
    return np.asarray(head.pixels(FOREHEAD_TOP, CHIN, RIGHT_TEMPLE, LEFT_TEMPLE).mean(0))
