# ruff: noqa: RUF001 - phonetic letters look like Latin ones
"""Moves a mouth by the sounds of words whose times are known.

A mouth prepares for the next sound during this one, and a sound that hardly needs the lips takes
the shape that its neighbours give it. So every sound has a say in how far the mouth is open and
how wide, and around each moment the shapes are averaged by what their say is worth: the dominance
of Cohen and Massaro (Modeling Coarticulation in Synthetic Visual Speech, 1993). Only closures are
absolute: lips that say "p" touch, whatever is beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np

from app.engine.features import FRAMES_PER_SECOND
from app.engine.movement import Curve, Movement, emphasised, rise, talking
from app.engine.visemes import LONGEST_SILENT_CLOSURE, REST, VISEMES, Viseme
from app.espeak import Phoneme

_FINE = 10  # steps of the drawing for one value of a curve
_JAW, _CORNERS = 0.10, 0.16  # seconds around a moment whose sounds blend
_CLOSING, _OPENING = 0.04, 0.06  # seconds for what is left to the lips beside the jaw

_ALREADY_SHUT = 0.03  # seconds before a voiceless stop bursts, which is where its time begins
_BURST = 0.012  # seconds from there
_STOP_SHARE, _NASAL_SHARE = 0.6, 0.75  # of a "b" and an "m", before the lips part again

_FIRST_SHARE, _REACHED = 0.62, 0.5  # of a diphthong: how long its first half is, how far it glides
_UNSTRESSED = 0.95  # of a vowel's opening

_SHAPES = (
    VISEMES
    # Letters of a few languages only, and others whose mouths look like theirs.
    | {sign: VISEMES[like] for sign, like in zip("ʏɵεɘɤᵻʝʲɭ", "yøɛəʊɪjjl", strict=True)}
    | dict.fromkeys("ʌɐ", Viseme(0.7, 0.05))
)
_VOWELS = frozenset("aɑæɔɒɛεʌɐeoɵɤɜɚɝœəɘɪᵻɨɯʊiuʉyʏø")
_JAW_SAYS: tuple[tuple[str, float], ...] = (
    ("fvʋɸ", 1.0),  # the lower lip rides on the jaw
    ("szʃʒɕʑʂʐ", 0.9),  # the teeth all but meet
    ("tdnɾɲʈɖɳɽθðwjʝʲrɹʁʀɻ", 0.7),
    ("pbmɓβkɡgŋxçχɣqcɟlɫɬʎɭ", 0.6),
    ("hɦʔ", 0.3),
)
_JAW_SAY = {sign: say for signs, say in _JAW_SAYS for sign in signs}
_CORNERS_SAY = dict.fromkeys("wjʝʲrɹʁʀɻʃʒɕʑʂʐ", 0.7)
_HARDLY = 0.1  # what other consonants say about the corners, and a short silence about anything


@dataclass(frozen=True, slots=True)
class _Sound:
    """A mouth shape for some seconds, and what its say is worth for the jaw and the corners."""

    start: float
    end: float
    open: float
    wide: float
    jaw_say: float
    corners_say: float


def movement_of(phonemes: Sequence[Phoneme], duration: float) -> Movement:
    """What a mouth does while it says these phonemes, for ``duration`` seconds."""
    frames = max(1, ceil(duration * FRAMES_PER_SECOND - 1e-6))
    sounds = [sound for phoneme in phonemes for sound in _sounds(phoneme)]
    jaw = [(sound, sound.open, sound.jaw_say) for sound in sounds]
    corners = [(sound, sound.wide, sound.corners_say) for sound in sounds]
    press = _held([_closure(phoneme) for phoneme in phonemes if _has(phoneme, "press")], frames)
    voice = _steps([(p, float(_is_spoken(p))) for p in phonemes], frames)
    stress = _steps([(p, 1.0 if "ˈ" in p.ipa else 0.4 * _is_spoken(p)) for p in phonemes], frames)
    return Movement(
        open=_blended(jaw, frames, _JAW) * (1 - press),
        wide=_blended(corners, frames, _CORNERS),
        press=press,
        tuck=_held([(p.start, p.end) for p in phonemes if _has(p, "tuck")], frames),
        talk=talking(_thinned(voice)),
        emphasis=emphasised(_thinned(stress)),
    )


def _sounds(phoneme: Phoneme) -> Iterator[_Sound]:
    start, end, signs = phoneme.start, phoneme.end, _signs(phoneme)
    if not signs:
        say = _HARDLY if _is_spoken(phoneme) else 1.0
        yield _Sound(start, end, REST.open, REST.wide, say, say)
    elif len(signs) > 1 and signs[0] in _VOWELS:
        # The second half of a diphthong is aimed at and seldom reached.
        turn = start + _FIRST_SHARE * (end - start)
        first, last = _sound(phoneme, signs[0], start, turn), _sound(phoneme, signs[-1], turn, end)
        reached = first.open + _REACHED * (last.open - first.open)
        yield first
        yield _Sound(turn, end, reached, last.wide, last.jaw_say, last.corners_say)
    else:
        length = (end - start) / len(signs)
        for index, sign in enumerate(signs):
            begin = start + index * length
            yield _sound(phoneme, sign, begin, begin + length)


def _sound(phoneme: Phoneme, sign: str, start: float, end: float) -> _Sound:
    shape = _SHAPES[sign]
    if sign in _VOWELS:
        stressed = any(mark in phoneme.ipa for mark in "ˈˌ")
        opening = shape.open * (1.0 if stressed else _UNSTRESSED)
        return _Sound(start, end, opening, shape.wide, 1.0, 1.0)
    corners_say = _CORNERS_SAY.get(sign, _HARDLY)
    return _Sound(start, end, shape.open, shape.wide, _JAW_SAY[sign], corners_say)


def _signs(phoneme: Phoneme) -> list[str]:
    return [sign for sign in phoneme.ipa if sign in _SHAPES]


def _is_spoken(phoneme: Phoneme) -> bool:
    """Whether the mouth is at work: a short silence is a part of the speech around it."""
    return bool(phoneme.ipa) or phoneme.end - phoneme.start < LONGEST_SILENT_CLOSURE


def _has(phoneme: Phoneme, part: str) -> bool:
    return any(getattr(_SHAPES[sign], part) for sign in _signs(phoneme))


def _closure(phoneme: Phoneme) -> tuple[float, float]:
    """From when to when the lips of a "p", "b" or "m" touch, in seconds."""
    if "p" in phoneme.ipa:
        return phoneme.start - _ALREADY_SHUT, phoneme.start + _BURST
    share = _NASAL_SHARE if "m" in phoneme.ipa else _STOP_SHARE
    return phoneme.start, phoneme.start + share * (phoneme.end - phoneme.start)


def _held(spans: Sequence[tuple[float, float]], frames: int) -> Curve:
    """1 within each span of seconds, with the time that lips take before and after."""
    curve = np.zeros(frames)
    for start, end in spans:
        first = max(0, int((start - _CLOSING) * FRAMES_PER_SECOND))
        last = min(frames, ceil((end + _OPENING) * FRAMES_PER_SECOND) + 1)
        times = np.arange(first, last) / FRAMES_PER_SECOND
        shut = np.interp(times, [start - _CLOSING, start, end, end + _OPENING], [0, 1, 1, 0])
        curve[first:last] = np.maximum(curve[first:last], rise(shut, 0, 1))
    return curve


def _blended(said: Sequence[tuple[_Sound, float, float]], frames: int, seconds: float) -> Curve:
    """The mean of the sounds' values around each moment, by what each one's say is worth."""
    worth = _steps([(sound, say) for sound, _, say in said], frames) + 1e-6
    values = _steps([(sound, value) for sound, value, _ in said], frames)
    total = _windowed(worth, seconds)
    return _thinned(_windowed(values * worth, seconds) / total)


def _windowed(curve: Curve, seconds: float) -> Curve:
    around = int(seconds * FRAMES_PER_SECOND * _FINE) // 2
    kernel = np.hanning(2 * around + 3)[1:-1]
    return np.convolve(np.pad(curve, around, mode="edge"), kernel, "valid")


def _steps(said: Sequence[tuple[_Sound | Phoneme, float]], frames: int) -> Curve:
    """A value for the time of each sound, in fine steps."""
    curve = np.zeros(frames * _FINE)
    for sound, value in said:
        first, last = (int(time * FRAMES_PER_SECOND * _FINE) for time in (sound.start, sound.end))
        curve[first:last] = value
    return curve


def _thinned(curve: Curve) -> Curve:
    return curve[::_FINE]
