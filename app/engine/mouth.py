"""Re-poses the mouth in a picture: moves the skin, then paints what shows between the lips."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from app.engine.articulation import articulate
from app.engine.curves import Field, smooth_step
from app.engine.lips import INNER, Lips
from app.engine.lower_face import LowerFace
from app.engine.mouth_interior import Aperture, MouthInterior
from app.engine.mouth_line import MouthLine
from app.engine.patch import Patch
from app.engine.sampling import Source
from app.engine.speech import Pose
from app.media.face import Picture

_MARGIN = 7.0  # mm around the line of the lips that are worked out pixel by pixel
# Beyond this the far side of the face is hidden, and skin would be drawn out of nothing.
_FRONTAL, _TURNED_AWAY = 28.0, 55.0  # degrees of yaw
_LEAST_STRENGTH = 0.3


@dataclass(frozen=True, slots=True)
class Mouth:
    """A mouth as it is in one picture. ``jaw`` is how far it has dropped there, in mm."""

    face: LowerFace
    lips: Lips
    interior: MouthInterior
    jaw: float = 0.0

    @property
    def strength(self) -> float:
        """How fully the mouth is moved, 0..1: less in a face that is turned away."""
        turned = smooth_step((abs(self.face.head.yaw) - _FRONTAL) / (_TURNED_AWAY - _FRONTAL))
        return 1 - (1 - _LEAST_STRENGTH) * turned

    def posed(self, pose: Pose, moved: Field | None = None) -> PosedMouth:
        """This mouth in a pose. ``moved`` are the face's nodes if the head has moved as well."""
        head = self.face.head
        nodes = self.face.nodes if moved is None else moved
        lips, jaw = articulate(self.lips, pose, self.strength, self.jaw)
        upper, lower = self.face.displacements(self.lips, lips, jaw, nodes)
        line = MouthLine.between(
            head.to_picture(lips.upper[INNER]), head.to_picture(lips.lower[INNER])
        )
        share = line.lower_share(line.at(nodes))[..., None]
        reach = float(np.abs(nodes - self.face.nodes).max())
        contour = head.to_picture(np.vstack([lips.upper[INNER], lips.lower[INNER]]))
        patch = self.face.patch
        close = Patch.around(contour, _MARGIN * head.millimetre + reach, patch.right, patch.bottom)
        return PosedMouth(
            self,
            patch,
            replace(close, left=max(close.left, patch.left), top=max(close.top, patch.top)),
            upper + (lower - upper) * share,
            upper,
            lower,
            Aperture(line, head.millimetre, jaw + self.jaw, pose.talk),
        )


@dataclass(frozen=True, slots=True)
class PosedMouth:
    """A mouth in one pose, ready to be painted: what to sample where, and what to paint over it.

    ``around`` are the displacements of all that moves; ``upper`` and ``lower`` are those of either
    lip, which ``close`` to the mouth are joined pixel by pixel. All three are given at nodes.
    """

    mouth: Mouth
    patch: Patch
    close: Patch
    around: Field
    upper: Field
    lower: Field
    aperture: Aperture

    def paint(self, picture: Picture, source: Source, origins: Field, outer: Patch) -> None:
        """Paint ``outer`` of a picture, in place.

        ``origins`` say for each pixel of ``outer`` where in ``source`` its colour comes from before
        the mouth moves, and are changed to where it comes from after.
        """
        before = origins[self.close.within(outer)] / np.float32(source.detail)
        place = self.aperture.line.at(before)
        upper = self.patch.enlarged_part(self.upper, self.close)
        lower = self.patch.enlarged_part(self.lower, self.close)
        share = self.aperture.line.lower_share(place)[..., None]
        joined = before + upper + (lower - upper) * share
        origins[self.patch.within(outer)] += self.patch.enlarged(self.around * source.detail)
        origins[self.close.within(outer)] = joined * source.detail
        picture[outer.in_picture] = source.colours(origins)
        skull = self.mouth.face.head.field_to_head(before)
        self.mouth.interior.paint(picture[self.close.in_picture], place, skull, self.aperture)
