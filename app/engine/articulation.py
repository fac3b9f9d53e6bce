"""Where the lips and the jaw go for a pose. Every constant is millimetres on an adult's face."""

from __future__ import annotations

import numpy as np

from app.engine.curves import Points, smooth_step
from app.engine.lips import (
    ACROSS,
    ARCH,
    DOWN,
    INNER,
    MIDDLE,
    OUTER,
    PARABOLA,
    POSITION,
    SEAM_SHARE,
    Lips,
)
from app.engine.speech import Pose

_WIDEST_GAP = 13.5  # between the lips in an emphatic "ah"; people part their teeth 40 in a yawn
_UPPER_LIP_SHARE = 0.16  # of a gap: the upper lip hardly moves, the lower one rides on the jaw
_JAW_SHARE = 0.80  # of the lower lip's drop
_CORNER_SHARE = 0.30  # of the lower lip's drop
_USUAL_HALF_WIDTH = 16.5  # half a mouth that says "oo"
# The matrix that turns 11 heights into those of the parabola that fits them best.
_POWERS = np.vander(POSITION, 3)
_ARC_THROUGH = _POWERS @ np.linalg.pinv(_POWERS)
# An opening mouth is an almond, a little blunter than a parabola.
_ALMOND = PARABOLA**0.72
# How lips that are apart in the picture come together: the red rolls in, the skin follows less.
_UPPER_CLOSING = np.array([0.45, 0.80, 1.0])[:, None]
_LOWER_CLOSING = np.array([0.55, 0.85, 1.0])[:, None]


def articulate(lips: Lips, pose: Pose, strength: float, source_jaw: float) -> tuple[Lips, float]:
    """The lips for a pose and how far the jaw drops, in millimetres.

    ``lips`` are those of the picture, in which the jaw has dropped by ``source_jaw`` already.
    ``strength`` 0..1 scales the motion; a silent pose leaves the picture's own expression.
    """
    upper, lower = _shut(lips)
    rounding, spreading = max(0.0, -pose.wide) * strength, max(0.0, pose.wide) * strength
    gap = min(pose.open, 1.15) * _WIDEST_GAP * (1 - 0.30 * rounding) * strength
    _part(upper, lower, gap)
    _move_corners(upper, lower, gap, rounding, spreading, lips.half_width)
    _press(upper, lower, pose.press * strength)
    _tuck(upper, lower, pose.tuck * strength)
    jaw = gap * (1 - _UPPER_LIP_SHARE) * _JAW_SHARE + 1.0 * pose.tuck * strength - source_jaw
    upper = lips.upper + (upper - lips.upper) * pose.talk
    lower = lips.lower + (lower - lips.lower) * pose.talk
    corners = (upper[INNER][[0, -1]] + lower[INNER][[0, -1]]) / 2
    upper[INNER, [0, -1]] = lower[INNER, [0, -1]] = corners
    return Lips(upper, lower), jaw * pose.talk


def _shut(lips: Lips) -> tuple[Points, Points]:
    upper, lower = lips.upper.copy(), lips.lower.copy()
    seam = upper[INNER, :, DOWN] + SEAM_SHARE * (lower[INNER, :, DOWN] - upper[INNER, :, DOWN])
    upper[:, :, DOWN] += _UPPER_CLOSING * (seam - upper[INNER, :, DOWN])
    lower[:, :, DOWN] += _LOWER_CLOSING * (seam - lower[INNER, :, DOWN])
    return upper, lower


def _part(upper: Points, lower: Points, gap: float) -> None:
    up, down = gap * _UPPER_LIP_SHARE, gap * (1 - _UPPER_LIP_SHARE)
    upper[INNER, :, DOWN] -= _ALMOND * up
    upper[MIDDLE, :, DOWN] -= _ALMOND * up * 0.95
    upper[OUTER, :, DOWN] -= PARABOLA * up * 0.75
    lower[INNER, :, DOWN] += _ALMOND * down
    lower[MIDDLE, :, DOWN] += (0.9 * _ALMOND + 0.1) * down * 0.97
    lower[OUTER, :, DOWN] += (0.72 * ARCH + 0.28) * down * 0.90
    # An open lower lip hangs in a smooth arc, whatever the closed seam looked like.
    contour = lower[INNER, :, DOWN]
    towards = ((_ARC_THROUGH * contour).sum(1) - contour) * PARABOLA * smooth_step(gap / 6)
    lower[INNER, :, DOWN] += 0.8 * towards
    lower[MIDDLE, :, DOWN] += 0.6 * towards


def _move_corners(
    upper: Points, lower: Points, gap: float, rounding: float, spreading: float, half_width: float
) -> None:
    # A wide smile has farther to go to an "oo", but skin stretches only so far.
    inwards = rounding * float(np.clip((half_width - _USUAL_HALF_WIDTH) * 0.62, 2.5, 9))
    outwards = 1.8 * spreading - inwards - 0.55 * gap / _WIDEST_GAP
    lift = 0.6 * spreading - 0.10 * rounding * float(np.clip(half_width - 24, 0, 8))
    drop = _CORNER_SHARE * gap * (1 - _UPPER_LIP_SHARE) - lift
    for lip in (upper, lower):
        lip[:, :, ACROSS] += POSITION * np.abs(POSITION) ** 0.25 * outwards
        lip[:, :, DOWN] += np.abs(POSITION) ** 3 * drop
    # Rounding pushes the lips forward, which shows more of the red.
    upper[OUTER, :, DOWN] -= PARABOLA * rounding * 1.0
    lower[OUTER, :, DOWN] += PARABOLA * rounding * 1.1


def _press(upper: Points, lower: Points, press: float) -> None:
    """p, b, m: the lips roll in and grow thin."""
    upper[OUTER, :, DOWN] += PARABOLA * press * 1.0
    upper[MIDDLE, :, DOWN] += PARABOLA * press * 0.3
    lower[OUTER, :, DOWN] -= PARABOLA * press * 1.5
    lower[MIDDLE, :, DOWN] -= PARABOLA * press * 0.5


def _tuck(upper: Points, lower: Points, tuck: float) -> None:
    """f, v: the lower lip comes up under the upper teeth."""
    for contour, rise in ((INNER, 1.5), (MIDDLE, 1.3), (OUTER, 1.0)):
        upper[contour, :, DOWN] -= PARABOLA * tuck * rise
    for contour, rise in ((INNER, 0.4), (OUTER, 1.6)):
        lower[contour, :, DOWN] -= PARABOLA * tuck * rise
