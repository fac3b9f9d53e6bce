"""Sample faces, sample voices, and what the engine makes of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from itertools import count
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt
import pytest

from app.engine.render import RenderOptions, Report, render
from app.espeak import Phoneme, Speech, speak, write_wav
from app.media.face import FaceMesh, face_models_dir
from app.model import Kind, Media

Picture = npt.NDArray[np.uint8]
Film = Callable[..., Path]

HOPPER_SAYS = "My mother may buy a big blue map of the park. Papa never saw a farm before."
ASTRONAUT_SAYS = "Almost anybody can open a door. Pam and Bob saw five happy mules far away."


def sample(package: str, path: str) -> Path:
    """A file that an installed package carries."""
    spec = find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / path


def picture_file(rgb: Picture, path: Path) -> Path:
    """The picture as a lossless file."""
    cv2.imwrite(str(path), cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
    return path


def video_file(frames: list[Picture], path: Path) -> Path:
    """The pictures as an H.264 video of 25 frames a second."""
    height, width, _ = frames[0].shape
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for rgb in frames:
            file.mux(stream.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")))
        file.mux(stream.encode(None))
    return path


def media(path: Path, kind: Kind) -> Media:
    """A file as the door hands it over."""
    return Media(path=path, kind=kind, container="", size=path.stat().st_size, sha256="")


@pytest.fixture(scope="session")
def mesh() -> FaceMesh:
    return FaceMesh(face_models_dir())


@pytest.fixture(scope="session")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("studio")


@pytest.fixture(scope="session")
def film(studio: Path) -> Film:
    """Renders a face saying an audio and returns the MP4."""
    takes = count()

    def take(
        face: Path,
        audio: Path,
        report: Report = lambda progress, sentence: None,
        phonemes: Sequence[Phoneme] = (),
        **options: object,
    ) -> Path:
        out = studio / f"take{next(takes)}.mp4"
        kind = Kind.VIDEO if face.suffix == ".mp4" else Kind.IMAGE
        render(
            media(face, kind),
            media(audio, Kind.AUDIO),
            out,
            RenderOptions(**options),  # type: ignore[arg-type]
            models=face_models_dir(),
            report=report,
            phonemes=phonemes,
        )
        return out

    return take


@pytest.fixture(scope="session")
def hopper() -> Path:
    """Closed lips, spectacles."""
    return sample("matplotlib", "mpl-data/sample_data/grace_hopper.jpg")


@pytest.fixture(scope="session")
def astronaut() -> Path:
    """A smile with teeth, bare eyes."""
    return sample("skimage", "data/astronaut.png")


@pytest.fixture(scope="session")
def hopper_speech() -> Speech:
    return speak(HOPPER_SAYS)


@pytest.fixture(scope="session")
def astronaut_speech() -> Speech:
    return speak(ASTRONAUT_SAYS, "en-us+f2")


@pytest.fixture(scope="session")
def hopper_voice(hopper_speech: Speech, studio: Path) -> Path:
    write_wav(hopper_speech, studio / "hopper.wav")
    return studio / "hopper.wav"


@pytest.fixture(scope="session")
def astronaut_voice(astronaut_speech: Speech, studio: Path) -> Path:
    write_wav(astronaut_speech, studio / "astronaut.wav")
    return studio / "astronaut.wav"


@pytest.fixture(scope="session")
def word(studio: Path) -> Path:
    """A second of speech."""
    write_wav(speak("Maybe a map."), studio / "word.wav")
    return studio / "word.wav"


@pytest.fixture(scope="session")
def talking_hopper(film: Film, hopper: Path, hopper_voice: Path) -> Path:
    return film(hopper, hopper_voice)


@pytest.fixture(scope="session")
def talking_astronaut(film: Film, astronaut: Path, astronaut_voice: Path) -> Path:
    return film(astronaut, astronaut_voice)
