"""How a mouth moves while somebody speaks, and the smooth curves that draw it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Curve = npt.NDArray[np.float64]

_RELAXING, _STARTING = 30, 14  # hundredths of a second


@dataclass(frozen=True, slots=True)
class Movement:
    """What a mouth does, in curves of a hundred values a second; `Pose` says what they mean.

    ``emphasis`` rises above 0 where something is stressed, and falls below between.
    """

    open: Curve
    wide: Curve
    press: Curve
    tuck: Curve
    talk: Curve
    emphasis: Curve


def smooth(curve: Curve, sigma: float) -> Curve:
    """The curve through a Gaussian of ``sigma`` steps."""
    radius = int(4 * sigma) + 1
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    return np.convolve(np.pad(curve, radius, mode="edge"), kernel / kernel.sum(), "valid")


def rise(curve: Curve, start: float, end: float) -> Curve:
    """From 0 where the curve is at ``start`` to 1 where it is at ``end``, without a corner."""
    share = np.clip((curve - start) / (end - start), 0, 1)
    return share * share * (3 - 2 * share)


def talking(voice: Curve) -> Curve:
    """Whether somebody speaks: quick to start, slow to relax."""
    padded = np.pad(voice, (_RELAXING, _STARTING))
    window = _RELAXING + _STARTING + 1
    lasting = np.lib.stride_tricks.sliding_window_view(padded, window).max(1)
    return smooth(lasting, 6)


def emphasised(stress: Curve) -> Curve:
    """What stands out of the seconds around it."""
    syllables = smooth(stress, 14)
    return syllables - smooth(syllables, 120)
