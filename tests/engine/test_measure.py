"""The measurement of lip-sync passes a mouth in time, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt
import pytest

from app.espeak import Speech, speak
from app.media.decode import load_image
from app.media.face import FaceMesh, face_models_dir
from tests.engine.measure import LARGEST_LAG, LEAST_CORRELATION, measure, phoneme_opening

Picture = npt.NDArray[np.uint8]

FRAME_RATE = 25
TEXT = "Bob, my map of the park is a big problem. Open it, please."
LATE = 0.24


@pytest.fixture(scope="module")
def mesh() -> FaceMesh:
    return FaceMesh(face_models_dir())


@pytest.fixture(scope="module")
def speech() -> Speech:
    return speak(TEXT)


@pytest.fixture(scope="module")
def photo() -> Picture:
    package = find_spec("matplotlib")
    assert package is not None
    assert package.origin is not None
    folder = Path(package.origin).parent / "mpl-data" / "sample_data"
    return load_image(folder / "grace_hopper.jpg", max_side=400)


@pytest.fixture(scope="module")
def puppet(photo: Picture, speech: Speech, mesh: FaceMesh) -> list[Picture]:
    """A photo whose face is cut along the mouth and opened as the phonemes ask for."""
    found = mesh.best_face(photo)
    assert found is not None
    points = found[0].points[:, :2].astype(np.float32)
    times = (np.arange(int(speech.duration * FRAME_RATE)) + 0.5) / FRAME_RATE
    middle = (points[13] + points[14]) / 2
    width = float(points[291, 0] - points[61, 0])
    openings = 0.35 * width * phoneme_opening(speech.phonemes, times)
    return [_jaw_dropped(photo, middle, width, float(opening)) for opening in openings]


def _jaw_dropped(
    photo: Picture, middle: npt.NDArray[np.float32], width: float, gap: float
) -> Picture:
    grid: npt.NDArray[np.float32] = np.indices(photo.shape[:2]).astype(np.float32)
    rows, columns = np.ascontiguousarray(grid[0]), np.ascontiguousarray(grid[1])
    lowered = gap * np.exp(-(((columns - middle[0]) / (0.5 * width)) ** 2))
    below = rows > middle[1]
    came_from: npt.NDArray[np.float32] = np.where(below, rows - lowered, rows)
    frame = cv2.remap(photo, columns, came_from, cv2.INTER_LINEAR)
    frame[below & (came_from < middle[1])] = (50, 15, 15)
    return np.asarray(frame, np.uint8)


def _write(path: Path, frames: list[Picture], samples: npt.NDArray[np.int16], rate: int) -> Path:
    height, width = (side // 2 * 2 for side in frames[0].shape[:2])
    with av.open(str(path), "w") as file:
        video = file.add_stream("libx264", FRAME_RATE, {"preset": "ultrafast"})
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        audio = file.add_stream("aac", rate)
        for picture in frames:
            picture = np.ascontiguousarray(picture[:height, :width])
            file.mux(video.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        sound = av.AudioFrame.from_ndarray(samples[None], "s16", "mono")
        sound.sample_rate, sound.pts = rate, 0
        file.mux([*video.encode(), *audio.encode(sound), *audio.encode()])
    return path


def test_a_mouth_in_time_passes(
    tmp_path: Path, puppet: list[Picture], speech: Speech, mesh: FaceMesh
) -> None:
    video = _write(tmp_path / "puppet.mp4", puppet, speech.samples, speech.rate)

    found = measure(video, speech.phonemes, mesh)

    assert found.faults() == []
    assert found.passes()
    assert found.level > 0.3
    assert found.bilabials > 6
    assert found.bilabials_closed >= 0.7 * found.bilabials
    assert found.duration == pytest.approx(len(puppet) / FRAME_RATE)
    assert found.sound == pytest.approx(speech.duration, abs=0.1)


def test_a_still_fails(tmp_path: Path, photo: Picture, speech: Speech, mesh: FaceMesh) -> None:
    frames = [photo] * int(speech.duration * FRAME_RATE)
    video = _write(tmp_path / "still.mp4", frames, speech.samples, speech.rate)

    found = measure(video, speech.phonemes, mesh)

    assert not found.passes()
    assert found.opening < LEAST_CORRELATION
    assert any("hardly move" in fault for fault in found.faults())


def test_sound_that_is_late_fails(
    tmp_path: Path, puppet: list[Picture], speech: Speech, mesh: FaceMesh
) -> None:
    late = np.pad(speech.samples, (int(LATE * speech.rate), 0))
    phonemes = [replace(p, start=p.start + LATE, end=p.end + LATE) for p in speech.phonemes]
    video = _write(tmp_path / "late.mp4", puppet, late, speech.rate)

    found = measure(video, phonemes, mesh)

    assert not found.passes()
    assert found.lag == pytest.approx(-LATE, abs=LARGEST_LAG / 2)
