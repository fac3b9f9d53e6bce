"""How fast the local engine renders, and how much memory it takes: ``python -m bench.engine``.

Prints render seconds per second of audio (wall and processor time) and the largest resident memory,
each in a process of its own. Run it on an idle machine. ``--smallest`` runs only the first case.
"""

from __future__ import annotations

import importlib.util
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt

from app.engine.render import RenderOptions, render
from app.espeak import speak, write_wav
from app.media.decode import load_image
from app.media.face import LEFT_EYE_CORNER, RIGHT_EYE_CORNER, FaceMesh, face_models_dir
from app.model import Kind, Media

Picture = npt.NDArray[np.uint8]

TEXT = (
    "Hello! My name is Ada, and I am very happy to meet you. Maybe we should open the window, "
    "because the room feels warm. Please, put five big apples in my bag before Monday morning."
)
VIDEO_SECONDS = 8
FRAME_RATE = 25


@dataclass(frozen=True, slots=True)
class Figures:
    """Seconds of wall and processor time, and mebibytes of memory at the peak."""

    wall: float
    processor: float
    memory: float


@dataclass(frozen=True, slots=True)
class Case:
    """A face to render. ``target`` is the most seconds it may take per second of audio."""

    name: str
    kind: Kind
    target: float
    make: Callable[[Path], Path]


def main() -> None:
    """Print a table."""
    cases = CASES[:1] if "--smallest" in sys.argv else CASES
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        speech = speak(TEXT)
        write_wav(speech, folder / "speech.wav")
        print("Render seconds per second of audio, and the largest resident memory:")
        print(f"{'':24}{'wall':>8}{'target':>8}{'processor':>11}{'memory':>11}")
        for case in cases:
            figures = _in_own_process(case.make(folder), case.kind, folder)
            print(
                f"{case.name:24}{figures.wall / speech.duration:8.2f}{case.target:8.2f}"
                f"{figures.processor / speech.duration:11.2f}{figures.memory:7.0f} MiB"
            )


def _in_own_process(face: Path, kind: Kind, folder: Path) -> Figures:
    # As in the service's workers: threads of the linear algebra library fight the encoder's.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    spawn = multiprocessing.get_context("spawn")
    with spawn.Pool(1) as pool:
        return pool.apply(_measure, (face, kind, folder))


def _measure(face: Path, kind: Kind, folder: Path) -> Figures:
    wall, processor = time.perf_counter(), time.process_time()
    render(
        _media(face, kind),
        _media(folder / "speech.wav", Kind.AUDIO),
        folder / "talking.mp4",
        RenderOptions(),
        models=face_models_dir(),
        report=lambda progress, sentence: None,
    )
    unit = 1 if sys.platform == "darwin" else 1024
    return Figures(
        time.perf_counter() - wall,
        time.process_time() - processor,
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20,
    )


def _media(path: Path, kind: Kind) -> Media:
    return Media(path=path, kind=kind, container="", size=path.stat().st_size, sha256="")


def _portrait() -> Picture:
    package = importlib.util.find_spec("matplotlib")
    assert package is not None
    assert package.origin is not None
    sample = Path(package.origin).parent / "mpl-data/sample_data/grace_hopper.jpg"
    return load_image(sample, max_side=1280)


def _framed(width: int, height: int, eye_distance: float, shift: float = 0) -> Picture:
    """The portrait with the eyes that far apart, above the middle of a picture of that size."""
    photo = _portrait()
    found = FaceMesh(face_models_dir()).best_face(photo)
    assert found is not None
    eyes = found[0].points[[RIGHT_EYE_CORNER, LEFT_EYE_CORNER], :2]
    zoom = eye_distance / float(np.hypot(*(eyes[1] - eyes[0])))
    middle = eyes.mean(0)
    place = np.array(
        [
            [zoom, 0, width / 2 + shift - zoom * middle[0]],
            [0, zoom, height * 0.42 - zoom * middle[1]],
        ]
    )
    framed = cv2.warpAffine(
        photo, place, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(framed, np.uint8)


def _small_photo(folder: Path) -> Path:
    return _saved(_framed(512, 512, 110), folder / "small.png")


def _close_up(folder: Path) -> Path:
    return _saved(_framed(1280, 720, 250), folder / "close-up.png")


def _saved(rgb: Picture, path: Path) -> Path:
    cv2.imwrite(str(path), cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
    return path


def _video(folder: Path) -> Path:
    """The portrait, swinging to and fro, as an H.264 video of 720 lines."""
    path = folder / "video.mp4"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=FRAME_RATE)
        stream.width, stream.height, stream.pix_fmt = 1280, 720, "yuv420p"
        for rgb in _swinging():
            file.mux(stream.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")))
        file.mux(stream.encode(None))
    return path


def _swinging() -> Iterator[Picture]:
    wide = _framed(1400, 720, 180)
    for number in range(VIDEO_SECONDS * FRAME_RATE):
        left = round(60 + 50 * float(np.sin(2 * np.pi * number / FRAME_RATE / 3)))
        yield np.ascontiguousarray(wide[:, left : left + 1280])


CASES = (
    Case("512 x 512 photo", Kind.IMAGE, 0.25, _small_photo),
    Case("1280 x 720 close-up", Kind.IMAGE, 0.50, _close_up),
    Case("1280 x 720 video", Kind.VIDEO, 0.60, _video),
)

if __name__ == "__main__":
    main()
