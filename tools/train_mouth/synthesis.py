# ruff: noqa: RUF001 - phonetic letters look like Latin ones
"""Makes speech whose every phoneme is known, with espeak-ng and, if asked, with flite."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from app.engine.features import SAMPLE_RATE, Floats
from app.espeak import Phoneme, speak

_ARPABET = {
    "aa": "ɑ", "ae": "æ", "ah": "ʌ", "ao": "ɔ", "aw": "aʊ", "ax": "ə", "axr": "ɚ", "ay": "aɪ",
    "b": "b", "ch": "tʃ", "d": "d", "dh": "ð", "dx": "ɾ", "eh": "ɛ", "el": "l", "em": "m",
    "en": "n", "er": "ɜ", "ey": "eɪ", "f": "f", "g": "ɡ", "hh": "h", "hv": "h", "ih": "ɪ",
    "iy": "i", "jh": "dʒ", "k": "k", "l": "l", "m": "m", "n": "n", "ng": "ŋ", "nx": "n",
    "ow": "oʊ", "oy": "ɔɪ", "p": "p", "pau": "", "r": "ɹ", "s": "s", "sh": "ʃ", "t": "t",
    "th": "θ", "uh": "ʊ", "uw": "u", "v": "v", "w": "w", "y": "j", "z": "z", "zh": "ʒ",
}  # fmt: skip
"""What flite writes, in IPA."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """Spoken words: mono ``samples`` at 16 kHz, and phonemes that cover all of them."""

    samples: Floats
    phonemes: tuple[Phoneme, ...]


def espeak_says(text: str, voice: str, chance: np.random.Generator) -> Utterance:
    """A sentence by an espeak-ng voice, at some pace, pitch and size of the vocal tract."""
    pace, pitch, pitch_range = chance.integers([120, 25, 30], [220, 80, 80]).tolist()
    speech = speak(text, voice, words_per_minute=pace, pitch=pitch, pitch_range=pitch_range)
    return _resized(speech.samples, speech.rate, speech.phonemes, chance.uniform(0.85, 1.2))


def flite_says(text: str, voice: str, chance: np.random.Generator) -> Utterance:
    """A sentence by a flite voice; these were made from recordings of people."""
    stretch = f"duration_stretch={chance.uniform(0.8, 1.2):.2f}"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speech.wav"
        to = str(path)
        command = ["flite", "-voice", voice, "--setf", stretch, "-psdur", "-t", text, "-o", to]
        said = subprocess.run(command, capture_output=True, text=True, check=True)
        with wave.open(str(path)) as file:
            rate = file.getframerate()
            samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    phonemes = _flite_phonemes(said.stdout, len(samples) / rate)
    return _resized(samples, rate, phonemes, chance.uniform(0.9, 1.12))


def flite_is_there() -> bool:
    """Whether the ``flite`` program can be run."""
    return shutil.which("flite") is not None


def _flite_phonemes(report: str, duration: float) -> tuple[Phoneme, ...]:
    """From flite's ``name:end`` words, ends in seconds."""
    phonemes, start = [], 0.0
    for word in report.split():
        name, _, end = word.partition(":")
        phonemes.append(Phoneme(start, float(end), _ARPABET[name]))
        start = float(end)
    return (*phonemes, Phoneme(start, max(start, duration), ""))


def _resized(
    samples: npt.NDArray[np.int16], rate: int, phonemes: tuple[Phoneme, ...], factor: float
) -> Utterance:
    """Resampled to 16 kHz and ``factor`` times as fast, which also makes the speaker smaller."""
    heard = resampled((samples / 32768).astype(np.float32), rate * factor)
    timed = tuple(Phoneme(p.start / factor, p.end / factor, p.ipa) for p in phonemes)
    return Utterance(heard, timed)


def resampled(samples: Floats, rate: float) -> Floats:
    """Samples at ``rate`` Hz brought to 16 kHz; what lies above its range is removed first."""
    size = 1 << max(1, len(samples) - 1).bit_length()
    spectrum = np.fft.rfft(samples, size)
    spectrum[int(len(spectrum) * min(1.0, SAMPLE_RATE / rate)) :] = 0
    clean = np.fft.irfft(spectrum, size)
    times = np.arange(int(len(samples) * SAMPLE_RATE / rate)) * rate / SAMPLE_RATE
    return np.interp(times, np.arange(size), clean).astype(np.float32)
