"""Takes the jitter out of a tracked face without slowing its lips.

The head's place, size and tilt are separated from the face's shape. Points of the shape that hardly
move are averaged over time; those that move fast, like talking lips, are left alone: a bilateral
filter (Tomasi and Manduchi 1998) along time. Points of the picture are complex numbers here, so
that turning and scaling is a product.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from app.engine.anatomy import SKULL, Head

_REACH = 4  # frames to either side
_SPAN = 2.5  # frames: how fast the weight of other frames falls off
_JITTER = 0.9  # mm: a point that is farther away in another frame has moved
_POINTS_AT_ONCE = 32  # bounds the memory: a long video's track is large
# Savitzky and Golay's quadratic over five frames.
_FOLLOWING = np.array([-3, 12, 17, 12, -3]) / 35
_CUT = 15.0  # mm from one frame to the next: a head does not move so fast, but scenes change

Track = npt.NDArray[np.float32]


def steady(track: Track) -> None:
    """In place: frames x 468 x 3 pixels."""
    millimetre = Head(track[0].astype(np.float64)).millimetre
    turns, shifts = _head_motion(track)
    smooth_turns, smooth_shifts = _followed(turns, shifts, _CUT * millimetre)
    jitter = _JITTER * millimetre
    for first in range(0, track.shape[1], _POINTS_AT_ONCE):
        part = track[:, first : first + _POINTS_AT_ONCE]
        shape = (_complex(part) - shifts[:, None]) / turns[:, None]
        depth = np.asarray(part[..., 2] / np.abs(turns)[:, None], np.float64)
        shape, depth = _averaged(shape, depth, jitter)
        place = shape * smooth_turns[:, None] + smooth_shifts[:, None]
        part[..., 0], part[..., 1] = place.real, place.imag
        part[..., 2] = depth * np.abs(smooth_turns)[:, None]


def _complex(points: Track) -> npt.NDArray[np.complex128]:
    return np.asarray(points[..., 0] + 1j * points[..., 1], np.complex128)


def _head_motion(track: Track) -> tuple[npt.NDArray[np.complex128], npt.NDArray[np.complex128]]:
    """What turns and scales the skull of the first frame into that of each, and where each is."""
    skull = _complex(track[:, list(SKULL)])
    centre = skull.mean(1)
    around = skull - centre[:, None]
    turns = (around * around[0].conj()).sum(1) / (np.abs(around[0]) ** 2).sum()
    return turns, centre


def _followed(
    turns: npt.NDArray[np.complex128], shifts: npt.NDArray[np.complex128], cut: float
) -> tuple[npt.NDArray[np.complex128], npt.NDArray[np.complex128]]:
    """Both, smoothed, but not across a cut."""
    here = np.arange(len(shifts))
    smooth_turns, smooth_shifts = np.zeros_like(turns), np.zeros_like(shifts)
    reach = len(_FOLLOWING) // 2
    for step, weight in zip(range(-reach, reach + 1), _FOLLOWING, strict=True):
        there = np.clip(here + step, 0, len(shifts) - 1)
        there = np.where(np.abs(shifts[there] - shifts) > cut * max(abs(step), 1), here, there)
        smooth_turns += weight * turns[there]
        smooth_shifts += weight * shifts[there]
    return smooth_turns, smooth_shifts


def _averaged(
    shape: npt.NDArray[np.complex128], depth: npt.NDArray[np.float64], jitter: float
) -> tuple[npt.NDArray[np.complex128], npt.NDArray[np.float64]]:
    """Both, frames x points, over the frames in which a point is where it is now."""
    total = np.zeros(shape.shape)
    places, depths = np.zeros_like(shape), np.zeros(shape.shape)
    count = len(shape)
    for shift in range(-_REACH, _REACH + 1):
        frames = np.clip(np.arange(count) + shift, 0, count - 1)
        distance = np.abs(shape[frames] - shape) / jitter
        weight = np.exp(-0.5 * (distance**2 + (shift / _SPAN) ** 2))
        total += weight
        places += weight * shape[frames]
        depths += weight * depth[frames]
    return places / total, depths / total
