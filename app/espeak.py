"""Speaks a text with espeak-ng, offline, and says when each phoneme sounds.

The library comes with the ``espeakng-loader`` package and is called through ctypes. Its interface
is described in ``speak_lib.h`` of espeak-ng 1.52.
"""

from __future__ import annotations

import ctypes
import threading
import unicodedata
import wave
from dataclasses import dataclass
from functools import cache
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from app.errors import InvalidRequest, OperatorError, TooLong

_SYNCHRONOUS_OUTPUT = 2
_PHONEME_EVENTS, _PHONEME_IPA, _DO_NOT_EXIT = 0x0001, 0x0002, 0x8000
_UTF8_TEXT = 1
_END_OF_EVENTS, _PHONEME_EVENT = 0, 7
_RATE, _PITCH, _PITCH_RANGE = 1, 3, 4
_SEED = 1  # of the noise in a voice; unset, no two processes would sound the same

_one_at_a_time = threading.Lock()


@dataclass(frozen=True, slots=True)
class Phoneme:
    """One sound of a text, from ``start`` to ``end`` seconds; ``ipa`` is empty in a pause."""

    start: float
    end: float
    ipa: str


@dataclass(frozen=True, slots=True)
class Speech:
    """A spoken text: int16 mono ``samples`` at ``rate`` Hz, and phonemes that cover all of them."""

    samples: npt.NDArray[np.int16]
    rate: int
    phonemes: tuple[Phoneme, ...]

    @property
    def duration(self) -> float:
        """Seconds."""
        return len(self.samples) / self.rate


def speak(
    text: str,
    voice: str = "en-us",
    *,
    words_per_minute: int = 160,
    pitch: int = 50,
    pitch_range: int = 50,
    max_seconds: float = inf,
) -> Speech:
    """Say ``text`` aloud; one caller at a time, as the library keeps one state for the process.

    ``voice`` is a language and, if wanted, a variant of the speaker: ``en-us``, ``de``,
    ``en-us+f2``. ``pitch`` and ``pitch_range`` are 0..100. Markup and control characters in the
    text have no meaning.

    Raises InvalidRequest for a voice that does not exist, TooLong for a text that takes more than
    ``max_seconds`` to say, and OperatorError where espeak-ng fails.
    """
    with _one_at_a_time:
        library = _library()
        library.choose(voice, {_RATE: words_per_minute, _PITCH: pitch, _PITCH_RANGE: pitch_range})
        return library.say(_plain(text), max_seconds)


def write_wav(speech: Speech, path: Path) -> None:
    """Write a spoken text as a 16-bit mono WAV file."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(speech.rate)
        file.writeframes(speech.samples.astype("<i2").tobytes())


def _plain(text: str) -> bytes:
    # A control character begins an embedded command, which would change the voice for good.
    # The end of a line does not: two of them are the end of a paragraph.
    spoken = "".join(
        " " if unicodedata.category(sign) == "Cc" and sign != "\n" else sign for sign in text
    )
    return spoken.encode("utf-8", errors="replace") + b"\0"


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("message", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("milliseconds", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("phoneme", ctypes.c_char * 8),
    )


class _Voice(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_char_p),
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("reserved", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    )


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


@cache
def _library() -> _Library:
    return _Library()


class _Library:
    """The loaded library, of which a process has one."""

    def __init__(self) -> None:
        # Only whoever speaks needs the package and its 12 MB of voices.
        import espeakng_loader

        data = espeakng_loader.get_data_path()
        self._c = ctypes.CDLL(espeakng_loader.get_library_path())
        options = _PHONEME_EVENTS | _PHONEME_IPA | _DO_NOT_EXIT
        self._rate = self._c.espeak_Initialize(_SYNCHRONOUS_OUTPUT, 0, data.encode(), options)
        if self._rate <= 0:
            raise OperatorError("The speech synthesiser could not be started.")
        self._sound: list[npt.NDArray[np.int16]] = []
        self._starts: list[tuple[float, str]] = []
        self._left = inf
        self._callback = _Callback(self._collect)  # must live as long as the library
        self._c.espeak_SetSynthCallback(self._callback)
        self._voices = self._list_voices()
        self._variants = {path.name for path in (Path(data) / "voices" / "!v").iterdir()}

    def choose(self, voice: str, parameters: dict[int, int]) -> None:
        language, _, variant = voice.partition("+")
        identifier = self._voices.get(language.lower())
        if identifier is None or (variant and variant not in self._variants):
            raise InvalidRequest(f"There is no voice called {voice[:40]!r}.")
        name = f"{identifier}+{variant}" if variant else identifier
        if self._c.espeak_SetVoiceByName(name.encode()) != 0:
            raise OperatorError(f"The voice {voice!r} could not be loaded.")
        for parameter, value in parameters.items():
            self._c.espeak_SetParameter(parameter, value, 0)

    def say(self, text: bytes, max_seconds: float) -> Speech:
        self._sound, self._starts, self._left = [], [], max_seconds * self._rate
        self._c.espeak_ng_SetRandSeed(ctypes.c_long(_SEED))
        failed = self._c.espeak_Synth(
            text, ctypes.c_size_t(len(text)), 0, 0, 0, _UTF8_TEXT, None, None
        )
        if self._left < 0:
            raise TooLong(
                f"The text takes longer to say than the limit of {max_seconds:g} seconds."
            )
        if failed:
            raise OperatorError("The speech synthesiser failed.")
        samples = np.concatenate([np.zeros(0, np.int16), *self._sound])
        return Speech(samples, self._rate, _phonemes(self._starts, len(samples) / self._rate))

    def _collect(self, sound: Any, count: int, events: Any) -> int:
        if sound and count > 0:
            self._sound.append(np.ctypeslib.as_array(sound, (count,)).copy())
            self._left -= count
        for event in events:
            if event.type == _END_OF_EVENTS:
                break
            if event.type == _PHONEME_EVENT:
                ipa = event.phoneme.decode("utf-8", errors="ignore")
                ipa = "" if ipa.startswith("(") else ipa  # a change of language, such as (en)
                self._starts.append((event.sample / self._rate, ipa))
        return int(self._left < 0)

    def _list_voices(self) -> dict[str, str]:
        """Language tags, and short names such as ``en``, with the identifier of their voice."""
        self._c.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_Voice))
        voices: dict[str, str] = {}
        for voice in self._c.espeak_ListVoices(None):
            if not voice:
                break
            identifier = voice.contents.identifier.decode()
            # The first byte of a language is its priority.
            voices.setdefault(voice.contents.languages[1:].decode().lower(), identifier)
            voices.setdefault(Path(identifier).name.lower(), identifier)
        return voices


def _phonemes(starts: list[tuple[float, str]], duration: float) -> tuple[Phoneme, ...]:
    """Phonemes without gaps; what has no length (the library reports such) is left out."""
    marks = [(0.0, ""), *starts]
    ends = [*(start for start, _ in starts), duration]
    return tuple(
        Phoneme(start, end, ipa)
        for (start, ipa), end in zip(marks, ends, strict=True)
        if end > start
    )
