"""Smooth curves: through the points of a contour, and between 0 and 1."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]
"""Any number of (x, y)."""

Field = npt.NDArray[np.float32]
"""One value, or one vector, for each pixel."""

Values = TypeVar("Values", Points, Field)


def smoothstep(value: Values) -> Values:
    """From 0 to 1 with no corner; what lies beyond is held."""
    value = np.clip(value, 0, 1)
    return value * value * (3 - 2 * value)


def smooth_step(value: float) -> float:
    """`smoothstep` of a single number."""
    value = min(max(value, 0.0), 1.0)
    return value * value * (3 - 2 * value)


def rounded(points: Points, samples: int) -> Points:
    """A Catmull-Rom spline through all points, ``samples`` to each span, ends included."""
    padded = np.vstack([2 * points[0] - points[1], points, 2 * points[-1] - points[-2]])
    before, start, end, after = padded[:-3], padded[1:-2], padded[2:-1], padded[3:]
    step = np.linspace(0, 1, samples, endpoint=False)[:, None, None]
    spans = 0.5 * (
        2 * start
        + (end - before) * step
        + (2 * before - 5 * start + 4 * end - after) * step**2
        + (3 * start - before - 3 * end + after) * step**3
    )
    return np.vstack([spans.transpose(1, 0, 2).reshape(-1, points.shape[1]), points[-1:]])
