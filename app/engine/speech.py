"""Turns a voice into what the mouth, the eyes and the head do: one pose for each frame of video."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from app.engine.features import (
    FRAMES_PER_SECOND,
    REACH,
    SAMPLE_RATE,
    Floats,
    in_context,
    log_mel,
    normalised,
)
from app.engine.movement import Curve, Movement, emphasised, rise, smooth, talking
from app.engine.phonetics import movement_of
from app.espeak import Phoneme

_FRAMES_AT_ONCE = 6000
_DIGITAL_SILENCE = -55.0  # dB of all bands together: nothing but rounding
_LEAD = 0.02  # seconds: a mouth moves a little before it is heard
_WAKING = 0.04  # seconds from the photo, which is the first frame, to what is spoken
_CLOSED = 0.9  # from here on lips touch


@dataclass(frozen=True, slots=True)
class Pose:
    """What a face does in one frame.

    ``open`` 0..1; ``wide`` -1 (rounded) .. 1 (spread); ``press`` 0..1 (lips closed for p, b, m);
    ``tuck`` 0..1 (lower lip under the teeth for f, v); ``talk`` 0..1 (somebody is speaking);
    ``blink`` 0..1; ``yaw``, ``pitch`` and ``roll`` of the head in degrees; ``shift_x`` and
    ``shift_y`` of the head in millimetres.
    """

    open: float
    wide: float
    press: float
    tuck: float
    talk: float
    blink: float
    yaw: float
    pitch: float
    roll: float
    shift_x: float
    shift_y: float


@dataclass(frozen=True, slots=True)
class MouthNetwork:
    """A small perceptron from what is heard to what a mouth does; ``tools/train_mouth`` makes it.

    ``layers`` are pairs of weights (inputs x outputs) and biases, rectified but for the last.
    """

    layers: tuple[tuple[Floats, Floats], ...]

    @classmethod
    def load(cls, path: Path = Path(__file__).parent / "models" / "mouth.npz") -> MouthNetwork:
        """Read ``weights0``, ``bias0``, ``weights1`` and so on from an ``.npz`` file."""
        with np.load(path) as file:
            count = len(file.files) // 2
            return cls(
                tuple(
                    (file[f"weights{i}"].astype(np.float32), file[f"bias{i}"].astype(np.float32))
                    for i in range(count)
                )
            )

    def __call__(self, spectra: Floats) -> Floats:
        """Open, wide, press, tuck and speech for each normalised spectrum: frames x 5, unbounded.

        Speech is 1 while somebody speaks and 0 in pauses, noise and music.
        """
        return np.concatenate(
            [self._piece(spectra, first) for first in range(0, len(spectra), _FRAMES_AT_ONCE)]
        )

    def _piece(self, spectra: Floats, first: int) -> Floats:
        start = max(0, first - REACH)
        values = in_context(spectra[start : first + _FRAMES_AT_ONCE + REACH])
        values = values[first - start :][:_FRAMES_AT_ONCE]
        for weights, bias in self.layers[:-1]:
            values = np.maximum(values @ weights + bias, 0)
        weights, bias = self.layers[-1]
        return values @ weights + bias


def poses(
    samples16k: Floats,
    frame_rate: float,
    network: MouthNetwork,
    *,
    seed: int,
    phonemes: Sequence[Phoneme] = (),
) -> list[Pose]:
    """What the face does while these samples sound: ``ceil(duration * frame_rate)`` poses, or one.

    ``samples16k`` are mono at 16 kHz in -1..1, and ``phonemes`` what is said in them, if that is
    known: the mouth then follows the words. The first pose is the face at rest, as in the photo.
    ``seed`` chooses the blinks and the sway of the head; the same seed gives the same poses.
    """
    duration = len(samples16k) / SAMPLE_RATE
    count = max(1, int(np.ceil(duration * frame_rate - 1e-6)))
    times = np.arange(count) / frame_rate
    mouth = movement_of(phonemes, duration) if phonemes else _heard(samples16k, network)
    middle = times + 0.5 / frame_rate + _LEAD
    talk = _at(mouth.talk, middle)
    press = _strongest_within(mouth.press, middle, 0.5 / frame_rate)
    chance = np.random.RandomState(seed)
    waking = rise(times, 0, _WAKING)
    tracks = {
        "open": waking * np.where(press > _CLOSED, 0.0, _at(mouth.open, middle)),
        "wide": waking * _at(mouth.wide, middle),
        "press": waking * press,
        "tuck": waking * _at(mouth.tuck, middle),
        "talk": waking * talk,
        **_sway(times, talk, _at(mouth.emphasis, middle), chance),
        "blink": _blinks(times, chance),
    }
    names = list(tracks)
    columns = zip(*(tracks[name].tolist() for name in names), strict=True)
    return [Pose(**dict(zip(names, values, strict=True))) for values in columns]


def _heard(samples: Floats, network: MouthNetwork) -> Movement:
    spectra = log_mel(samples)
    opening, width, pressing, tucking, speaking = network(normalised(spectra)).astype(float).T
    level = 10 * np.log10(np.exp(spectra.astype(np.float64)).sum(1))
    loudest, quietest = np.percentile(level, 95), np.percentile(level, 5)
    floor = max(quietest + 6, loudest - 38)
    voice = rise(speaking, 0.3, 0.7) * (loudest > _DIGITAL_SILENCE)
    loud = np.clip((level - floor) / max(loudest - floor, 6), 0, 1.1)
    press = rise(pressing, 0.19, 0.51)
    # A closure may be silent, but a pause is not a closure.
    closure = press * np.maximum(voice, smooth(voice, 6))
    opening = np.clip(opening, 0, 1)
    opening *= _range_gain(opening[(voice > 0.5) & (press < 0.3)])
    return Movement(
        open=smooth(opening * (0.72 + 0.36 * loud) * voice, 1.6) * (1 - closure),
        wide=smooth(np.clip(width, -1, 1) * voice, 3.0),
        press=closure,
        tuck=smooth(rise(tucking, 0.25, 0.65) * voice, 1.2),
        talk=talking(voice),
        emphasis=emphasised(loud * voice),
    )


def _range_gain(opening: Curve) -> float:
    """A voice that mumbles opens the mouth as far as one that does not."""
    if len(opening) < 10:
        return 1.0
    return float(np.clip(0.8 / max(float(np.percentile(opening, 95)), 0.2), 0.8, 1.7))


def _sway(
    times: Curve, talk: Curve, emphasis: Curve, chance: np.random.RandomState
) -> dict[str, Curve]:
    """Slow sums of sines that never repeat, more while speaking, with a nod on a stressed word."""

    def wander(*waves: tuple[float, float]) -> Curve:
        return sum(
            (size * np.sin(2 * np.pi * (hertz * times + chance.rand())) for hertz, size in waves),
            np.zeros_like(times),
        )

    leaving_the_photo = rise(times, 0, 0.6)
    activity = (0.55 + 0.45 * talk) * leaving_the_photo
    nod = emphasis * leaving_the_photo
    return {
        "yaw": activity * wander((0.11, 1.5), (0.27, 0.8), (0.53, 0.35)),
        "pitch": activity * wander((0.13, 0.9), (0.31, 0.5)) + 2.6 * nod,
        "roll": activity * wander((0.09, 0.7), (0.23, 0.4)),
        "shift_x": activity * wander((0.08, 0.9)),
        "shift_y": activity * wander((0.21, 0.5)) + 1.2 * nod,
    }


def _blinks(times: Curve, chance: np.random.RandomState) -> Curve:
    """Lids that close in 90 ms, rest for 50 ms and open in 180 ms, every four seconds or so."""
    shut = np.zeros_like(times)
    start = 1.2 + chance.rand() * 1.5
    while start < times[-1]:
        lid = np.interp(times - start, [0, 0.09, 0.14, 0.32], [0, 1, 1, 0])
        shut = np.maximum(shut, rise(lid, 0, 1))
        start += 2.2 + chance.exponential(1.9)
        if chance.rand() < 0.12:  # now and then a second blink follows at once
            start -= 1.8
    return shut


def _at(curve: Curve, times: Curve) -> Curve:
    return np.interp(times * FRAMES_PER_SECOND, np.arange(len(curve)), curve)


def _strongest_within(curve: Curve, times: Curve, span: float) -> Curve:
    """The highest value around each moment: no closure is too short to be seen.

    A closure lasts 60 ms or more. Half a frame of 40 ms is enough to meet each; in a whole one they
    would spread over the vowels beside them.
    """
    offsets = np.linspace(-span / 2, span / 2, 5)
    found: Curve = np.max([_at(curve, times + offset) for offset in offsets], axis=0)
    return found
