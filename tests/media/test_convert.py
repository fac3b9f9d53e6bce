"""What a provider gets: what it takes, upright, and as long as it was."""

from __future__ import annotations

import hashlib
import pickle
import re
import wave
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from app.errors import TooLarge, UnreadableMedia
from app.media.convert import carry_out
from app.media.decode import iter_video, load_image, read_audio
from app.media.plan import Plan, ToJpeg, ToMp4, plan
from app.media.probe import probe_audio, probe_face
from app.model import Kind, Media, SyncMode, Takes
from tests.media.conftest import Sample
from tests.media.samples import (
    BLUE,
    CLICK,
    HEIGHT,
    RED,
    SOUNDS,
    VIDEOS,
    WIDTH,
    Recipe,
    corners,
    record,
)
from tests.media.test_decode import TURNED, UPRIGHT, colours, when_clicked
from tests.media.test_plan import PROVIDERS, takes
from tests.media.test_probe import turned_clockwise

FACES = [
    "jpg",
    "png",
    "webp",
    "heic",
    "turned.jpg",
    "moving.gif",
    "mp4",
    "mov",
    "webm",
    "recorded.webm",
    "mkv",
    "turned.mp4",
]
VOICES = ["mp3", "16.wav", "m4a", "opus", "recorded.webm", "flac", "mp4"]
PLAIN = takes("jpeg", "mp4", "wav")
"""The least that anybody takes."""

File = Callable[[str], Media]


@pytest.fixture(scope="session")
def face(sample: Sample, tmp_path_factory: pytest.TempPathFactory) -> File:
    folder = tmp_path_factory.mktemp("faces")

    def made(name: str) -> Path:
        path = folder / name
        match name:
            case "turned.jpg":
                exif = Image.Exif()
                exif[0x0112] = 6
                Image.fromarray(corners()).save(path, quality=95, exif=exif)
            case "turned.mp4":
                turned_clockwise(record(path, VIDEOS["mp4"]))
            case "recorded.webm":
                record(path, replace(VIDEOS["webm"], live=True))
            case _:
                return sample(name)
        return path

    return lambda name: looked_into(made(name), probe_face)


@pytest.fixture(scope="session")
def voice(sample: Sample) -> File:
    return lambda name: looked_into(sample(name), probe_audio)


def looked_into(path: Path, probe: Callable[..., Media]) -> Media:
    return probe(path, sha256=hashlib.sha256(path.read_bytes()).hexdigest())


def converted(
    face: Media, audio: Media, taken: Takes, folder: Path, mode: SyncMode | None = None
) -> tuple[Media, Media]:
    return carry_out(plan(face, audio, taken, mode), face, audio, folder)


def picture_of(face: Media) -> npt.NDArray[np.uint8]:
    if face.kind is Kind.IMAGE:
        return load_image(face.path, max_side=1280)
    return next(iter_video(face.path, frame_rate=None, max_side=1280))


def says_how_long_it_is(media: Media) -> bool:
    with av.open(str(media.path)) as file:
        return file.duration is not None


