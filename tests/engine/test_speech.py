"""A voice becomes poses: the mouth follows speech, and nothing else."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from dataclasses import astuple

import numpy as np
import numpy.typing as npt
import pytest

from app.engine.features import SAMPLE_RATE, log_mel
from app.engine.speech import MouthNetwork, Pose, poses
from app.espeak import Phoneme, speak
from tests.engine.measure import bilabials, phoneme_opening

Curve = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float32]

FRAME_RATE = 25
LEAD = 0.02
TEXT = (
    "Maybe my brother Bob will park the purple bus by the palm."
    " A farmer opened a jar of plum jam, and we had a lot of fun."
)


@pytest.fixture(scope="module")
def network() -> MouthNetwork:
    return MouthNetwork.load()


@pytest.fixture(scope="module", params=["en-us", "en-gb+f3"])
def spoken(request: pytest.FixtureRequest) -> tuple[Floats, tuple[Phoneme, ...]]:
    """Speech at 16 kHz, and its phonemes."""
    speech = speak(TEXT, request.param)
    times = np.arange(int(speech.duration * SAMPLE_RATE)) * speech.rate / SAMPLE_RATE
    samples = np.interp(times, np.arange(len(speech.samples)), speech.samples / 32768)
    return samples.astype(np.float32), speech.phonemes


@pytest.fixture(scope="module")
def voice(spoken: tuple[Floats, tuple[Phoneme, ...]]) -> Floats:
    return spoken[0]


def column(track: list[Pose], name: str) -> Curve:
    return np.array([getattr(pose, name) for pose in track])


def middles(track: list[Pose]) -> Curve:
    return (np.arange(len(track)) + 0.5) / FRAME_RATE


def test_the_mouth_opens_as_the_phonemes_ask(
    spoken: tuple[Floats, tuple[Phoneme, ...]], network: MouthNetwork
) -> None:
    samples, phonemes = spoken
    track = poses(samples, FRAME_RATE, network, seed=1)

    asked = phoneme_opening(phonemes, middles(track) + LEAD)

    assert np.corrcoef(column(track, "open"), asked)[0, 1] > 0.75


def test_lips_close_for_bilabials(
    spoken: tuple[Floats, tuple[Phoneme, ...]], network: MouthNetwork
) -> None:
    samples, phonemes = spoken
    track = poses(samples, FRAME_RATE, network, seed=1)
    times, press = middles(track), column(track, "press")

    sounds = bilabials(phonemes)
    during = [(times > sound.start - 0.04) & (times < sound.end + 0.04) for sound in sounds]

    assert len(sounds) > 12
    assert np.mean([press[frames].max() > 0.9 for frames in during]) > 0.8


def test_closed_lips_are_not_open(voice: Floats, network: MouthNetwork) -> None:
    closed = [pose for pose in poses(voice, FRAME_RATE, network, seed=1) if pose.press > 0.9]

    assert closed
    assert {pose.open for pose in closed} == {0.0}


SOUNDS: dict[str, Callable[[Curve, np.random.Generator], Curve]] = {
    "silence": lambda times, chance: 0 * times,
    "dither": lambda times, chance: chance.integers(-1, 2, len(times)) / 32768,
    "white noise": lambda times, chance: 0.1 * chance.standard_normal(len(times)),
    "brown noise": lambda times, chance: chance.standard_normal(len(times)).cumsum() / 1000,
    "tone": lambda times, chance: 0.5 * np.sin(2 * np.pi * 440 * times),
    "beeps": lambda times, chance: np.sin(2 * np.pi * 900 * times) * (times % 1 < 0.5),
    "hum": lambda times, chance: 0.3 * np.sign(np.sin(2 * np.pi * 50 * times)),
}


@pytest.mark.parametrize("name", SOUNDS)
def test_what_is_not_speech_keeps_the_mouth_shut(name: str, network: MouthNetwork) -> None:
    times = np.arange(4 * SAMPLE_RATE) / SAMPLE_RATE
    samples = SOUNDS[name](times, np.random.default_rng(1)).astype(np.float32)

    track = poses(samples, FRAME_RATE, network, seed=1)

    assert np.mean(column(track, "open")) < 0.02
    assert np.max(column(track, "open")) < 0.15


def test_a_pause_rests_the_mouth(voice: Floats, network: MouthNetwork) -> None:
    pause = 2 * SAMPLE_RATE
    track = poses(np.concatenate([voice, np.zeros(pause), voice]), FRAME_RATE, network, seed=1)
    middle = len(track) // 2

    rest = track[middle - 10 : middle + 10]

    assert max(pose.open for pose in rest) < 0.01
    assert max(pose.press for pose in rest) < 0.01
    assert max(pose.talk for pose in rest) < 0.01
    assert np.mean(column(track[:middle], "talk")) > 0.7


def test_a_quiet_voice_moves_the_lips_as_far(voice: Floats, network: MouthNetwork) -> None:
    loud = poses(voice, FRAME_RATE, network, seed=1)
    quiet = poses(voice * np.float32(10 ** (-30 / 20)), FRAME_RATE, network, seed=1)

    for one, other in zip(loud, quiet, strict=True):
        assert astuple(one) == pytest.approx(astuple(other), abs=0.02)


def test_the_same_seed_gives_the_same_poses(voice: Floats, network: MouthNetwork) -> None:
    first = poses(voice, FRAME_RATE, network, seed=3)

    assert poses(voice, FRAME_RATE, network, seed=3) == first
    other = poses(voice, FRAME_RATE, network, seed=4)
    assert [pose.yaw for pose in other] != [pose.yaw for pose in first]
    assert [pose.open for pose in other] == [pose.open for pose in first]


def test_the_first_frame_is_the_photo(voice: Floats, network: MouthNetwork) -> None:
    first, *rest = poses(voice, FRAME_RATE, network, seed=1)

    assert astuple(first) == (0.0,) * len(astuple(first))
    assert max(pose.talk for pose in rest) > 0.9


def test_eyes_blink_now_and_then(network: MouthNetwork) -> None:
    track = poses(np.zeros(60 * SAMPLE_RATE, np.float32), FRAME_RATE, network, seed=1)
    shut = column(track, "blink") > 0.5

    blinks = int((shut[1:] & ~shut[:-1]).sum())

    assert 8 <= blinks <= 30
    assert shut.mean() < 0.1


@pytest.mark.parametrize("count", [0, 1, 10, 161, 1600])
def test_a_very_short_sound_has_a_frame(count: int, network: MouthNetwork) -> None:
    track = poses(np.zeros(count, np.float32), FRAME_RATE, network, seed=1)

    assert len(track) == max(1, -(-count * FRAME_RATE // SAMPLE_RATE))


@pytest.mark.parametrize("frame_rate", [12.5, 24, 25, 29.97, 60])
def test_there_is_a_pose_for_every_frame(frame_rate: float, network: MouthNetwork) -> None:
    second = np.zeros(SAMPLE_RATE, np.float32)

    assert len(poses(second, frame_rate, network, seed=1)) == int(np.ceil(frame_rate))


def test_a_long_sound_is_heard_as_a_short_one() -> None:
    chance = np.random.default_rng(1)
    samples = chance.standard_normal(100 * SAMPLE_RATE).astype(np.float32)
    start, hop = 37 * SAMPLE_RATE, SAMPLE_RATE // 100

    whole = log_mel(samples)[start // hop : start // hop + 1000]
    part = log_mel(samples[start : start + 1000 * hop])

    assert np.allclose(whole[5:-5], part[5:-5], atol=1e-4)


def test_the_network_hears_a_long_sound_as_a_short_one(network: MouthNetwork) -> None:
    spectra = np.random.default_rng(1).standard_normal((13_000, 28)).astype(np.float32)

    whole = network(spectra)

    assert np.allclose(whole[5950:6050], network(spectra[5900:6100])[50:150], atol=1e-4)


def test_memory_is_bounded_on_long_sounds(network: MouthNetwork) -> None:
    samples = np.random.default_rng(1).standard_normal(300 * SAMPLE_RATE).astype(np.float32)
    tracemalloc.start()

    poses(samples, FRAME_RATE, network, seed=1)

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 64 * 2**20
