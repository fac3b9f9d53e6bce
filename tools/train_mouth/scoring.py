"""Examines a mouth network on speech it has never heard."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from app.engine.features import FRAMES_PER_SECOND, Floats, log_mel, normalised
from app.engine.speech import MouthNetwork
from app.engine.visemes import segments
from tools.train_mouth.synthesis import Utterance
from tools.train_mouth.visemes import Curve, curves

_CLOSED = 0.35
_LAGS = range(-15, 16)


@dataclass(frozen=True, slots=True)
class Score:
    """Means over several utterances.

    ``open``, ``wide``, ``press`` and ``tuck`` are Pearson's r with the truth; ``lag`` is seconds,
    positive when the network is late; ``closures`` is the share of bilabials that were found, and
    ``false_closures`` the share of open vowels with a closure in them.
    """

    open: float
    wide: float
    press: float
    tuck: float
    lag: float
    closures: float
    false_closures: float

    def __str__(self) -> str:
        """One line of figures."""
        return (
            f"r open {self.open:.3f} wide {self.wide:.3f} press {self.press:.3f}"
            f" tuck {self.tuck:.3f}, lag {self.lag * 1000:+.0f} ms,"
            f" closures found {self.closures:.2f}, false {self.false_closures:.3f}"
        )


def score(network: MouthNetwork, utterances: Iterable[Utterance]) -> Score:
    """Compare what the network makes of each sound with what its phonemes ask for."""
    correlations, lags, closures, false_closures = [], [], [], []
    for utterance in utterances:
        guess = np.asarray(network(normalised(log_mel(utterance.samples))), np.float64)
        truth = curves(utterance.phonemes, len(guess))
        correlations.append([_r(guess[:, i], truth[:, i]) for i in range(4)])
        lags.append(_lag(guess[:, 0], truth[:, 0]))
        found, false = _closures(guess[:, 2], utterance)
        closures += found
        false_closures += false
    opened, widened, pressed, tucked = np.nanmean(correlations, axis=0).tolist()
    return Score(
        open=opened,
        wide=widened,
        press=pressed,
        tuck=tucked,
        lag=float(np.median(lags)) / FRAMES_PER_SECOND,
        closures=float(np.mean(closures)),
        false_closures=float(np.mean(false_closures)),
    )


def noise_opening(network: MouthNetwork, sounds: Iterable[Floats]) -> float:
    """How far the mouth opens, on the mean, while nobody speaks."""
    guesses = [network(normalised(log_mel(sound))) for sound in sounds]
    return float(np.mean([np.mean(guess[:, 0].clip(0) * (guess[:, 4] > 0.5)) for guess in guesses]))


def _closures(press: Curve, utterance: Utterance) -> tuple[list[bool], list[bool]]:
    """For each bilabial and each long open vowel, whether the lips closed."""
    found, false = [], []
    for start, end, shape in segments(utterance.phonemes):
        first, last = int(start * FRAMES_PER_SECOND), int(end * FRAMES_PER_SECOND)
        if shape.press:
            found.append(bool(press[max(0, first - 4) : last + 4].max() > _CLOSED))
        elif shape.open >= 0.5 and end - start > 0.06:
            false.append(bool(press[first + 2 : last - 1].max() > _CLOSED))
    return found, false


def _lag(guess: Curve, truth: Curve) -> int:
    count = len(guess)
    scores = [
        _r(guess[max(0, k) : count + min(0, k)], truth[max(0, -k) : count - max(0, k)])
        for k in _LAGS
    ]
    return _LAGS[int(np.nanargmax(scores))]


def _r(guess: Curve, truth: Curve) -> float:
    if guess.std() < 1e-9 or truth.std() < 1e-9:
        return float("nan")
    return float(np.corrcoef(guess, truth)[0, 1])
