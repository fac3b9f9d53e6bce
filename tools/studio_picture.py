"""Makes the README's picture of the studio of one that the browser tests took.

``make picture`` does both.
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image

ROOT = Path(__file__).parent.parent
SHOT = ROOT / "tests" / "browser" / "shots" / "studio.png"
PICTURE = ROOT / "docs" / "studio.png"
WIDTH = 1200
"""Pixels."""
COLOURS = 256


def main() -> None:
    """Write `docs/studio.png`: smaller, and with as few colours as nobody misses."""
    with Image.open(SHOT) as shot:
        height = round(shot.height * WIDTH / shot.width)
        picture = shot.convert("RGB").resize((WIDTH, height), Image.Resampling.LANCZOS)
    # Of Pillow's ways this one keeps the few pixels of a rare colour.
    few = picture.quantize(COLOURS, method=Image.Quantize.MAXCOVERAGE, kmeans=4)
    few.save(PICTURE, optimize=True)


if __name__ == "__main__":
    main()
