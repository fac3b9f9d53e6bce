"""Smooth sheets through a few values, to be read anywhere between them."""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np

from app.engine.curves import Field, Points, Values

_STIFFNESS = 1e-3  # lets a sheet miss a value by a hair rather than wrinkle
# OpenCV's product may add a third matrix; its type stubs insist on one.
_NOTHING = cast("Field", None)


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
