"""What a person looks like in a video: colours and lips, gathered over many of its frames."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from app.engine.anatomy import Head
from app.engine.curves import Field, Points
from app.engine.lips import OPEN_GAP, ClosedMouth, Lips, mesh_lips
from app.engine.palette import Palette
from app.engine.snapping import seam_offset
from app.engine.teeth import visible_teeth
from app.media.face import Picture

_SMILE = 1.5  # mm more than the least gap of parted lips: enough to see teeth in
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
            colour = visible_teeth(rgb, head, lips, palette)
            if colour is not None:
                self.teeth.append(colour)

    def palette(self) -> Palette:
        """The person's usual colours, with the colour of the teeth if they were seen."""
        teeth = _usual(self.teeth) if len(self.teeth) >= _ENOUGH else None
        return Palette.from_colours(_usual(self.skin), _usual(self.lip), teeth)

    def closed_mouth(self) -> ClosedMouth:
        """How the lips look when they are closed."""
        return ClosedMouth.learnt(self.shapes, self.seams)


def _usual(colours: list[Field]) -> Field:
    return np.asarray(np.median(colours, axis=0), np.float32)
