# ruff: noqa: RUF001 - phonetic letters look like Latin ones
"""What a mouth does for each phoneme."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from app.espeak import Phoneme

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
