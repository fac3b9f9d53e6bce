"""A text becomes speech whose phonemes are known, whatever the text holds."""

from __future__ import annotations

import threading
import wave
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from app.errors import InvalidRequest
from app.espeak import Speech, speak, write_wav


def ipa(speech: Speech) -> str:
    return "".join(phoneme.ipa for phoneme in speech.phonemes)


def test_phonemes_cover_the_sound_in_order() -> None:
    speech = speak("Please put five big apples in my bag. Thank you!")

    assert speech.rate == 22050
    assert speech.phonemes[0].start == 0
    assert speech.phonemes[-1].end == pytest.approx(speech.duration)
    assert all(before.end == after.start for before, after in pairwise(speech.phonemes))
    assert all(phoneme.end > phoneme.start for phoneme in speech.phonemes)


def test_phonemes_sound_when_they_are_said_to() -> None:
    speech = speak("Apa. Apa.")
    closures = [phoneme for phoneme in speech.phonemes if phoneme.ipa == "p"]
    vowels = [phoneme for phoneme in speech.phonemes if phoneme.ipa not in ("p", "")]

    def loudness(start: float, end: float) -> float:
        part = speech.samples[int(start * speech.rate) : int(end * speech.rate)]
        return float(np.abs(part.astype(float)).mean())

    assert len(closures) == 2
    assert len(vowels) == 4
    loudest_closure = max(loudness(p.start, (p.start + p.end) / 2) for p in closures)
    assert loudest_closure < 0.5 * min(loudness(p.start, p.end) for p in vowels)


def test_pace_pitch_and_voice_change_the_speech() -> None:
    usual = speak("A map of the bay")

    assert speak("A map of the bay", words_per_minute=250).duration < 0.8 * usual.duration
    assert not np.array_equal(speak("A map of the bay", pitch=90).samples, usual.samples)
    assert not np.array_equal(speak("A map of the bay", "en-us+f2").samples, usual.samples)
    assert ipa(speak("Wand", "de")) != ipa(speak("Wand", "en-us"))


@pytest.mark.parametrize("voice", ["en-gb", "EN-US", "en", "de+f3"])
def test_a_voice_is_a_language_with_or_without_a_variant(voice: str) -> None:
    assert speak("Hello", voice).duration > 0.2


@pytest.mark.parametrize("voice", ["", "xx", "f2", "+f2", "en-us+nobody", "../en", "en-us+../f2"])
def test_an_unknown_voice_is_refused(voice: str) -> None:
    with pytest.raises(InvalidRequest, match="There is no voice called"):
        speak("Hello", voice)


def test_hostile_text_is_only_read_aloud() -> None:
    assert speak("").duration < 0.1
    assert ipa(speak("one\0two")) == ipa(speak("one two"))
    assert speak("\ud800 yes").duration > 0.2
    assert speak('one <break time="9s"/> two').duration < 5
    assert ipa(speak("[[h]]")) != "h"


def test_a_text_cannot_change_the_voice_of_the_next() -> None:
    before = speak("Mind the gap").duration

    speak("\x01+90S quick \x01+99P high")

    assert speak("Mind the gap").duration == pytest.approx(before, rel=0.02)


def test_threads_do_not_mix_their_words() -> None:
    texts = ["apple", "river", "moon", "seven"]
    alone = {text: ipa(speak(text)) for text in texts}
    together: dict[str, str] = {}

    def say(text: str) -> None:
        together[text] = ipa(speak(text))

    threads = [threading.Thread(target=say, args=(text,)) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert together == alone


def test_a_wav_file_holds_the_speech(tmp_path: Path) -> None:
    speech = speak("A map")

    write_wav(speech, tmp_path / "speech.wav")

    with wave.open(str(tmp_path / "speech.wav")) as file:
        assert file.getparams()[:3] == (1, 2, speech.rate)
        assert file.readframes(file.getnframes()) == speech.samples.tobytes()
