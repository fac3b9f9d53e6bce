"""Turns sound into what the mouth network hears: a hundred log-mel spectra a second.

The features are the usual ones of speech recognition (Davis and Mermelstein, 1980, before the
cosine transform), freed of the recording's level and of its tilt, so that a telephone and a studio
look alike.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

SAMPLE_RATE = 16_000
"""Hz: what every sound is resampled to before it is listened to."""

FRAMES_PER_SECOND = 100
BANDS = 28

_HOP = SAMPLE_RATE // FRAMES_PER_SECOND
_WINDOW = 400
_FFT = 512
_LOWEST_HZ, _HIGHEST_HZ = 60.0, 7600.0
_FRAMES_AT_ONCE = 4096
_NOTHING = 1e-12  # so little power that even a voice at -60 dB never comes near

CONTEXT = (-14, -10, -7, -5, -3, -2, -1, 0, 1, 2, 3, 5, 7, 10, 14)
REACH = max(CONTEXT)
"""How many frames before and after its own one a mouth shape depends on."""

WIDTH = BANDS * len(CONTEXT)
"""How many numbers the network is given for one frame."""


def log_mel(samples: Floats) -> Floats:
    """Natural logarithms of band powers, frames x BANDS; frame i is centred on i/100 s.

    ``samples`` are mono at SAMPLE_RATE, in -1..1. Even an empty sound has one frame. The memory
    used beside the result does not grow with the length of the sound.
    """
    frames = max(1, -(-len(samples) // _HOP))
    filters = _mel_filters()
    window = np.hanning(_WINDOW).astype(np.float32)
    result = np.empty((frames, BANDS), np.float32)
    for first in range(0, frames, _FRAMES_AT_ONCE):
        count = min(_FRAMES_AT_ONCE, frames - first)
        cut = _padded_cut(samples, first * _HOP - _WINDOW // 2, (count - 1) * _HOP + _WINDOW)
        pieces = np.lib.stride_tricks.sliding_window_view(cut, _WINDOW)[::_HOP]
        power = np.abs(np.fft.rfft(pieces * window, _FFT)) ** 2
        result[first : first + count] = np.log(power.astype(np.float32) @ filters + _NOTHING)
    return result


def normalised(spectra: Floats) -> Floats:
    """Log-mel spectra without the level and the smooth tilt of their recording, within -3.5..1.5.

    The loud frames define both: what is between the words is not the voice.
    """
    level = spectra.mean(1)
    loud = spectra[level >= np.percentile(level, 60)]
    tilt = loud.mean(0) - loud.mean()
    smooth = np.hanning(9)[1:-1]
    tilt = np.convolve(np.pad(tilt, 3, mode="edge"), smooth / smooth.sum(), "valid")
    voice: Floats = (spectra - np.percentile(level, 95) - 0.6 * tilt) / 4.0
    return voice.clip(-3.5, 1.5).astype(np.float32)


def in_context(spectra: Floats) -> Floats:
    """Each frame together with frames around it, ever sparser: frames x WIDTH."""
    frames = len(spectra)
    around = np.arange(frames)[:, None] + np.array(CONTEXT)[None]
    stacked: Floats = np.take(spectra, around.clip(0, frames - 1), axis=0)
    return stacked.reshape(frames, WIDTH)


def _padded_cut(samples: Floats, start: int, length: int) -> Floats:
    before = max(0, -start)
    cut = samples[max(0, start) : max(0, start + length)]
    return np.pad(cut, (before, length - before - len(cut)))


def _mel_filters() -> Floats:
    """Triangular filters of equal area, FFT bins x BANDS."""
    lowest, highest = (2595 * np.log10(1 + hz / 700) for hz in (_LOWEST_HZ, _HIGHEST_HZ))
    edges = 700 * (10 ** (np.linspace(lowest, highest, BANDS + 2) / 2595) - 1)
    bins = np.fft.rfftfreq(_FFT, 1 / SAMPLE_RATE)[:, None]
    left, centre, right = edges[:-2], edges[1:-1], edges[2:]
    slopes = np.minimum((bins - left) / (centre - left), (right - bins) / (right - centre))
    triangles = np.clip(slopes, 0, None)
    filters: Floats = (triangles / triangles.sum(0)).astype(np.float32)
    return filters
