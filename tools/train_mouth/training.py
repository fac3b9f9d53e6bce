"""Trains the mouth network: examples from recordings, a perceptron, and Adam, in plain numpy."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from app.engine.features import BANDS, CONTEXT, REACH, WIDTH, Floats, log_mel, normalised
from app.engine.speech import MouthNetwork

OUTPUTS = 5
HIDDEN = (176, 96)
BATCH = 512
EPOCHS = 6
FASTEST, SLOWEST = 2e-3, 2e-5
"""Learning rates of the first and the last step; it falls evenly between."""

WEIGHT_DECAY = 1e-5
IMPORTANCE = np.array([1.0, 0.6, 1.5, 1.5, 0.8], np.float32)
"""How much a mistake in open, wide, press, tuck and speech counts."""

TILT = 0.06
"""How far the smooth curves that are laid over what is heard in an example stray, in its units."""

Note = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Recording:
    """Sound, and what the mouth does in each of its frames (frames x 5)."""

    samples: Floats
    mouth: Floats


@dataclass(frozen=True, slots=True)
class Examples:
    """Frames of recordings, ``spectra`` end to end, and a ``mouth`` for each of ``centres``."""

    spectra: Floats
    centres: npt.NDArray[np.int64]
    mouth: Floats


def examples(recordings: Iterable[Recording]) -> Examples:
    """Hear every recording as the engine does, each by itself."""
    spectra, centres, mouths, length = [], [], [], 0
    for recording in recordings:
        heard = normalised(log_mel(recording.samples))[: len(recording.mouth)]
        padded = np.pad(heard, ((REACH, REACH), (0, 0)), mode="edge")
        centres.append(np.arange(len(heard)) + length + REACH)
        spectra.append(padded)
        mouths.append(recording.mouth[: len(heard)])
        length += len(padded)
    return Examples(np.concatenate(spectra), np.concatenate(centres), np.concatenate(mouths))


def trained(lessons: Examples, chance: np.random.Generator, note: Note) -> MouthNetwork:
    """A network that has seen every lesson EPOCHS times."""
    parameters = _untrained(chance)
    optimiser = _Adam(parameters)
    context = np.array(CONTEXT)
    frames = len(lessons.centres)
    steps = EPOCHS * frames // BATCH
    loss = np.zeros(OUTPUTS)
    for step in range(steps):
        chosen = chance.integers(0, frames, BATCH)
        heard = _varied(lessons.spectra[lessons.centres[chosen, None] + context], chance)
        mistakes, gradients = _gradients(
            parameters, heard.reshape(BATCH, WIDTH), lessons.mouth[chosen]
        )
        optimiser.step(gradients, FASTEST + (SLOWEST - FASTEST) * step / steps)
        loss += (mistakes - loss) / min(step + 1, 2000)
        if step % max(1, steps // 10) == 0:
            note(f"step {step} of {steps}: squared error {np.round(loss, 4).tolist()}")
    rounded = [value.astype(np.float16).astype(np.float32) for value in parameters]
    return MouthNetwork(tuple(zip(rounded[::2], rounded[1::2], strict=True)))


def _varied(heard: Floats, chance: np.random.Generator) -> Floats:
    """A batch as other speakers and microphones would have it: a band up or down, and tilted."""
    bands = np.arange(BANDS) + chance.integers(-1, 2)
    shifted = np.take(heard, bands.clip(0, BANDS - 1), axis=2)
    waves = np.cos(np.pi * np.arange(1, 6)[:, None] * np.linspace(0, 1, BANDS))
    tilts = chance.standard_normal((len(heard), 5), np.float32) * TILT @ waves.astype(np.float32)
    varied: Floats = shifted + tilts[:, None]
    return varied


def _untrained(chance: np.random.Generator) -> list[Floats]:
    """Weights and biases in turn, drawn as He et al. (2015) advise for rectified units."""
    sizes = (WIDTH, *HIDDEN, OUTPUTS)
    parameters: list[Floats] = []
    for before, after in pairwise(sizes):
        weights = chance.standard_normal((before, after)) * np.sqrt(2 / before)
        parameters += [weights.astype(np.float32), np.zeros(after, np.float32)]
    return parameters


def save(network: MouthNetwork, path: Path) -> None:
    """Write the weights in half precision; numpy dates every entry 1980, so bytes repeat."""
    names = ("weights", "bias")
    arrays = {
        f"{name}{index}": value.astype(np.float16)
        for index, layer in enumerate(network.layers)
        for name, value in zip(names, layer, strict=True)
    }
    with path.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def _gradients(
    parameters: list[Floats], heard: Floats, mouth: Floats
) -> tuple[Floats, list[Floats]]:
    """The mean squared mistake of each output, and the slope of their sum by each parameter."""
    activations = [heard]
    for weights, bias in zip(parameters[:-2:2], parameters[1:-2:2], strict=True):
        activations.append(np.maximum(activations[-1] @ weights + bias, 0))
    mistake = activations[-1] @ parameters[-2] + parameters[-1] - mouth
    slope = np.float32(2 / len(heard)) * mistake * IMPORTANCE
    gradients: list[Floats] = []
    for layer in reversed(range(len(activations))):
        gradients[:0] = [activations[layer].T @ slope, slope.sum(0)]
        if layer:
            slope = (slope @ parameters[2 * layer].T) * (activations[layer] > 0)
    return np.square(mistake).mean(0), gradients


class _Adam:
    """The optimiser of Kingma and Ba (2015), with decoupled weight decay."""

    def __init__(self, parameters: list[Floats]) -> None:
        self._parameters = parameters
        self._means = [np.zeros_like(value) for value in parameters]
        self._squares = [np.zeros_like(value) for value in parameters]
        self._steps = 0

    def step(self, gradients: list[Floats], rate: float) -> None:
        self._steps += 1
        unbiased_mean, unbiased_square = 1 - 0.9**self._steps, 1 - 0.999**self._steps
        states = zip(self._parameters, self._means, self._squares, gradients, strict=True)
        for value, mean, square, gradient in states:
            mean += 0.1 * (gradient - mean)
            square += 0.001 * (gradient * gradient - square)
            size = np.sqrt(square / unbiased_square) + 1e-8
            value -= rate * (mean / unbiased_mean / size + WEIGHT_DECAY * value)
