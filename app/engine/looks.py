"""What a person looks like in a video: colours and lips, gathered over many of its frames."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from app.engine.anatomy import Head
from app.engine.curves import Field, Points
from app.engine.lips import INNER, OPEN_GAP, ClosedMouth, Lips, mesh_lips
from app.engine.palette import Palette, luma
from app.engine.sampling import bilinear
from app.engine.snapping import seam_offset
from app.media.face import Picture

_SMILE = 1.5  # mm more than the least gap of parted lips: enough to see teeth in
_TOOTH_HEIGHTS = np.array([0.25, 0.4, 0.55])  # of a smile, from above
_BRIGHTER_THAN_LIPS = 1.15  # else it is the dark of the mouth, or the tongue
_ENOUGH = 3  # frames


@dataclass(slots=True)
class Looks:
    """RGB colours of skin, lips and teeth, and shapes of the lips; one of each for a frame."""

    skin: list[Field] = field(default_factory=list)
    lip: list[Field] = field(default_factory=list)
    teeth: list[Field] = field(default_factory=list)
    shapes: list[Lips] = field(default_factory=list)
    seams: list[Points] = field(default_factory=list)

    def add(self, rgb: Picture, head: Head) -> None:
        """Take in a frame with this head in it."""
        palette, lips = Palette.of(rgb, head), mesh_lips(head)
        self.skin.append(palette.skin)
        self.lip.append(palette.lip)
        self.shapes.append(lips)
        if lips.gap < OPEN_GAP:
            self.seams.append(seam_offset(rgb, head, lips.seam))
        elif lips.gap > OPEN_GAP + _SMILE:
            colour = _tooth_colour(rgb, head, lips)
            if luma(colour) > _BRIGHTER_THAN_LIPS * luma(palette.lip):
                self.teeth.append(colour)

    def palette(self) -> Palette:
        """The person's usual colours, with the colour of the teeth if they were seen."""
        teeth = _usual(self.teeth) if len(self.teeth) >= _ENOUGH else None
        return Palette.from_colours(_usual(self.skin), _usual(self.lip), teeth)

    def closed_mouth(self) -> ClosedMouth:
        """How the lips look when they are closed."""
        return ClosedMouth.learnt(self.shapes, self.seams)


def _tooth_colour(rgb: Picture, head: Head, lips: Lips) -> Field:
    """The brighter of the colours in the upper half of a smile."""
    upper, lower = lips.upper[INNER, 3:8], lips.lower[INNER, 3:8]
    places = upper + _TOOTH_HEIGHTS[:, None, None] * (lower - upper)
    colours = bilinear(rgb, head.to_picture(places)).reshape(-1, 3).astype(np.float32)
    by_brightness = np.argsort([luma(colour) for colour in colours])
    return np.asarray(colours[by_brightness[-4:]].mean(0), np.float32)


def _usual(colours: list[Field]) -> Field:
    return np.asarray(np.median(colours, axis=0), np.float32)
