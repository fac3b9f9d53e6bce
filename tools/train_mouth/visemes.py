"""Draws the smooth curves that the network learns, from what a mouth does for each phoneme."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from app.engine.features import FRAMES_PER_SECOND
from app.engine.visemes import LONGEST_SILENT_CLOSURE, segments
from app.espeak import Phoneme

Curve = npt.NDArray[np.float64]

FINE = 10
"""Steps of the drawing for one frame of the curves."""


def curves(phonemes: tuple[Phoneme, ...], frames: int) -> Curve:
    """Open, wide, press, tuck and speech in every frame: frames x 5."""
    fine = np.zeros((5, frames * FINE + 1))
    per_second = FRAMES_PER_SECOND * FINE
    for start, end, shape in segments(phonemes):
        step = slice(int(start * per_second), int(end * per_second))
        fine[:4, step] = np.array([[shape.open], [shape.wide], [shape.press], [shape.tuck]])
    for phoneme in phonemes:
        if phoneme.ipa or phoneme.end - phoneme.start < LONGEST_SILENT_CLOSURE:
            fine[4, int(phoneme.start * per_second) : int(phoneme.end * per_second)] = 1.0
    # Seconds that jaw, corners, lips and lower lip take from one shape to the next.
    smooth = [
        _smooth(row, time) for row, time in zip(fine, (0.11, 0.15, 0.07, 0.08, 0.1), strict=True)
    ]
    # However open the neighbours are, closed lips are closed.
    smooth[0] = smooth[0] * (1 - np.clip(1.6 * smooth[2], 0, 1))
    return np.stack(smooth, 1)[FINE // 2 :: FINE][:frames]


def _smooth(curve: Curve, seconds: float) -> Curve:
    length = int(seconds * FRAMES_PER_SECOND * FINE) | 1
    kernel = np.hanning(length + 2)[1:-1]
    return np.convolve(np.pad(curve, length // 2, mode="edge"), kernel / kernel.sum(), "valid")
