"""Tells whether somebody speaks in a recording, so that nobody pays to animate silence or noise.

Speech is told from everything steady by what all languages share: in passages that stand out of
the background for at least a syllable, the spectrum keeps changing its shape (formants and
fricatives), which hiss, hum, tones and clicks do not do. When in doubt the answer is yes: music
passes, because a provider's bill is smaller than a lost job.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]
Levels = npt.NDArray[np.float32]
"""Frames by bands, in dB of full scale."""

_WINDOW = 0.032  # seconds: two periods of a deep voice
_HOP = 0.01  # seconds
_BLOCK = 2000  # frames looked at together, to bound the memory

_EDGES = (100, 300, 500, 700, 900, 1200, 1500, 1900, 2400, 3000, 3800, 5000, 7000)
"""Hertz: bands as wide as the ear's, but never so narrow that noise flickers in them."""

_FLOOR = -85.0  # dB: what is weaker in a band counts as nothing
_OUTSTANDING = 8.0  # dB over the background, in two bands; noise reaches that in one at times
_SYLLABLE = 7  # frames in a row; a click fills four
_WORD = 15  # frames in all
_TONE = 0.95  # of the power within one line of the spectrum: a whistle or a beep
_CHANGE = 3.0  # dB: how much the shape varies; 1.7 for noise, 2.4 when muffled, 4 to 12 for speech


def has_speech(samples: Samples, rate: int) -> bool:
    """Whether there is speech in mono ``samples`` (-1..1) at ``rate`` Hz, 8000 or more."""
    if len(samples) < _WINDOW * rate:
        return False
    blocks = list(_spectra(samples, rate))
    levels = np.concatenate([levels for levels, _ in blocks])
    tonal = np.concatenate([tonal for _, tonal in blocks])
    spoken = _passages(_outstanding(levels) & ~tonal)
    return int(spoken.sum()) >= _WORD and _change_of_shape(levels[spoken]) >= _CHANGE


def _spectra(samples: Samples, rate: int) -> Iterator[tuple[Levels, npt.NDArray[np.bool_]]]:
    """Levels by band, and which frames are a pure tone, for one block of frames after another."""
    size, hop = int(_WINDOW * rate), int(_HOP * rate)
    window = np.hanning(size).astype(np.float32)
    window /= np.sqrt(np.sum(window**2) * size / 2)
    lines = np.fft.rfftfreq(size, 1 / rate)
    edges = np.searchsorted(lines, [edge for edge in _EDGES if edge <= rate / 2])
    frames = np.lib.stride_tricks.sliding_window_view(samples, size)[::hop]
    for at in range(0, len(frames), _BLOCK):
        block = frames[at : at + _BLOCK] * window
        power = np.abs(np.fft.rfft(block)).astype(np.float32) ** 2
        power = power[:, : edges[-1]]
        bands = np.add.reduceat(power, edges[:-1], axis=1)
        yield _decibels(bands), _is_tone(power)


def _decibels(power: npt.NDArray[np.float32]) -> Levels:
    return np.asarray(np.maximum(10 * np.log10(power + 1e-12), _FLOOR), np.float32)


def _is_tone(power: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    # A window spreads a tone over the line it falls on and two on either side.
    padded = np.pad(power, ((0, 0), (2, 2)))
    around = np.lib.stride_tricks.sliding_window_view(padded, 5, axis=1).sum(axis=2)
    return np.asarray(around.max(axis=1) >= _TONE * power.sum(axis=1))


def _outstanding(levels: Levels) -> npt.NDArray[np.bool_]:
    """Frames that rise out of the background, which is what the quietest tenth is like."""
    background = np.percentile(levels, 10, axis=0)
    return np.asarray(np.sum(levels > background + _OUTSTANDING, axis=1) >= 2)


def _passages(frames: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Those frames that last for a syllable without a break."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], frames, [False])).astype(np.int8)))
    kept = np.zeros(len(frames), np.bool_)
    for start, end in edges.reshape(-1, 2):
        if end - start >= _SYLLABLE:
            kept[start:end] = True
    return kept


def _change_of_shape(levels: Levels) -> float:
    """How much the spectrum varies from frame to frame, whatever its loudness: dB, 0 if steady."""
    heard = np.mean(levels > _FLOOR, axis=0) > 0.5
    if np.sum(heard) < 2:
        return 0.0
    shape = levels[:, heard] - levels[:, heard].mean(axis=1, keepdims=True)
    return float(shape.std(axis=0).mean())