def holds_together(media: Media) -> bool:
    """Whether all that is known of a file is true of it."""
    probe = probe_audio if media.kind is Kind.AUDIO else probe_face
    return looked_into(media.path, probe) == media


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("name", FACES)
def test_every_face_becomes_what_a_provider_takes(
    face: File, voice: File, name: str, provider: str, tmp_path: Path
) -> None:
    sent, taken = face(name), PROVIDERS[provider]
    made = plan(sent, voice("16.wav"), taken, None)
    if sent.kind is Kind.IMAGE and not taken.images:
        assert made.animate
        return
    got, _ = carry_out(made, sent, voice("16.wav"), tmp_path)
    assert got.container in (taken.images if got.kind is Kind.IMAGE else taken.videos)
    assert (got.kind, got.rotation) == (sent.kind, 0)
    assert (got.width, got.height) == (sent.width, sent.height)
    assert colours(picture_of(got)) == (TURNED if sent.rotation else UPRIGHT)
    assert holds_together(got)
    if got.kind is Kind.VIDEO:
        assert got.duration == pytest.approx(1, abs=0.041)
        assert says_how_long_it_is(got)
    if not sent.rotation and sent.container in taken.images | taken.videos:
        assert got == sent or name == "recorded.webm"
    else:
        assert got.path != sent.path
        assert made.warnings


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("name", VOICES)
def test_every_voice_becomes_what_a_provider_takes(
    face: File, voice: File, name: str, provider: str, tmp_path: Path
) -> None:
    sent, taken = voice(name), PROVIDERS[provider]
    _, got = converted(face("mp4"), sent, taken, tmp_path)
    assert got.container in taken.audios
    assert (got.kind, got.video_codec) == (Kind.AUDIO, None)
    assert got.duration == pytest.approx(1, abs=0.05)
    assert when_clicked(read_audio(got.path, 16000), 16000) == pytest.approx(CLICK, abs=0.003)
    assert says_how_long_it_is(got)
    assert holds_together(got)
    if sent.container in taken.audios and name != "recorded.webm":
        assert got == sent


def test_what_was_sent_is_never_written_to(face: File, voice: File, tmp_path: Path) -> None:
    before = face("mkv"), voice("flac")
    converted(*before, PLAIN, tmp_path)
    assert (face("mkv"), voice("flac")) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["audio.wav", "face.mp4"]


def test_a_file_may_take_the_place_of_its_source(voice: File, tmp_path: Path) -> None:
    turned = turned_clockwise(record(tmp_path / "face.mp4", VIDEOS["mp4"]))
    got, _ = converted(looked_into(turned, probe_face), voice("16.wav"), PLAIN, tmp_path)
    assert got.path == turned
    assert colours(picture_of(got)) == TURNED


