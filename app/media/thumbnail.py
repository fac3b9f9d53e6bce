"""Small pictures of a finished video: one for a list, nine for a look at all of it."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from app.media.decode import picture_at

LONGEST_SIDE = 320
"""Pixels of one picture."""
MOMENT = 0.4
"""Where in the video the one picture is taken: at the beginning and the end a face is at rest."""
_ROWS, _COLUMNS = 3, 3
_GAP = 4


def write_thumbnail(video: Path, seconds: float, to: Path) -> None:
    """Write one picture of a video of that many seconds. Raises UnreadableMedia."""
    _save(_picture(video, MOMENT * seconds), to)


def write_contact_sheet(video: Path, seconds: float, to: Path) -> None:
    """Write pictures from all over a video, in rows, as one. Raises UnreadableMedia."""
    count = _ROWS * _COLUMNS
    pictures = [_picture(video, (number + 0.5) / count * seconds) for number in range(count)]
    width, height = (side + _GAP for side in pictures[0].size)
    sheet = Image.new("RGB", (_COLUMNS * width - _GAP, _ROWS * height - _GAP), "white")
    for number, picture in enumerate(pictures):
        row, column = divmod(number, _COLUMNS)
        sheet.paste(picture, (column * width, row * height))
    _save(sheet, to)


def _picture(video: Path, seconds: float) -> Image.Image:
    return Image.fromarray(picture_at(video, seconds, max_side=LONGEST_SIDE))


def _save(picture: Image.Image, to: Path) -> None:
    picture.save(to, "JPEG", quality=82, optimize=True)
