"""Speaks a text with one of this service's voices, in a process of its own."""

from __future__ import annotations

import hashlib
import tempfile
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from app.errors import InternalError, InvalidRequest, OrderError, Overloaded, TooLong
from app.espeak import Phoneme, Speech, speak, write_wav
from app.media.decode import Samples
from app.media.encode import write_mp3
from app.media.probe import Limits, probe_audio
from app.model import Media
from app.voices import VOICES, Voice, named
from app.workers import WorkerDied, WorkerPool, WorkerTimedOut

LONGEST_TEXT = 5000
"""Characters."""
SPEAKING_SECONDS = 60
MOST_WAITING = 100
"""Texts: whoever comes after them is told to come back later."""
_COME_BACK_IN = 5
MP3_BIT_RATE = 64_000
"""Bits a second: transparent for one voice at the synthesiser's 22,050 Hz."""

_WORDS_PER_MINUTE = 155
_PITCH_RANGE = 55
_LOUDNESS = 0.1  # root mean square, which is -20 dB of full scale: how loud speech usually is
_HIGHEST_PEAK = 0.89  # -1 dB of full scale: encoders overshoot a little
_SAME_LENGTH = 0.05  # seconds; the synthesiser strays by a fraction of a millisecond a sentence

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Script:
    """What is to be said, and by whom."""

    text: str
    voice: Voice


def words_of(text: str) -> str:
    """The text as it is spoken and kept. Raises TooLong, and InvalidRequest for nothing at all."""
    signs = unicodedata.normalize("NFC", text)
    plain = "".join(" " if _is_control(sign) else sign for sign in signs).strip()
    if not plain:
        raise InvalidRequest("text: There is nothing to say in it.")
    if len(plain) > LONGEST_TEXT:
        raise TooLong(f"The text is {len(plain):,} characters long; the limit is {LONGEST_TEXT:,}.")
    return plain


def _is_control(sign: str) -> bool:
    return sign != "\n" and unicodedata.category(sign) in ("Cc", "Cs")


def spoken(script: Script, max_seconds: float) -> Speech:
    """The script aloud, as loud as every other voice; the same words always take the same time.

    For a worker process: the synthesiser is a C library with a state of its own. Raises TooLong,
    and InvalidRequest where nothing in the text can be spoken.
    """
    speech = speak(
        script.text,
        script.voice.espeak,
        words_per_minute=_WORDS_PER_MINUTE,
        pitch_range=_PITCH_RANGE,
        max_seconds=max_seconds,
    )
    if not any(phoneme.ipa for phoneme in speech.phonemes):
        raise InvalidRequest("text: There are no words in it.")
    return _levelled(speech)


def _levelled(speech: Speech) -> Speech:
    samples = _floats(speech)
    loudness, peak = float(np.sqrt(np.mean(samples**2))), float(np.abs(samples).max())
    gain = min(_LOUDNESS / max(loudness, 1e-6), _HIGHEST_PEAK / max(peak, 1e-6))
    return replace(speech, samples=np.rint(samples * gain * 32767).astype(np.int16))


def _floats(speech: Speech) -> Samples:
    return np.asarray(speech.samples / 32768, np.float32)


def spoken_mp3(script: Script, max_seconds: float) -> bytes:
    """The script aloud, as the bytes of an MP3."""
    speech = spoken(script, max_seconds)
    with tempfile.TemporaryDirectory(prefix="lipsync-speech-") as folder:
        path = Path(folder) / "speech.mp3"
        write_mp3(path, [_floats(speech)], speech.rate, MP3_BIT_RATE)
        return path.read_bytes()


def spoken_wav(script: Script, max_seconds: float, path: Path) -> Media:
    """The script aloud, as a WAV file at ``path``, which is what came in place of a recording."""
    write_wav(spoken(script, max_seconds), path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return probe_audio(path, sha256=digest, limits=Limits(max_seconds=max_seconds))


def phonemes_of(text: str, voice: str, audio: Media) -> tuple[Phoneme, ...]:
    """When each sound of ``audio`` sounds, if it is this text in the voice of this name.

    It is spoken once more, which takes the same time: nothing needs to be kept beside the audio.
    Empty where it is something else, as after a change of the synthesiser.
    """
    seconds = audio.duration or 0.0
    try:
        speech = spoken(Script(text, named(VOICES, voice)), seconds + 1)
    except OrderError:
        return ()
    return speech.phonemes if abs(speech.duration - seconds) <= _SAME_LENGTH else ()


class Speaker:
    """Speaks in the processes of ``pool``, for at most ``max_seconds``."""

    def __init__(self, pool: WorkerPool, *, max_seconds: float) -> None:
        self._pool = pool
        self._max_seconds = max_seconds
        self._waiting = 0

    async def mp3(self, script: Script) -> bytes:
        """The script aloud. Raises TooLong, InvalidRequest and Overloaded."""
        return await self._speak(spoken_mp3, script, self._max_seconds)

    async def wav(self, script: Script, path: Path) -> Media:
        """The script aloud, as a file at ``path``. Raises what `mp3` does."""
        return await self._speak(spoken_wav, script, self._max_seconds, path)

    async def close(self) -> None:
        """End what is being spoken."""
        await self._pool.close()

    async def _speak(self, function: Callable[..., T], *args: object) -> T:
        if self._waiting >= MOST_WAITING:
            raise Overloaded(retry_after=_COME_BACK_IN)
        self._waiting += 1
        try:
            return await self._pool.run(function, *args, seconds=SPEAKING_SECONDS)
        except (WorkerTimedOut, MemoryError):
            raise TooLong("The text takes too long to speak.") from None
        except WorkerDied:
            raise InternalError("The text could not be spoken.") from None
        finally:
            self._waiting -= 1