def test_a_video_keeps_its_colours_and_its_sound(face: File, voice: File, tmp_path: Path) -> None:
    for name in ("mkv", "webm"):
        got, _ = converted(face(name), voice("16.wav"), PLAIN, tmp_path)
        assert (got.video_codec, got.audio_codec) == ("h264", "aac")
        assert looked_into(got.path, probe_audio).duration == pytest.approx(1, abs=0.02)
        assert when_clicked(read_audio(got.path, 16000), 16000) == pytest.approx(CLICK, abs=0.003)
        picture = picture_of(got).astype(int)
        assert np.abs(picture[HEIGHT // 4, WIDTH // 4] - RED).max() <= 8
        assert np.abs(picture[-HEIGHT // 4, -WIDTH // 4] - BLUE).max() <= 8


def test_a_video_can_be_played_while_it_arrives(face: File, voice: File, tmp_path: Path) -> None:
    for name in ("mkv", "webm"):
        got, _ = converted(face(name), voice("16.wav"), PLAIN, tmp_path)
        content = got.path.read_bytes()
        assert content.index(b"moov") < content.index(b"mdat")


def test_a_video_with_odd_sides_and_many_frames_is_tamed(voice: File, tmp_path: Path) -> None:
    fast = record(tmp_path / "fast.avi", Recipe("mpeg4", size=(331, 251), rate=60))
    narrow = replace(PLAIN, max_side=111)
    got, _ = converted(looked_into(fast, probe_face), voice("16.wav"), narrow, tmp_path)
    assert (got.width, got.height, got.frame_rate) == (110, 84, 30)
    assert got.duration == pytest.approx(1, abs=0.034)


def test_a_video_that_begins_late_begins_at_once(voice: File, tmp_path: Path) -> None:
    times = tuple(5 + number / 25 for number in range(25))
    late = record(tmp_path / "late.mkv", Recipe("libx264", times=times))
    got, _ = converted(looked_into(late, probe_face), voice("16.wav"), PLAIN, tmp_path)
    with av.open(str(got.path)) as file:
        assert file.streams.video[0].start_time == 0
        assert (file.duration or 0) / av.time_base == pytest.approx(1, abs=0.05)


def test_a_transparent_still_is_flattened_on_white(
    sample: Sample, voice: File, tmp_path: Path
) -> None:
    clear = looked_into(sample("clear.png"), probe_face)
    got, _ = converted(clear, voice("16.wav"), PLAIN, tmp_path)
    assert colours(picture_of(got))[1] == "white"


def noise(count: int) -> list[npt.NDArray[np.uint8]]:
    """Pictures that no codec can make small."""
    return list(np.random.default_rng(1).integers(0, 256, (count, 240, 320, 3), np.uint8))


def test_a_still_is_made_small_enough(voice: File, tmp_path: Path) -> None:
    path = tmp_path / "noise.png"
    Image.fromarray(noise(1)[0]).save(path)
    tight = replace(takes("jpeg", "mp4", "mp3"), max_bytes=40_000)
    got, _ = converted(looked_into(path, probe_face), voice("mp3"), tight, tmp_path)
    assert 20_000 < got.size <= 40_000
    assert (got.width or 0) / (got.height or 1) == pytest.approx(4 / 3, abs=0.02)


def film(path: Path, pictures: list[npt.NDArray[np.uint8]]) -> Media:
    """A video at 25 frames a second."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=25, options={"crf": "10"})
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for picture in pictures:
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            file.mux(stream.encode(frame.reformat(format="yuv420p")))
        file.mux(stream.encode(None))
    return looked_into(path, probe_face)


def numbered(count: int) -> list[npt.NDArray[np.uint8]]:
    """Pictures that can be told by their stripes: their number in binary, white for 1."""
    bits = np.arange(count)[:, None] >> np.arange(8) & 1
    stripes = np.repeat(bits * 255, 8, axis=1).astype(np.uint8)
    return [np.tile(stripe[None, :, None], (48, 1, 3)) for stripe in stripes]


def frame_numbers(video: Media) -> list[int]:
    pictures = iter_video(video.path, frame_rate=None, max_side=64)
    bits = [picture[24, 4::8, 1] > 128 for picture in pictures]
    return [int(np.dot(stripe, 2 ** np.arange(8))) for stripe in bits]


def test_a_video_is_made_small_enough(voice: File, tmp_path: Path) -> None:
    large = film(tmp_path / "noise.mp4", noise(25))
    tight = replace(PLAIN, max_bytes=large.size // 8)
    got, _ = converted(large, voice("16.wav"), tight, tmp_path)
    assert large.size // 16 < got.size <= large.size // 8
    assert got.duration == large.duration


def test_a_video_that_takes_more_than_its_bit_rate_gets_another_try(
    voice: File, tmp_path: Path
) -> None:
    video = film(tmp_path / "noise.mp4", noise(10))
    generous = Plan((ToMp4(320, max_bytes=200_000, bit_rate=8_000_000),))
    got, _ = carry_out(generous, video, voice("mp3"), tmp_path)
    assert 50_000 < got.size <= 200_000


def test_what_cannot_be_made_small_enough_is_too_large(voice: File, tmp_path: Path) -> None:
    video = film(tmp_path / "noise.mp4", noise(10))
    tight = Plan((ToMp4(320, max_bytes=1000, bit_rate=8000),))
    with pytest.raises(TooLarge, match="The video cannot be made small enough"):
        carry_out(tight, video, voice("mp3"), tmp_path)
    path = tmp_path / "noise.png"
    Image.fromarray(noise(1)[0]).save(path)
    tight = Plan((ToJpeg(320, max_bytes=900),))
    with pytest.raises(TooLarge, match="The image cannot be made small enough"):
        carry_out(tight, looked_into(path, probe_face), voice("mp3"), tmp_path)


def test_a_plan_can_be_carried_out_in_another_process(
    face: File, voice: File, tmp_path: Path
) -> None:
    made = plan(face("heic"), voice("m4a"), PLAIN, None)
    arguments = pickle.loads(pickle.dumps((made, face("heic"), voice("m4a"), tmp_path)))
    got = carry_out(*arguments)
    assert [media.container for media in pickle.loads(pickle.dumps(got))] == ["jpeg", "wav"]


def test_a_sound_is_made_small_enough(face: File, tmp_path: Path) -> None:
    sound = record(tmp_path / "long.wav", Recipe(sound="pcm_s16le", seconds=10))
    tight = replace(takes("jpeg", "mp4", "wav mp3"), max_bytes=200_000)
    _, got = converted(face("jpg"), looked_into(sound, probe_audio), tight, tmp_path)
    assert (got.container, got.audio_codec) == ("mp3", "mp3")
    assert got.duration == pytest.approx(10, abs=0.05)
    assert got.size <= 200_000


@pytest.mark.parametrize(("name", "rate"), [("flac", 44_100), ("amr", 16_000), ("aiff", 48_000)])
def test_sound_keeps_its_rate(face: File, name: str, rate: int, tmp_path: Path) -> None:
    own = 8000 if name == "amr" else 96_000 if name == "aiff" else 44_100
    sound = record(tmp_path / f"sound.{name}", replace(SOUNDS[name], sound_rate=own))
    _, got = converted(face("mp4"), looked_into(sound, probe_audio), PLAIN, tmp_path)
    with wave.open(str(got.path)) as file:
        assert (file.getframerate(), file.getsampwidth()) == (rate, 2)


FRAMES = 70
"""Of the clip that counts: more than two stretches between key frames, and no multiple of one."""


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Media:
    return film(tmp_path_factory.mktemp("clip") / "clip.mp4", numbered(FRAMES))


def spoken(path: Path, seconds: float) -> Media:
    return looked_into(
        record(path, Recipe(sound="pcm_s16le", seconds=seconds, sound_rate=16_000)), probe_audio
    )


FORTH, BACK = list(range(FRAMES)), list(range(FRAMES - 2, 0, -1))


@pytest.mark.parametrize(
    ("mode", "seconds", "frames"),
    [
        (None, 6.0, (FORTH + BACK + FORTH)[:150]),
        (SyncMode.BOUNCE, 3.2, (FORTH + BACK)[:80]),
        (SyncMode.BOUNCE, 12.01, (2 * (FORTH + BACK) + FORTH)[:301]),
        (SyncMode.LOOP, 6.0, (3 * FORTH)[:150]),
        (SyncMode.CUT_OFF, 1.0, FORTH[:25]),
    ],
)
def test_a_video_is_made_to_last(
    clip: Media, mode: SyncMode | None, seconds: float, frames: list[int], tmp_path: Path
) -> None:
    audio = spoken(tmp_path / "voice.wav", seconds)
    got, same = converted(clip, audio, PLAIN, tmp_path, mode)
    assert same == audio
    assert frame_numbers(got) == frames
    assert got.duration == pytest.approx(seconds, abs=0.04)
    assert says_how_long_it_is(got)


def test_a_repeated_video_has_no_more_key_frames_than_it_needs(clip: Media, tmp_path: Path) -> None:
    got, _ = converted(clip, spoken(tmp_path / "voice.wav", 6), PLAIN, tmp_path)
    with av.open(str(got.path)) as file:
        keys = [packet.pts or 0 for packet in file.demux(video=0) if packet.is_keyframe]
        tick = float(file.streams.video[0].time_base or 0)
    back = FRAMES + len(BACK)
    expected = [0, 30, 60, FRAMES, FRAMES + 30, FRAMES + 60, back]
    assert [round(key * tick * 25) for key in keys] == expected


@pytest.mark.parametrize("seconds", [1.9, 5.6])
def test_a_video_is_retimed(clip: Media, seconds: float, tmp_path: Path) -> None:
    audio = spoken(tmp_path / "voice.wav", seconds)
    got, _ = converted(clip, audio, PLAIN, tmp_path, SyncMode.REMAP)
    assert got.duration == pytest.approx(seconds, abs=0.04)
    numbers = frame_numbers(got)
    assert (numbers[0], numbers[-1]) == pytest.approx((0, FRAMES - 1), abs=1)
    assert all(0 <= after - before <= 2 for before, after in pairwise(numbers))


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_the_shortest_videos_last_too(frames: int, tmp_path: Path) -> None:
    short = film(tmp_path / "short.mp4", numbered(frames))
    got, _ = converted(short, spoken(tmp_path / "voice.wav", 2), PLAIN, tmp_path)
    forth_and_back = [*range(frames), *range(frames - 2, 0, -1)]
    assert frame_numbers(got) == (50 * forth_and_back)[:50]


@pytest.mark.parametrize("mode", [SyncMode.LOOP, SyncMode.BOUNCE])
def test_a_repeated_video_stays_within_its_bytes(mode: SyncMode, tmp_path: Path) -> None:
    short = film(tmp_path / "noise.mp4", noise(25))
    tight = replace(PLAIN, max_bytes=short.size)
    got, _ = converted(short, spoken(tmp_path / "voice.wav", 6), tight, tmp_path, mode)
    assert short.size // 2 < got.size <= short.size
    assert got.duration == pytest.approx(6, abs=0.04)


@pytest.mark.parametrize(("mode", "seconds"), [(SyncMode.CUT_OFF, 4.0), (SyncMode.SILENCE, 0.6)])
def test_audio_is_brought_to_the_length_of_the_video(
    clip: Media, mode: SyncMode, seconds: float, tmp_path: Path
) -> None:
    audio = spoken(tmp_path / "voice.wav", seconds)
    same, got = converted(clip, audio, PLAIN, tmp_path, mode)
    assert same == clip
    assert got.duration == clip.duration == FRAMES / 25
    samples = read_audio(got.path, 16_000)
    assert np.abs(samples[: round(min(seconds, 2.8) * 16_000)]).max() > 0.5
    assert not samples[round(seconds * 16_000) + 20 :].any()


def test_a_face_whose_sound_is_broken_is_still_a_face(voice: File, tmp_path: Path) -> None:
    video = record(tmp_path / "odd.mkv", Recipe("libx264", "flac"))
    content = bytearray(video.read_bytes())
    at = content.index(b"A_FLAC")
    content[at : at + 6] = b"A_DTS\0"
    video.write_bytes(content)
    got, _ = converted(looked_into(video, probe_face), voice("16.wav"), PLAIN, tmp_path)
    assert (got.container, got.audio_codec) == ("mp4", None)


def test_packets_that_go_back_in_time_are_unreadable(face: File, tmp_path: Path) -> None:
    sound = record(tmp_path / "odd.webm", SOUNDS["recorded.webm"])
    content = bytearray(sound.read_bytes())
    # A simple block of the first track (RFC 9559, section 10.2): its time is one of 16 bits.
    blocks = [at.end() for at in re.finditer(rb"\xa3[\x40-\xff].{0,1}?\x81(?=..\x80)", content)]
    content[blocks[5] : blocks[5] + 2] = b"\0\0"
    sound.write_bytes(content)
    with pytest.raises(UnreadableMedia, match="The audio is broken and cannot be converted"):
        converted(face("mp4"), looked_into(sound, probe_audio), PROVIDERS["magic_hour"], tmp_path)


@pytest.mark.parametrize("name", ["jpg", "mkv", "webm"])
def test_what_breaks_afterwards_is_unreadable(
    face: File, voice: File, name: str, tmp_path: Path
) -> None:
    sent = face(name)
    broken = tmp_path / "broken"
    broken.write_bytes(sent.path.read_bytes()[:300])
    gone = replace(sent, path=broken, rotation=90 if name == "jpg" else 0)
    with pytest.raises(UnreadableMedia):
        converted(gone, voice("16.wav"), PLAIN, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["broken"]
