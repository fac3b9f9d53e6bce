"""Makes clean speech sound as it does in the world: noise, music, rooms, telephones."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from app.engine.features import SAMPLE_RATE, Floats

Chance = np.random.Generator


def worn(samples: Floats, chance: Chance, babble: Floats) -> Floats:
    """The samples after some, all or none of what befalls a recording; length and timing stay.

    ``babble`` is other speech, from which voices in the background are made.
    """
    if chance.random() < 0.3:
        samples = in_a_room(samples, chance)
    if chance.random() < 0.7:
        samples = coloured(samples, chance)
    if chance.random() < 0.7:
        samples = mixed(samples, background(len(samples), chance, babble), chance.uniform(5, 40))
    if chance.random() < 0.25:
        samples = telephoned(samples, chance)
    if chance.random() < 0.15:
        samples = clipped(samples, chance)
    return samples


def background(length: int, chance: Chance, babble: Floats) -> Floats:
    """Noise, music or a murmur of voices, of ``length`` samples."""
    kind = chance.choice(["white", "pink", "music", "babble"], p=[0.25, 0.35, 0.25, 0.15])
    if kind == "music":
        return music(length, chance)
    if kind == "babble":
        return murmur(length, chance, babble)
    return noise(length, chance, slope=0.0 if kind == "white" else chance.uniform(0.3, 1.3))


def noise(length: int, chance: Chance, slope: float) -> Floats:
    """White noise (slope 0), brown noise (slope 1), the rumble of wind (more)."""
    size = _padded(length)
    spectrum = np.fft.rfft(chance.standard_normal(size))
    spectrum /= (10 + np.fft.rfftfreq(size, 1 / SAMPLE_RATE)) ** slope
    return np.fft.irfft(spectrum, size)[:length].astype(np.float32)


def music(length: int, chance: Chance) -> Floats:
    """Chords of plucked or held notes with overtones, over a beat."""
    times = np.arange(length) / SAMPLE_RATE
    sound = np.zeros(length)
    beat = chance.uniform(0.25, 0.9)
    overtones = chance.uniform(0.5, 1.6)
    decay = chance.choice([0.5, 2.0, 6.0])
    for start in np.arange(0, times[-1] if length else 0, beat):
        part = slice(int(start * SAMPLE_RATE), int((start + 2 * beat) * SAMPLE_RATE))
        after = times[part] - start
        for semitone in chance.choice(36, size=3, replace=False):
            hertz = 82.4 * 2 ** (semitone / 12)
            harmonics = np.arange(1, 7)
            waves = np.sin(2 * np.pi * hertz * after[:, None] * harmonics)
            sound[part] += (waves @ (1.0 / harmonics**overtones)) * np.exp(-decay * after)
    return sound.astype(np.float32)


def tone(length: int, chance: Chance) -> Floats:
    """A whistle or a hum, whose pitch may glide."""
    first, last = chance.uniform(80, 3000, 2)
    hertz = np.linspace(first, last if chance.random() < 0.5 else first, length)
    return np.sin(2 * np.pi * np.cumsum(hertz) / SAMPLE_RATE).astype(np.float32)


def switched(samples: Floats, chance: Chance) -> Floats:
    """On and off in turn, as machines do."""
    period = chance.uniform(0.15, 2.0)
    phase = np.arange(len(samples)) / SAMPLE_RATE / period + chance.random()
    return np.where(phase % 1 < chance.uniform(0.3, 0.8), samples, 0).astype(np.float32)


def murmur(length: int, chance: Chance, babble: Floats) -> Floats:
    """Several voices at once, none of which can be understood."""
    tiled = np.resize(babble, max(len(babble), length + 1))
    starts = chance.integers(0, len(tiled) - length, size=6)
    together: Floats = np.sum([tiled[start : start + length] for start in starts], axis=0)
    return together


def mixed(samples: Floats, other: Floats, ratio: float) -> Floats:
    """Both at once, ``ratio`` dB apart in power."""
    gain = _loudness(samples) / _loudness(other) * 10 ** (-ratio / 20)
    return (samples + gain * other).astype(np.float32)


def coloured(samples: Floats, chance: Chance) -> Floats:
    """Through a microphone that is not flat: a smooth random filter, 4 dB here and there."""
    gains = chance.standard_normal(8) * 4
    return _filtered(samples, lambda hertz: _curve(hertz, gains))


def telephoned(samples: Floats, chance: Chance) -> Floats:
    """Without what a telephone or a cheap codec does not carry, and in as coarse steps."""
    low, high = chance.uniform(80, 350), chance.uniform(3200, 6000)

    def decibels(hertz: Floats) -> Floats:
        return np.where((hertz < low) | (hertz > high), -40.0, 0.0).astype(np.float32)

    narrow = _filtered(samples, decibels)
    loudest = float(np.abs(narrow).max()) + 1e-9
    # G.711: 255 steps, fine where it is quiet.
    compressed = np.sign(narrow) * np.log1p(255 * np.abs(narrow) / loudest) / np.log(256)
    steps = np.round(compressed * 127) / 127
    restored: Floats = loudest * np.sign(steps) * (256 ** np.abs(steps) - 1) / 255
    return restored.astype(np.float32)


def clipped(samples: Floats, chance: Chance) -> Floats:
    """Recorded too loud."""
    limit = float(np.abs(samples).max()) * chance.uniform(0.2, 0.7)
    low_headroom: Floats = samples.clip(-limit, limit)
    return low_headroom


def in_a_room(samples: Floats, chance: Chance) -> Floats:
    """With the echo of a room: noise that dies away behind the direct sound."""
    length = int(SAMPLE_RATE * chance.uniform(0.05, 0.25))
    echo = chance.standard_normal(length) * np.exp(-np.arange(length) / (length / 5))
    echo[0] = np.linalg.norm(echo) * chance.uniform(0.8, 2)
    size = _padded(len(samples) + length)
    spectrum = np.fft.rfft(samples, size) * np.fft.rfft(echo / np.linalg.norm(echo), size)
    return np.fft.irfft(spectrum, size)[: len(samples)].astype(np.float32)


def _curve(hertz: Floats, gains: npt.NDArray[np.float64]) -> Floats:
    knots = np.linspace(0, SAMPLE_RATE / 2, len(gains))
    return np.interp(hertz, knots, gains).astype(np.float32)


def _filtered(samples: Floats, decibels: Callable[[Floats], Floats]) -> Floats:
    size = _padded(len(samples))
    hertz = np.fft.rfftfreq(size, 1 / SAMPLE_RATE).astype(np.float32)
    spectrum = np.fft.rfft(samples, size) * 10 ** (decibels(hertz) / 20)
    return np.fft.irfft(spectrum, size)[: len(samples)].astype(np.float32)


def _loudness(samples: Floats) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)) + 1e-12))


def _padded(length: int) -> int:
    return 1 << max(1, length - 1).bit_length()
