# ruff: noqa: RUF001 - phonetic letters look like Latin ones
"""Measures, on a finished MP4, whether the lips move with the speech.

Nothing here is shared with what drives the mouth: the lips are found again in every frame of the
video, the sound is decoded again from the file, and what a mouth should do comes from the phonemes
that espeak-ng reported and from a small table of its own, that of vowel height (the rows of the IPA
vowel chart).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from app.espeak import Phoneme
from app.media.face import FaceMesh

Curve = npt.NDArray[np.floating]

LEAST_CORRELATION = 0.65
LARGEST_LAG = 0.060
LEAST_SPREAD = 0.008

_OPENING = {
    1.0: "aɑɒæɐʌ",
    0.7: "ɛœɜɝɔ",
    0.5: "eøəɚɘɵoɤ",
    0.3: "iyɪʏɨʉɯuʊ",
    0.0: "pbmɸβfv",
}
_CONSONANT = 0.2
_BILABIALS = "pbm"
_SEARCHED_LAG = 0.4  # seconds each way

_RATE = 16_000
_EYES = (33, 263)
_INNER_LIPS = ((13, 14), (82, 87), (312, 317))


@dataclass(frozen=True, slots=True)
class LipSync:
    """How well the lips of a video follow its speech.

    ``opening`` and ``level`` are Pearson's r of the lips' aperture, at its best lag, with the
    opening that the phonemes ask for and with the loudness in the speech band. ``lag`` is seconds,
    positive when the mouth is late. ``spread`` is the standard deviation of the aperture in eye
    distances. ``duration`` is seconds of video, ``sound`` seconds of audio.
    """

    opening: float
    level: float
    lag: float
    spread: float
    bilabials: int
    bilabials_closed: int
    duration: float
    sound: float

    def faults(self) -> list[str]:
        """What is wrong, in sentences; nothing if the lips are in time with the speech."""
        wrong = {
            f"r = {self.opening:.2f} with the phonemes": self.opening < LEAST_CORRELATION,
            f"{self.lag * 1000:+.0f} ms out of time": abs(self.lag) > LARGEST_LAG,
            f"the lips hardly move ({self.spread:.4f})": self.spread <= LEAST_SPREAD,
        }
        return [fault for fault, present in wrong.items() if present]

    def passes(self) -> bool:
        """Whether a viewer would call this lip-synced."""
        return not self.faults()


def measure(video: Path, phonemes: Sequence[Phoneme], mesh: FaceMesh) -> LipSync:
    """Measure a finished MP4 against the phonemes of the speech it was made from."""
    aperture, frame_rate = lip_aperture(video, mesh)
    samples = _sound(video)
    times = (np.arange(len(aperture)) + 0.5) / frame_rate
    opening, lag = _best_match(aperture, phoneme_opening(phonemes, times), frame_rate)
    level, _ = _best_match(aperture, _speech_level(samples, times), frame_rate)
    closed = [_closes(aperture, times, phoneme, 1 / frame_rate) for phoneme in bilabials(phonemes)]
    return LipSync(
        opening=opening,
        level=level,
        lag=lag,
        spread=float(aperture.std()),
        bilabials=len(closed),
        bilabials_closed=sum(closed),
        duration=len(aperture) / frame_rate,
        sound=len(samples) / _RATE,
    )


def lip_aperture(video: Path, mesh: FaceMesh) -> tuple[Curve, float]:
    """The gap between the lips in every frame, in distances of the eyes; and frames per second."""
    apertures: list[float] = []
    points: npt.NDArray[np.float64] | None = None
    with av.open(str(video)) as file:
        stream = file.streams.video[0]
        frame_rate = float(stream.average_rate or 0)
        for frame in file.decode(stream):
            picture = frame.to_ndarray(format="rgb24").astype(np.uint8, copy=False)
            if points is None:
                found = mesh.best_face(picture)
                assert found is not None, "no face in the first frame"
                points = found[0].points
            points = mesh.track(picture, points).points
            apertures.append(_gap(points))
    return np.array(apertures), frame_rate


def phoneme_opening(phonemes: Iterable[Phoneme], times: Curve) -> Curve:
    """How far a mouth is open at ``times`` (seconds) while it says these phonemes, 0..1."""
    step = 0.005
    fine = np.arange(0, float(times[-1]) + 0.5, step)
    target = np.zeros_like(fine)
    for phoneme in phonemes:
        target[(fine >= phoneme.start) & (fine < phoneme.end)] = _asked_opening(phoneme.ipa)
    moving = np.hanning(23)[1:-1]  # lips take about a tenth of a second to get anywhere
    return np.interp(times, fine, np.convolve(target, moving / moving.sum(), "same"))


def bilabials(phonemes: Iterable[Phoneme]) -> list[Phoneme]:
    """The sounds that no open mouth can make."""
    return [phoneme for phoneme in phonemes if any(sign in _BILABIALS for sign in phoneme.ipa)]


def _asked_opening(ipa: str) -> float:
    known = [height for height, signs in _OPENING.items() if any(sign in signs for sign in ipa)]
    if known:
        return max(known)
    return _CONSONANT if ipa else 0.0


def _gap(points: npt.NDArray[np.float64]) -> float:
    left, right = _EYES
    eyes = np.linalg.norm(points[left] - points[right])
    gaps = [np.linalg.norm(points[upper, :2] - points[lower, :2]) for upper, lower in _INNER_LIPS]
    return float(np.mean(gaps) / eyes)


def _closes(aperture: Curve, times: Curve, phoneme: Phoneme, frame: float) -> bool:
    during = (times > phoneme.start - frame) & (times < phoneme.end + frame)
    if not during.any():
        return False
    open_mouth = np.percentile(aperture, 75)
    return bool(aperture[during].min() < 0.45 * open_mouth)


def _best_match(mouth: Curve, reference: Curve, frame_rate: float) -> tuple[float, float]:
    """Pearson's r at the best lag, and that lag in seconds, finer than a frame by a parabola."""
    reach = round(_SEARCHED_LAG * frame_rate)
    scores = np.array([_correlation(mouth, reference, lag) for lag in range(-reach, reach + 1)])
    best = int(scores.argmax())
    fraction = 0.0
    if 0 < best < len(scores) - 1:
        before, at, after = scores[best - 1 : best + 2]
        curvature = before - 2 * at + after
        fraction = 0.5 * (before - after) / curvature if curvature else 0.0
    return float(scores[best]), float((best - reach + fraction) / frame_rate)


