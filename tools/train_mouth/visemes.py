# ruff: noqa: RUF001 - phonetic letters look like Latin ones
"""Says what a mouth does for each phoneme, and draws the smooth curves that the network learns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from app.engine.features import FRAMES_PER_SECOND
from app.espeak import Phoneme

Curve = npt.NDArray[np.float64]

FINE = 10
"""Steps of the drawing for one frame of the curves."""

LONGEST_SILENT_CLOSURE = 0.15
"""Seconds: a shorter silence belongs to the speech around it."""


@dataclass(frozen=True, slots=True)
class Viseme:
    """A mouth shape: ``open`` 0..1, ``wide`` -1 (rounded) .. 1, ``press`` and ``tuck`` 0 or 1."""

    open: float
    wide: float
    press: float = 0.0
    tuck: float = 0.0


REST = Viseme(0.0, 0.0)

_SHAPES: tuple[tuple[str, Viseme], ...] = (
    # Open vowels drop the jaw, close ones do not; back ones round the lips, front ones spread them.
    ("aɑ", Viseme(0.95, 0.0)),
    ("æ", Viseme(0.85, 0.3)),
    ("ɔɒ", Viseme(0.7, -0.4)),
    ("ɛ", Viseme(0.6, 0.3)),
    ("ʌɐ", Viseme(0.5, 0.05)),
    ("e", Viseme(0.5, 0.5)),
    ("o", Viseme(0.5, -0.6)),
    ("ɜɚɝœ", Viseme(0.4, -0.25)),
    ("ə", Viseme(0.38, 0.05)),
    ("ɪɨɯ", Viseme(0.35, 0.4)),
    ("ʊ", Viseme(0.3, -0.5)),
    ("i", Viseme(0.28, 0.8)),
    ("uʉyø", Viseme(0.22, -0.9)),
    # Sounds made with the lips.
    ("pbmɓβ", Viseme(0.0, 0.0, press=1.0)),
    ("fvʋɸ", Viseme(0.06, 0.1, tuck=1.0)),
    ("w", Viseme(0.15, -0.9)),
    # Sounds made with the tongue leave the lips rather free.
    ("hɦʔ", Viseme(0.4, 0.0)),
    ("lɫɬʎ", Viseme(0.35, 0.1)),
    ("kɡgŋxçχɣqcɟ", Viseme(0.3, 0.0)),
    ("j", Viseme(0.25, 0.5)),
    ("rɹʁʀɻ", Viseme(0.25, -0.4)),
    ("ʃʒɕʑʂʐ", Viseme(0.2, -0.45)),
    ("θð", Viseme(0.2, 0.1)),
    ("tdnɾɲʈɖɳɽ", Viseme(0.18, 0.2)),
    ("sz", Viseme(0.15, 0.3)),
)

VISEMES: dict[str, Viseme] = {sign: shape for signs, shape in _SHAPES for sign in signs}
"""IPA letters and their shapes; marks of stress, length and the like change nothing."""


def segments(phonemes: Iterable[Phoneme]) -> Iterator[tuple[float, float, Viseme]]:
    """Start and end (seconds) of every mouth shape; a diphthong is two in turn."""
    for phoneme in phonemes:
        shapes = [VISEMES[sign] for sign in phoneme.ipa if sign in VISEMES] or [REST]
        length = (phoneme.end - phoneme.start) / len(shapes)
        for index, shape in enumerate(shapes):
            start = phoneme.start + index * length
            yield start, start + length, shape


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
