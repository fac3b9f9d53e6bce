# ruff: noqa: RUF001 - phonetic letters look like Latin ones
"""Words whose sounds and times are known move the mouth as a speaker's would."""

from __future__ import annotations

import time

import numpy as np
import numpy.typing as npt
import pytest

from app.engine.features import SAMPLE_RATE
from app.engine.movement import Movement
from app.engine.phonetics import movement_of
from app.engine.speech import MouthNetwork, poses
from app.espeak import Phoneme, Speech
from app.speech import Script, spoken
from app.voices import VOICES, Voice, named
from tests.engine.measure import bilabials, phoneme_opening

Curve = npt.NDArray[np.float64]

TEXT = (
    "Maybe my brother Bob will park the purple bus by the palm."
    " A farmer opened a jar of plum jam, and we had a lot of fun."
)
FRAME_RATE = 25
LEAD = 0.02


def said(*sounds: tuple[str, float]) -> tuple[Movement, float]:
    """What a mouth does for sounds of these lengths in seconds, and how long they take."""
    ends = np.cumsum([seconds for _, seconds in sounds]).tolist()
    phonemes = [
        Phoneme(end - seconds, end, ipa) for (ipa, seconds), end in zip(sounds, ends, strict=True)
    ]
    return movement_of(phonemes, ends[-1]), ends[-1]


def at(curve: Curve, seconds: float) -> float:
    return float(curve[round(seconds * 100)])


@pytest.fixture(scope="module", params=["Hannah", "Walter", "Klara", "Camille"])
def speech(request: pytest.FixtureRequest) -> Speech:
    return spoken(Script(TEXT, named(VOICES, request.param)), 60)


def test_the_mouth_opens_as_the_phonemes_ask(speech: Speech) -> None:
    samples = np.zeros(int(speech.duration * SAMPLE_RATE), np.float32)
    track = poses(samples, FRAME_RATE, MouthNetwork(()), seed=1, phonemes=speech.phonemes)
    middles = (np.arange(len(track)) + 0.5) / FRAME_RATE
    asked = phoneme_opening(speech.phonemes, middles + LEAD)
    assert np.corrcoef([pose.open for pose in track], asked)[0, 1] > 0.8


def test_lips_touch_for_every_bilabial(speech: Speech) -> None:
    movement = movement_of(speech.phonemes, speech.duration)
    for sound in bilabials(speech.phonemes):
        around = slice(max(0, int((sound.start - 0.04) * 100)), int(sound.end * 100) + 1)
        assert movement.press[around].max() > 0.9, sound
        assert movement.open[around].min() < 0.05, sound


def test_a_voiceless_stop_is_shut_before_it_is_heard() -> None:
    movement, _ = said(("ɑ", 0.2), ("p", 0.04), ("ɑ", 0.2))
    assert at(movement.press, 0.18) > 0.9
    assert at(movement.press, 0.30) < 0.05
    assert at(movement.open, 0.10) > 0.7


def test_a_vowel_is_open_and_round_or_spread() -> None:
    def middle(ipa: str) -> tuple[float, float]:
        movement, _ = said((ipa, 0.3))
        return at(movement.open, 0.15), at(movement.wide, 0.15)

    (ah, _), (ee, spread), (oo, rounded) = middle("ˈɑː"), middle("ˈiː"), middle("ˈuː")
    assert ah > 0.9
    assert ah > 2 * ee
    assert ah > 2 * oo
    assert spread > 0.6
    assert rounded < -0.6


def test_consonants_take_the_shape_of_their_neighbours() -> None:
    """The lips are round for "oo" while the tongue still says "t" before it."""
    round_t, _ = said(("t", 0.08), ("ˈuː", 0.2))
    spread_t, _ = said(("t", 0.08), ("ˈiː", 0.2))
    assert at(round_t.wide, 0.07) < -0.5
    assert at(spread_t.wide, 0.07) > 0.4
    open_k, _ = said(("ɑ", 0.15), ("k", 0.06), ("ɑ", 0.15))
    close_k, _ = said(("i", 0.15), ("k", 0.06), ("i", 0.15))
    assert at(open_k.open, 0.18) > at(close_k.open, 0.18) + 0.1


def test_the_lower_lip_meets_the_teeth_for_f_and_v() -> None:
    movement, _ = said(("ɑ", 0.2), ("f", 0.1), ("ɑ", 0.2))
    assert at(movement.tuck, 0.25) > 0.95
    assert at(movement.tuck, 0.10) < 0.05
    assert at(movement.open, 0.25) < 0.3


def test_a_pause_rests_the_mouth_and_a_short_silence_does_not() -> None:
    pause, _ = said(("ɑ", 0.2), ("", 1.0), ("ɑ", 0.2))
    assert at(pause.open, 0.7) == pytest.approx(0)
    assert at(pause.talk, 0.7) < 0.01
    breath, _ = said(("ɑ", 0.2), ("", 0.03), ("ɑ", 0.2))
    assert at(breath.open, 0.215) > 0.7
    assert breath.talk.min() > 0.4


def test_a_stressed_syllable_moves_the_head() -> None:
    movement, _ = said(("ə", 0.6), ("ˈɑː", 0.3), ("ə", 0.6))
    assert at(movement.emphasis, 0.75) > 0.1
    assert at(movement.emphasis, 0.1) < 0


@pytest.mark.parametrize("voice", VOICES[::2], ids=lambda voice: voice.language)
def test_no_sound_of_any_language_is_unknown(voice: Voice) -> None:
    """An unknown one would shut the mouth in the middle of a word."""
    for phoneme in spoken(Script(voice.sample, voice), 60).phonemes:
        if phoneme.ipa and phoneme.end - phoneme.start > 0.05:
            movement, _ = said((phoneme.ipa, 0.3))
            moved = movement.open.max() + movement.press.max() + movement.tuck.max()
            assert moved > 0.1, phoneme


def test_five_minutes_of_words_take_no_time() -> None:
    speech = spoken(Script(TEXT * 40, VOICES[0]), 600)
    began = time.perf_counter()
    movement = movement_of(speech.phonemes, speech.duration)
    assert time.perf_counter() - began < 5
    assert len(movement.open) == pytest.approx(speech.duration * 100, abs=1)
    for curve in (movement.open, movement.press, movement.tuck, movement.talk):
        assert curve.min() >= 0
        assert curve.max() <= 1.01


@pytest.mark.parametrize(
    "phonemes",
    [
        [],
        [Phoneme(0, 0.3, "?")],
        [Phoneme(0, 0.3, "(en)")],
        [Phoneme(0.0, 0.004, "m")],
        [Phoneme(5, 6, "ɑ")],
    ],
)
def test_nothing_strange_breaks_it(phonemes: list[Phoneme]) -> None:
    movement = movement_of(phonemes, 0.3)
    assert {len(getattr(movement, name)) for name in Movement.__slots__} == {30}
    assert np.isfinite(movement.open).all()
