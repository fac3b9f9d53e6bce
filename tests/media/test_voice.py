"""Speech is heard in any voice, however quiet or noisy; what is steady is no speech."""

from __future__ import annotations

import time
from functools import cache

import numpy as np
import numpy.typing as npt
import pytest

from app.espeak import speak
from app.media.voice import has_speech

Samples = npt.NDArray[np.float32]

RATE = 16000
TEXT = "The quick brown fox jumps over the lazy dog."
TIME = np.arange(3 * RATE) / RATE


@cache
def said(text: str = TEXT, voice: str = "en-us", pace: int = 160, rate: int = RATE) -> Samples:
    speech = speak(text, voice, words_per_minute=pace)
    times = np.arange(int(speech.duration * rate)) / rate
    given = np.arange(len(speech.samples)) / speech.rate
    return np.asarray(np.interp(times, given, speech.samples / 32768), np.float32)


def at(level: float, sound: npt.NDArray[np.floating]) -> Samples:
    """The same sound at a level, in dB of full scale."""
    return np.asarray(sound / np.sqrt(np.mean(sound**2)) * 10 ** (level / 20), np.float32)


def white(count: int = len(TIME)) -> Samples:
    return np.random.default_rng(1).normal(size=count).astype(np.float32)


def pink(count: int = len(TIME)) -> Samples:
    spectrum = np.fft.rfft(white(count))
    return np.fft.irfft(spectrum / np.sqrt(np.arange(len(spectrum)) + 1), count).astype(np.float32)


def between_silence(sound: Samples, seconds: float = 10.0) -> Samples:
    whole = np.zeros(int(seconds * RATE), np.float32)
    start = (len(whole) - len(sound)) // 2
    whole[start : start + len(sound)] = sound
    return whole


def clicks() -> Samples:
    sound = at(-70, white())
    sound[:: RATE // 2] = 0.9
    return sound


def hum() -> Samples:
    harmonics = np.arange(1, 12)[:, None]
    return at(-20, np.sum(np.sin(2 * np.pi * 50 * harmonics * TIME) / harmonics, axis=0))


def tone(hertz: float) -> Samples:
    return (0.3 * np.sin(2 * np.pi * hertz * TIME)).astype(np.float32)


def typing() -> Samples:
    random = np.random.default_rng(2)
    sound = at(-70, white())
    for start in range(0, len(sound) - 200, 1700):
        knock = np.sin(2 * np.pi * random.uniform(300, 5000) * TIME[:120]) * np.hanning(120)
        sound[start : start + 120] += (0.5 * knock).astype(np.float32)
    return sound


def melody() -> Samples:
    pitch = np.random.default_rng(3).uniform(300, 3000, 15).repeat(len(TIME) // 15)
    return (0.3 * np.sin(2 * np.pi * np.cumsum(pitch) / RATE)).astype(np.float32)


def muffled() -> Samples:
    spectrum = np.fft.rfft(white())
    spectrum[np.fft.rfftfreq(len(TIME), 1 / RATE) > 1500] = 0
    swell = np.linspace(-60, 0, len(TIME))
    return (at(-20, np.fft.irfft(spectrum, len(TIME))) * 10 ** (swell / 20)).astype(np.float32)


STEADY = {
    "nothing": np.zeros(0, np.float32),
    "silence": np.zeros(RATE, np.float32),
    "a noise floor": at(-70, white()),
    "white noise": at(-15, white()),
    "pink noise": at(-25, pink()),
    "noise that comes and goes": between_silence(at(-20, white())),
    "noise that swells": at(-20, white()) * np.linspace(0, 1, len(TIME), dtype=np.float32),
    "hum": hum(),
    "hum that comes and goes": between_silence(hum()),
    "a low tone": tone(100),
    "a tone": tone(440),
    "a whistle": tone(3000),
    "beeps": tone(1000) * (TIME % 1 < 0.3),
    "beeps of many pitches": between_silence(melody()),
    "muffled noise that swells": muffled(),
    "clicks": clicks(),
    "typing": typing(),
    "an offset": np.full(RATE, 0.5, np.float32),
}


@pytest.mark.parametrize("name", STEADY)
def test_what_is_steady_is_no_speech(name: str) -> None:
    assert not has_speech(STEADY[name].astype(np.float32), RATE)


@pytest.mark.parametrize(
    "voice", ["en-us", "en-us+f2", "en-us+m7", "en-us+whisper", "de", "fr-fr", "ru"]
)
def test_any_voice_is_heard(voice: str) -> None:
    assert has_speech(said(voice=voice), RATE)


@pytest.mark.parametrize("voice", ["en-us", "en-us+whisper"])
def test_a_quiet_voice_is_heard(voice: str) -> None:
    assert has_speech(at(-45, said(voice=voice)), RATE)


@pytest.mark.parametrize("noise", [white, pink])
@pytest.mark.parametrize("ratio", [10, 5])
def test_a_voice_is_heard_through_noise(noise: type, ratio: int) -> None:
    assert has_speech(at(-20, said()) + at(-20 - ratio, noise(len(said()))), RATE)


@pytest.mark.parametrize("word", ["yes", "no", "hello", "stop"])
@pytest.mark.parametrize("floor", [-120, -55])
def test_one_short_word_is_heard(word: str, floor: float) -> None:
    sound = between_silence(said(word)[: int(0.4 * RATE)])
    assert has_speech(sound + at(floor, white(len(sound))), RATE)


def test_singing_is_heard() -> None:
    assert has_speech(said("la la la la la", pace=80), RATE)


@pytest.mark.parametrize("rate", [8000, 44100, 48000])
def test_any_rate_will_do(rate: int) -> None:
    assert has_speech(said(rate=rate), rate)
    assert not has_speech(at(-20, white()), rate)


def test_ten_minutes_take_a_moment() -> None:
    long = np.resize(said(), 600 * RATE)
    started = time.process_time()
    assert has_speech(long, RATE)
    assert time.process_time() - started < 3
