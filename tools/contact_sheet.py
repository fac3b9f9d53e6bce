"""Shows a video at a glance: ``python -m tools.contact_sheet talking.mp4 sheet.jpg``.

Evenly spaced frames in a grid, with the seconds at which they are shown, as one picture.
With ``--face`` only the face is shown, where it is in the first frame.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from app.media.decode import iter_video, video_frame_rate
from app.media.face import FaceMesh, face_models_dir

GAP = 4  # pixels
PAPER = (250, 250, 248)
QUALITY = 82
LARGEST_SIDE = 4096

Box = tuple[int, int, int, int]


def main() -> None:
    """Read the command line and write the sheet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("video", type=Path)
    parser.add_argument("sheet", type=Path)
    parser.add_argument("--frames", type=int, default=12)
    parser.add_argument("--columns", type=int, default=6)
    parser.add_argument("--width", type=int, default=1200, help="of the sheet, in pixels")
    parser.add_argument("--face", action="store_true", help="show only the face")
    wanted = parser.parse_args()
    tile = (wanted.width + GAP) // wanted.columns - GAP
    box = _face_box(wanted.video) if wanted.face else None
    tiles = list(_tiles(wanted.video, wanted.frames, tile, box))
    _grid(tiles, wanted.columns).save(wanted.sheet, quality=QUALITY, optimize=True)


def _face_box(video: Path) -> Box:
    """A square around the face of the first frame."""
    first = next(iter_video(video, frame_rate=None, max_side=LARGEST_SIDE))
    found = FaceMesh(face_models_dir()).best_face(first)
    if found is None:
        sys.exit("There is no face in the first frame.")
    points = found[0].points[:, :2]
    x, y = points.mean(0)
    reach = 0.75 * float(np.ptp(points, axis=0).max())
    return round(x - reach), round(y - reach), round(x + reach), round(y + reach)


def _tiles(video: Path, count: int, width: int, box: Box | None) -> Iterator[Image.Image]:
    """The middle frame of each of ``count`` equal parts of the video, ``width`` pixels wide."""
    rate = video_frame_rate(video)
    length = sum(1 for _ in iter_video(video, frame_rate=None, max_side=64))
    wanted = {int((part + 0.5) * length / count) for part in range(count)}
    for number, rgb in enumerate(iter_video(video, frame_rate=None, max_side=LARGEST_SIDE)):
        if number in wanted:
            frame = Image.fromarray(rgb).crop(box)
            height = round(frame.height * width / frame.width)
            tile = frame.resize((width, height), Image.Resampling.LANCZOS)
            _stamp(tile, f"{number / rate:.2f} s")
            yield tile


def _stamp(tile: Image.Image, text: str) -> None:
    place = (6, tile.height - 16)
    ImageDraw.Draw(tile).text(place, text, fill="white", stroke_width=1, stroke_fill="black")


def _grid(tiles: list[Image.Image], columns: int) -> Image.Image:
    width, height = tiles[0].size
    rows = -(-len(tiles) // columns)
    size = (columns * (width + GAP) - GAP, rows * (height + GAP) - GAP)
    sheet = Image.new("RGB", size, PAPER)
    for number, tile in enumerate(tiles):
        row, column = divmod(number, columns)
        sheet.paste(tile, (column * (width + GAP), row * (height + GAP)))
    return sheet


if __name__ == "__main__":
    main()
