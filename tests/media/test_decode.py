"""Sound and pictures come out aligned, upright and bounded, whatever they came in."""

from __future__ import annotations

import struct
import wave
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from app.errors import TooLarge, TooLong, UnreadableMedia
from app.media.decode import iter_video, load_image, read_audio, video_frame_rate
from app.media.probe import probe_face
from tests.media.conftest import Sample
from tests.media.samples import (
    BLUE,
    CLICK,
    GREY,
    HEIGHT,
    RED,
    SOUNDS,
    STILLS,
    VIDEOS,
    WIDTH,
    Recipe,
    corners,
    record,
)
from tests.media.test_probe import turned_clockwise

Picture = npt.NDArray[np.uint8]

UNKNOWN_PRIMING = 0.03
"""Seconds: the priming of an ADTS or AVI file is written nowhere."""


def when_clicked(sound: npt.NDArray[np.float32], rate: int) -> float:
    return float(np.flatnonzero(np.abs(sound) > 0.2).mean()) / rate


def colours(picture: Picture) -> list[str]:
    """The four quarters, clockwise from the upper left one."""
    height, width = picture.shape[:2]
    names = {"red": RED, "blue": BLUE, "grey": GREY, "white": (255, 255, 255)}
    quarters = [(1, 1), (1, 3), (3, 3), (3, 1)]
    found = [picture[y * height // 4, x * width // 4].astype(int) for y, x in quarters]
    return [min(names, key=lambda name: int(np.abs(names[name] - c).sum())) for c in found]


UPRIGHT = ["red", "grey", "blue", "grey"]
TURNED = ["grey", "red", "grey", "blue"]


@pytest.mark.parametrize("name", [*(set(SOUNDS) - {"amr"}), *VIDEOS])
def test_sound_is_where_it_was(sample: Sample, name: str) -> None:
    sound = read_audio(sample(name), 16000)
    assert sound.dtype == np.float32
    assert len(sound) / 16000 == pytest.approx(1, abs=0.05)
    tolerance = UNKNOWN_PRIMING if name in ("aac", "avi") else 0.003
    assert when_clicked(sound, 16000) == pytest.approx(CLICK, abs=tolerance)


def test_equal_channels_do_not_add_up_beyond_full_scale(tmp_path: Path) -> None:
    stereo = tmp_path / "stereo.wav"
    with wave.open(str(stereo), "wb") as file:
        file.setparams((2, 2, 16000, 0, "NONE", ""))
        file.writeframes(np.full((16000, 2), 24576, "<i2").tobytes())
    assert read_audio(stereo, 16000).max() == pytest.approx(0.75, abs=0.001)


@pytest.mark.parametrize("late", [0.05, 0.5])
def test_a_late_start_is_silence(tmp_path: Path, late: float) -> None:
    video = record(tmp_path / "late.mkv", Recipe("libx264", "flac", sound_start=late))
    sound = read_audio(video, 16000)
    assert not sound[: int((late - 0.005) * 16000)].any()
    assert when_clicked(sound, 16000) == pytest.approx(late + CLICK, abs=0.003)


@pytest.mark.parametrize(("pause", "seconds"), [(0.05, 1.0), (0.5, 1.5), (86400.0, 1.0)])
def test_a_pause_is_silence_but_a_jump_of_the_clock_is_none(
    tmp_path: Path, pause: float, seconds: float
) -> None:
    paused = record(tmp_path / "paused.mkv", Recipe(sound="libopus", sound_pause=pause))
    sound = read_audio(paused, 16000)
    assert len(sound) / 16000 == pytest.approx(seconds, abs=0.03)
    assert when_clicked(sound, 16000) == pytest.approx(CLICK, abs=0.003)


@pytest.mark.parametrize("name", ["16.wav", "flac", "aiff"])
def test_nothing_is_lost_at_the_end(sample: Sample, name: str) -> None:
    assert len(read_audio(sample(name), 16000)) == 16000


def test_sound_that_never_ends_is_refused(sample: Sample) -> None:
    with pytest.raises(TooLong, match=r"longer than 0\.5 seconds"):
        read_audio(sample("mp3"), 16000, longest=0.5)


def test_samples_that_are_no_numbers_are_silent(tmp_path: Path) -> None:
    wild = record(tmp_path / "wild.wav", SOUNDS["float.wav"])
    content = bytearray(wild.read_bytes())
    at = content.index(b"data") + 8
    content[at : at + 12] = np.array([np.nan, np.inf, -9.0], "<f4").tobytes()
    wild.write_bytes(content)
    assert read_audio(wild, 48000)[:3].tolist() == [0, 1, -1]


@pytest.mark.parametrize("name", VIDEOS)
def test_a_video_is_pictures(sample: Sample, name: str) -> None:
    pictures = list(iter_video(sample(name), frame_rate=None, max_side=1280))
    assert len(pictures) == pytest.approx(25, abs=1)
    assert pictures[0].shape == (HEIGHT, WIDTH, 3)
    assert all(colours(picture) == UPRIGHT for picture in pictures)


@pytest.mark.parametrize(("rate", "count"), [(12.5, 12), (25, 25), (50, 50), (10, 10)])
def test_a_video_comes_at_the_rate_that_is_asked_for(
    sample: Sample, rate: float, count: int
) -> None:
    pictures = list(iter_video(sample("mp4"), frame_rate=rate, max_side=1280))
    assert len(pictures) == pytest.approx(count, abs=1)


def test_a_video_held_upright_is_upright(tmp_path: Path) -> None:
    video = turned_clockwise(record(tmp_path / "upright.mp4", VIDEOS["mp4"]))
    picture = next(iter_video(video, frame_rate=None, max_side=1280))
    assert picture.shape == (WIDTH, HEIGHT, 3)
    assert colours(picture) == TURNED
    assert picture.flags.c_contiguous


def test_a_large_video_comes_smaller_and_even(tmp_path: Path) -> None:
    video = record(tmp_path / "large.mp4", Recipe("libx264", size=(330, 250), seconds=0.2))
    picture = next(iter_video(video, frame_rate=None, max_side=111))
    assert picture.shape == (84, 110, 3)


def test_colours_survive(tmp_path: Path) -> None:
    video = record(tmp_path / "small.mp4", VIDEOS["mp4"])
    picture = next(iter_video(video, frame_rate=None, max_side=1280))
    seen = picture[HEIGHT // 4, WIDTH // 4].astype(int)
    assert np.abs(seen - RED).max() <= 6


def test_an_unsteady_video_becomes_steady(tmp_path: Path) -> None:
    times = (0.0, 0.033, 0.066, 0.2, 0.233, 0.5, 0.9)
    video = record(tmp_path / "unsteady.mkv", Recipe("libx264", times=times))
    pictures = list(iter_video(video, frame_rate=30, max_side=64))
    assert len(pictures) == pytest.approx(28, abs=2)


def test_a_jump_of_the_clock_is_no_endless_still(tmp_path: Path) -> None:
    video = record(tmp_path / "jump.mkv", Recipe("libx264", times=(0.0, 0.04, 86400.0, 86400.04)))
    assert len(list(iter_video(video, frame_rate=25, max_side=64))) == 4


def test_a_rate_that_a_browser_did_not_write_is_measured(tmp_path: Path) -> None:
    times = tuple(n / 20 + (0, 0.012, -0.009, 0.005)[n % 4] for n in range(41))
    video = record(tmp_path / "recorded.webm", Recipe("libvpx", rate=1000, times=times, live=True))
    assert video_frame_rate(video) == pytest.approx(20, abs=0.5)
    assert probe_face(video, sha256="").frame_rate == pytest.approx(20, abs=0.6)
    assert len(list(iter_video(video, frame_rate=None, max_side=64))) == pytest.approx(41, abs=1)


def test_pictures_are_not_shared(tmp_path: Path) -> None:
    video = record(tmp_path / "slow.mp4", Recipe("libx264", rate=5))
    first, second = islice(iter_video(video, frame_rate=50, max_side=64), 2)
    first[:] = 0
    assert colours(second) == UPRIGHT


@pytest.mark.parametrize("name", sorted(set(STILLS) - {"deep.png", "clear.png"}))
def test_a_still_is_a_picture(sample: Sample, name: str) -> None:
    picture = load_image(sample(name), max_side=1280)
    assert picture.shape == (HEIGHT, WIDTH, 3)
    assert picture.flags.c_contiguous
    assert colours(picture) == UPRIGHT


def test_deep_grey_keeps_its_shades(sample: Sample) -> None:
    picture = load_image(sample("deep.png"), max_side=1280)
    assert picture[..., 0].tolist() == corners()[..., 0].tolist()


def test_what_is_clear_is_white(sample: Sample) -> None:
    assert colours(load_image(sample("clear.png"), max_side=1280)) == [
        "red",
        "white",
        "white",
        "grey",
    ]


TURNS = {
    1: UPRIGHT,
    2: ["grey", "red", "grey", "blue"],
    3: ["blue", "grey", "red", "grey"],
    4: ["grey", "blue", "grey", "red"],
    5: ["red", "grey", "blue", "grey"],
    6: ["grey", "red", "grey", "blue"],
    7: ["blue", "grey", "red", "grey"],
    8: ["grey", "blue", "grey", "red"],
}
"""The sample as it is seen by EXIF orientation (Exif 2.32, section 4.6.4)."""


@pytest.mark.parametrize("extension", ["jpg", "png", "webp", "tiff", "avif"])
@pytest.mark.parametrize("orientation", TURNS)
def test_a_still_is_upright(tmp_path: Path, extension: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    photo = tmp_path / f"photo.{extension}"
    Image.fromarray(corners()).save(photo, exif=exif, quality=95)
    picture = load_image(photo, max_side=1280)
    assert picture.shape == ((WIDTH, HEIGHT, 3) if orientation > 4 else (HEIGHT, WIDTH, 3))
    assert colours(picture) == TURNS[orientation]


def swapping_profile() -> bytes:
    """An ICC profile (ICC.1:2001-04) of sRGB's primaries with red and blue exchanged."""

    def xyz(*values: float) -> bytes:
        return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(v * 65536) for v in values))

    curve = b"curv\0\0\0\0\0\0\0\x01" + struct.pack(">HH", round(2.2 * 256), 0)
    tags = {
        b"wtpt": xyz(0.9642, 1.0, 0.8249),
        b"rXYZ": xyz(0.1431, 0.0606, 0.7139),
        b"gXYZ": xyz(0.3851, 0.7169, 0.0971),
        b"bXYZ": xyz(0.4360, 0.2225, 0.0139),
        b"rTRC": curve,
        b"gTRC": curve,
        b"bTRC": curve,
    }
    table, content = struct.pack(">I", len(tags)), b""
    for name, tag in tags.items():
        table += name + struct.pack(">II", 132 + 12 * len(tags) + len(content), len(tag))
        content += tag
    header = bytearray(128)
    header[:4] = struct.pack(">I", 128 + len(table) + len(content))
    header[8:12], header[12:24], header[36:40] = b"\x02\x10\0\0", b"mntrRGB XYZ ", b"acsp"
    header[68:80] = xyz(0.9642, 1.0, 0.8249)[8:]
    return bytes(header) + table + content


def test_colours_are_those_of_the_profile(tmp_path: Path) -> None:
    photo = tmp_path / "swapped.png"
    Image.fromarray(corners()).save(photo, icc_profile=swapping_profile())
    assert colours(load_image(photo, max_side=1280)) == ["blue", "grey", "red", "grey"]


@pytest.mark.parametrize("profile", [b"no profile", swapping_profile()[:150]])
def test_an_odd_profile_is_no_reason_to_refuse(tmp_path: Path, profile: bytes) -> None:
    photo = tmp_path / "odd.png"
    Image.fromarray(corners()).save(photo, icc_profile=profile)
    assert colours(load_image(photo, max_side=1280)) == UPRIGHT


def test_a_large_still_comes_smaller(tmp_path: Path) -> None:
    photo = tmp_path / "large.jpg"
    Image.fromarray(corners((3000, 2000))).save(photo)
    picture = load_image(photo, max_side=300)
    assert picture.shape == (200, 300, 3)
    assert colours(picture) == UPRIGHT


def test_what_cannot_be_decoded_says_so(sample: Sample, tmp_path: Path) -> None:
    text = tmp_path / "text.jpg"
    text.write_text("no picture")
    with pytest.raises(UnreadableMedia, match=r"^The image"):
        load_image(text, max_side=64)
    with pytest.raises(UnreadableMedia, match=r"^The audio"):
        read_audio(text, 16000)
    with pytest.raises(UnreadableMedia, match=r"^The video"):
        next(iter_video(text, frame_rate=None, max_side=64))
    with pytest.raises(TooLarge):
        load_image(sample("png"), max_side=64, max_pixels=3000)
