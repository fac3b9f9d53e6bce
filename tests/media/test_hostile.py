"""Broken files of every format end in an answer or in one of our errors, and soon."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from app.errors import LipSyncError
from app.media.decode import iter_video, load_image, read_audio
from app.media.probe import probe_audio, probe_face
from app.model import Media
from tests.media.conftest import Sample
from tests.media.samples import SOUNDS, STILLS, VIDEOS

BROKEN_FILES = 12
"""Of each format; they are the same in every run."""


def cut(content: bytes, random: np.random.Generator) -> bytes:
    return content[: random.integers(1, len(content))]


def flipped(content: bytes, random: np.random.Generator) -> bytes:
    broken = bytearray(content)
    for at in random.integers(0, len(broken), random.integers(1, 30)):
        broken[at] = random.integers(0, 256)
    return bytes(broken)


def flipped_at_the_start(content: bytes, random: np.random.Generator) -> bytes:
    return flipped(content[:400], random) + content[400:]


def look_into(path: Path) -> None:
    """What the service does with a file that it was sent, in either field."""
    with contextlib.suppress(LipSyncError):
        assert isinstance(probe_audio(path, sha256=""), Media)
        read_audio(path, 16000)
    with contextlib.suppress(LipSyncError):
        if probe_face(path, sha256="").kind == "image":
            load_image(path, max_side=64)
        else:
            list(islice(iter_video(path, frame_rate=25, max_side=64), 50))


@pytest.mark.parametrize("breaking", [cut, flipped, flipped_at_the_start])
@pytest.mark.parametrize("name", [*STILLS, *VIDEOS, *SOUNDS])
def test_a_broken_file_ends_in_an_answer(
    sample: Sample,
    tmp_path: Path,
    name: str,
    breaking: Callable[[bytes, np.random.Generator], bytes],
) -> None:
    content = sample(name).read_bytes()
    random = np.random.default_rng(len(content))
    for number in range(BROKEN_FILES):
        broken = tmp_path / f"broken-{number}"
        broken.write_bytes(breaking(content, random))
        look_into(broken)


@pytest.mark.parametrize("size", [1, 4, 12, 1000, 100_000])
def test_noise_ends_in_an_answer(tmp_path: Path, size: int) -> None:
    random = np.random.default_rng(size)
    for number in range(BROKEN_FILES):
        noise = tmp_path / f"noise-{number}"
        noise.write_bytes(random.bytes(size))
        look_into(noise)
