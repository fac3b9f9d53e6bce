"""Plays the frames of a video there and back again for as long as somebody speaks."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

import cv2
import numpy as np

from app.media.face import Picture

_QUALITY = 95  # of the JPEGs kept for the way back: no visible loss


def there_and_back(
    frames: Iterable[Picture], count: int, wanted: int, folder: Path
) -> Iterator[tuple[int, Picture]]:
    """``wanted`` frames with their numbers: forwards, then backwards, and so on.

    ``count`` is how many there are. Those that come again are kept in a nameless file in
    ``folder``, which is gone as soon as this process is.
    """
    first_kept = max(0, 2 * count - 1 - wanted)
    with tempfile.TemporaryFile(dir=folder) as file:
        kept = _Kept(file)
        for number, frame in enumerate(frames):
            if number >= min(count, wanted):
                break
            if wanted > count and number >= first_kept:
                kept.add(number, frame)
            yield number, frame
        for step in range(count, wanted):
            number = _turn_around(step, count)
            yield number, kept.frame(number)


def _turn_around(step: int, count: int) -> int:
    if count == 1:
        return 0
    number = step % (2 * count - 2)
    return number if number < count else 2 * count - 2 - number


class _Kept:
    """Frames at rest in a file, by number."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._places: dict[int, tuple[int, int]] = {}

    def add(self, number: int, rgb: Picture) -> None:
        quality = [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
        packed = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), quality)[1].tobytes()
        self._places[number] = (self._file.tell(), len(packed))
        self._file.write(packed)

    def frame(self, number: int) -> Picture:
        place, length = self._places[number]
        self._file.seek(place)
        packed = np.frombuffer(self._file.read(length), np.uint8)
        return np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR_RGB), np.uint8)
