"""A video's small pictures show the moments they are taken from, upright."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from PIL import Image

from app.errors import UnreadableMedia
from app.media.decode import picture_at
from app.media.thumbnail import write_contact_sheet, write_thumbnail
from tests.media.samples import Recipe, record

FRAMES, RATE = 60, 20
SECONDS = FRAMES / RATE


@pytest.fixture(params=["mp4", "webm", "avi"])
def dawn(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A video that grows lighter by 3 of 255 with every frame."""
    path = tmp_path / f"dawn.{request.param}"
    codec = {"mp4": "libx264", "webm": "libvpx-vp9", "avi": "mpeg4"}[request.param]
    with av.open(path, "w") as container:
        stream = cast("VideoStream", container.add_stream(codec, rate=RATE))
        stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv420p"
        stream.gop_size = 25
        for number in range(FRAMES):
            light = np.full((360, 640, 3), 40 + 3 * number, np.uint8)
            container.mux(stream.encode(VideoFrame.from_ndarray(light)))
        container.mux(stream.encode())
    return path


@pytest.mark.parametrize("seconds", [0.0, 0.52, 1.2, 2.51, 99.0])
def test_the_moment_is_met(dawn: Path, seconds: float) -> None:
    picture = picture_at(dawn, seconds, max_side=320)
    assert picture.shape == (180, 320, 3)
    number = min(int(seconds * RATE), FRAMES - 1)
    assert picture.mean() == pytest.approx(40 + 3 * number, abs=6)


def test_a_thumbnail_and_a_contact_sheet(dawn: Path, tmp_path: Path) -> None:
    one, all_over = tmp_path / "one.jpg", tmp_path / "all.jpg"
    write_thumbnail(dawn, SECONDS, one)
    write_contact_sheet(dawn, SECONDS, all_over)
    with Image.open(one) as picture:
        assert picture.size == (320, 180)
    with Image.open(all_over) as sheet:
        assert sheet.size == (3 * 324 - 4, 3 * 184 - 4)
        lights = np.asarray(sheet, float).mean(axis=2)
    centers = [
        lights[90 + 184 * row, 160 + 324 * column] for row in range(3) for column in range(3)
    ]
    assert all(np.diff(centers) > 10)


def test_a_video_held_upright_is_upright(tmp_path: Path) -> None:
    turned = record(tmp_path / "turned.mp4", Recipe("libx264", turn=90))
    assert picture_at(turned, 0.5, max_side=320).shape == (64, 48, 3)


@pytest.mark.parametrize("dawn", ["webm", "avi"], indirect=True)
def test_what_is_cut_off_shows_what_is_left(dawn: Path) -> None:
    dawn.write_bytes(dawn.read_bytes()[: dawn.stat().st_size // 2])
    assert picture_at(dawn, 99.0, max_side=320).mean() > 60


def test_what_is_no_video_has_no_picture(tmp_path: Path) -> None:
    page = tmp_path / "page.mp4"
    page.write_text("<!doctype html>")
    with pytest.raises(UnreadableMedia):
        picture_at(page, 0.0, max_side=320)
