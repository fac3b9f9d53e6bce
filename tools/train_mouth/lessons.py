"""Assembles what the network learns from and what it is examined with."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle, islice

import numpy as np

from app.engine.features import FRAMES_PER_SECOND, SAMPLE_RATE, Floats
from tools.train_mouth import corpus
from tools.train_mouth.augmentation import coloured, music, noise, switched, tone, worn
from tools.train_mouth.synthesis import Utterance, espeak_says, flite_says
from tools.train_mouth.training import OUTPUTS, Recording
from tools.train_mouth.visemes import curves

Chance = np.random.Generator

ESPEAK_UTTERANCES = 560
ESPEAK_EXAMS = 40
FLITE_ROUNDS = 3
"""How often each flite voice says every sentence: few voices, but the most human ones."""

COPIES = 3
"""How often an utterance is heard: once clean, then worn."""

NOISES = 0.08
"""Recordings of no speech at all, for each recording of speech."""

_HOP = SAMPLE_RATE // FRAMES_PER_SECOND
_LONGEST_PAUSE = 75 * _HOP


def espeak_lessons(chance: Chance) -> Iterator[Utterance]:
    """Pairs of sentences, most in English, by many speakers."""
    others = [name for name in corpus.SENTENCES if name not in (*corpus.UNHEARD_LANGUAGES, "en-us")]
    for _ in range(ESPEAK_UTTERANCES):
        language = "en-us" if chance.random() < 0.6 else str(chance.choice(others))
        yield _pair(language, str(chance.choice(corpus.SPEAKERS)), chance)


def espeak_exams(chance: Chance) -> Iterator[Utterance]:
    """Pairs of sentences by speakers, and half of them in languages, that were never heard."""
    languages = cycle(["en-us", *corpus.UNHEARD_LANGUAGES, "en-us"])
    pairs = zip(languages, cycle(corpus.UNHEARD_SPEAKERS), strict=False)
    for language, speaker in islice(pairs, ESPEAK_EXAMS):
        yield _pair(language, speaker, chance)


def flite_lessons(chance: Chance) -> Iterator[Utterance]:
    """Every English sentence by the flite voices, each time at another pace."""
    for voice in corpus.FLITE_VOICES:
        for _ in range(FLITE_ROUNDS):
            yield from flite_reads(voice, chance)


def flite_reads(voice: str, chance: Chance) -> Iterator[Utterance]:
    """Every English sentence by one flite voice."""
    return (flite_says(sentence, voice, chance) for sentence in corpus.SENTENCES["en-us"])


def recordings(utterances: list[Utterance], chance: Chance) -> Iterator[Recording]:
    """Each utterance clean and as the world wears it, and sounds that no mouth makes."""
    babble = np.concatenate([utterance.samples for utterance in utterances[:40]])
    for utterance in utterances:
        yield Recording(utterance.samples, mouth_of(utterance))
        for _ in range(COPIES - 1):
            spoken = _between_pauses(utterance, chance)
            yield Recording(worn(spoken.samples, chance, babble), spoken.mouth)
    for sound in noises(round(NOISES * COPIES * len(utterances)), chance):
        yield Recording(sound, np.zeros((_frames(sound), OUTPUTS), np.float32))


def noises(count: int, chance: Chance) -> Iterator[Floats]:
    """Music, noises and tones of a few seconds, steady or in bursts."""
    for _ in range(count):
        length = int(chance.uniform(2, 6) * SAMPLE_RATE)
        kind = chance.integers(4)
        if kind == 0:
            sound = music(length, chance)
        elif kind == 1:
            sound = tone(length, chance)
        else:
            sound = noise(length, chance, slope=0.0 if kind == 2 else chance.uniform(0.2, 1.4))
        if chance.random() < 0.4:
            sound = switched(sound, chance)
        yield coloured(sound, chance) if chance.random() < 0.5 else sound


def mouth_of(utterance: Utterance) -> Floats:
    """What the mouth does in each frame of an utterance."""
    return curves(utterance.phonemes, _frames(utterance.samples)).astype(np.float32)


def _pair(language: str, speaker: str, chance: Chance) -> Utterance:
    text = " ".join(chance.choice(corpus.SENTENCES[language], 2, replace=False))
    return espeak_says(text, f"{language}+{speaker}" if speaker else language, chance)


def _between_pauses(utterance: Utterance, chance: Chance) -> Recording:
    before, after = (chance.integers(0, _LONGEST_PAUSE, 2) // _HOP).tolist()
    return Recording(
        np.pad(utterance.samples, (before * _HOP, after * _HOP)),
        np.pad(mouth_of(utterance), ((before, after), (0, 0))),
    )


def _frames(samples: Floats) -> int:
    return -(-len(samples) // _HOP)