def _correlation(mouth: Curve, reference: Curve, lag: int) -> float:
    count = len(mouth)
    mouth, reference = mouth[max(0, lag) : count + min(0, lag)], reference[max(0, -lag) :]
    reference = reference[: len(mouth)]
    if mouth.std() < 1e-6 or reference.std() < 1e-6:
        return 0.0
    return float(np.corrcoef(mouth, reference)[0, 1])


def _sound(video: Path) -> Curve:
    resampler = av.AudioResampler(format="flt", layout="mono", rate=_RATE)
    with av.open(str(video)) as file:
        frames = [part for frame in file.decode(audio=0) for part in resampler.resample(frame)]
    frames += resampler.resample(None)
    return np.concatenate([frame.to_ndarray()[0] for frame in frames]).astype(np.float64)


def _speech_level(samples: Curve, times: Curve) -> Curve:
    """Loudness between 300 and 3000 Hz, 0 (26 dB below the loudest) .. 1, at ``times`` seconds."""
    window = np.hanning(640)
    padded = np.pad(samples, 640)
    starts = (times * _RATE).astype(int) + 320
    pieces = np.stack([padded[start : start + 640] for start in starts.clip(0, len(samples) + 640)])
    power = np.abs(np.fft.rfft(pieces * window)) ** 2
    hertz = np.fft.rfftfreq(640, 1 / _RATE)
    decibels = 10 * np.log10(power[:, (hertz > 300) & (hertz < 3000)].sum(1) + 1e-9)
    level: Curve = (decibels - np.percentile(decibels, 95)) / 26 + 1
    return level.clip(0, 1)
