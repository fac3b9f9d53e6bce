"""A real service on loopback, and the faces and voices to send it."""

from __future__ import annotations

import wave
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from app.espeak import speak, write_wav
from app.samples import sample_photo
from tests.service import Service

SENTENCE = "Please bring my mother a big warm apple pie."


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One service with the default settings, shared by all tests that leave it as it was."""
    with Service(tmp_path_factory.mktemp("service")) as running:
        yield running


@pytest.fixture(scope="session")
def client(service: Service) -> httpx.Client:
    return service.client


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files")


@pytest.fixture(scope="session")
def photo(files: Path) -> Path:
    """A portrait, small enough to render fast."""
    path = files / "photo.jpg"
    with Image.open(sample_photo()) as portrait:
        portrait.thumbnail((320, 320))
        portrait.save(path)
    return path


@pytest.fixture(scope="session")
def speech(files: Path) -> Path:
    """About three seconds of speech."""
    path = files / "speech.wav"
    write_wav(speak(SENTENCE), path)
    return path


@pytest.fixture(scope="session")
def long_speech(files: Path) -> Path:
    """About fifteen seconds of speech: long enough to catch a render at work."""
    path = files / "long.wav"
    write_wav(speak(" ".join([SENTENCE] * 6)), path)
    return path


@pytest.fixture(scope="session")
def silence(files: Path) -> Path:
    path = files / "silence.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(bytes(2 * 16_000))
    return path


@pytest.fixture(scope="session")
def scenery(files: Path) -> Path:
    """A picture without a face."""
    path = files / "scenery.png"
    slope = np.linspace(0, 255, 256, dtype=np.uint8)
    Image.fromarray(np.dstack([np.tile(slope, (256, 1))] * 3)).save(path)
    return path
