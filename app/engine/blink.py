"""Closes the eyes of a photo: the skin above each eye slides down over the eyeball."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from app.engine.anatomy import LEFT_EYE, RIGHT_EYE, EyeContour, Head
from app.engine.curves import Field, Points, rounded, smoothstep
from app.engine.palette import Palette, luma
from app.engine.patch import Patch
from app.engine.sampling import Source, bilinear
from app.engine.snapping import lid_offset
from app.media.face import Picture

_LEAST_OPENING = 1.5  # mm between the lids of an eye that can blink at all
_LASHES = 1.2  # mm of dark lashes below the skin's edge, which move with it
_LASH_LINE = 2.0  # mm of the lid's edge that move without being stretched
_OVERLAP = 1.2  # mm that a closed lid goes over the lower one
_FADE = 2.5  # mm outside the corners over which the motion ends
_LEAST_STRETCH = 1.5  # mm
_LID_STRETCH = 1.25  # openings above the eye: how far up the skin is drawn from
_BROW_CLEARANCE = 0.5  # of the way up to the brow at most
_DARKEST_LID = 0.55  # of the skin's brightness, missing: more is hair or the frame of spectacles


@dataclass(frozen=True, slots=True)
class _Eye:
    """One eye; ``upper`` and ``lower`` tabulate its lids in pixels below its axis, one a pixel."""

    start: Points
    across: Points
    down: Points
    length: float
    upper: Field
    lower: Field
    brow: float
    millimetre: float

    @classmethod
    def of(cls, rgb: Picture, head: Head, contour: EyeContour) -> _Eye:
        upper, lower = _lids(rgb, head, contour)
        start = upper[0]
        across = upper[-1] - start
        length = max(float(np.hypot(*across)), 1.0)
        across = across / length
        down = np.array([-across[1], across[0]])
        lids = []
        for lid in (upper, lower):
            path = rounded(lid, 6) - start
            along = np.maximum.accumulate((path * across).sum(1))
            table = np.interp(np.arange(int(length) + 2), along, (path * down).sum(1))
            lids.append(table.astype(np.float32))
        lids[0] += np.float32(_LASHES * head.millimetre)
        brow = float(np.median(((head.pixels(*contour.brow) - start) * down).sum(1)))
        return cls(start, across, down, length, lids[0], lids[1], brow, head.millimetre)

    def patch(self, width: int, height: int) -> Patch:
        ends = np.stack([self.start, self.start + self.across * self.length])
        return Patch.around(ends, 0.5 * self.length, width, height)

    def paint(self, picture: Picture, source: Source, origins: Field, closed: float) -> None:
        """Onto a part of a picture, in place; ``origins`` say where its colours come from."""
        pixels = origins / np.float32(source.detail)
        right, under = np.moveaxis(pixels - self.start.astype(np.float32), -1, 0)
        across, down = self.across.astype(np.float32), self.down.astype(np.float32)
        along, below = right * across[0] + under * across[1], right * down[0] + under * down[1]
        index = np.clip(along, 0, self.length).astype(np.int32)
        upper, lower = self.upper[index], self.lower[index]
        opening = np.maximum(lower - upper, 0)
        edge = upper + (opening + np.float32(_OVERLAP * self.millimetre)) * np.float32(closed)
        top = upper - self._stretched(upper, opening)
        origin = self._origin(below, top, upper, edge)
        covered = (below > top) & (below <= edge + 0.5)
        shift = np.where(covered, origin - below, 0)[..., None] * down
        skin = source.colours((pixels + shift) * source.detail).astype(np.float32)
        # A closing lid turns away from the light.
        shade = 1 - np.float32(0.10 * closed) * np.exp(
            -(((below - edge) / np.float32(1.2 * self.millimetre)) ** 2)
        )
        opacity = np.clip((edge - below) / 1.2 + 0.5, 0, 1) * np.clip((below - top) / 1.5, 0, 1)
        from_corner = np.minimum(along, np.float32(self.length) - along)
        opacity *= smoothstep(from_corner / np.float32(_FADE * self.millimetre) + 1)
        open_eye = picture.astype(np.float32)
        painted = open_eye + (skin * shade[..., None] - open_eye) * opacity[..., None]
        picture[...] = np.clip(painted + 0.5, 0, 255).astype(np.uint8)

    def _stretched(self, upper: Field, opening: Field) -> Field:
        """How much skin above the lid is drawn down, in pixels: none of the brow."""
        wanted = np.float32(_LID_STRETCH * float(opening.max()))
        free = (upper - np.float32(self.brow)) * np.float32(_BROW_CLEARANCE)
        least = np.float32(_LEAST_STRETCH * self.millimetre)
        return np.asarray(np.maximum(np.minimum(wanted, free), least), np.float32)

    def _origin(self, below: Field, top: Field, upper: Field, edge: Field) -> Field:
        """How far below the axis the skin was that now lies ``below`` it."""
        share = np.clip((below - top) / np.maximum(edge - top, 1e-3), 0, 1)
        stretched = top + share * (upper - top)
        rigid = np.maximum(below - (edge - upper), stretched)
        at_edge = below > edge - np.float32(_LASH_LINE * self.millimetre)
        return np.asarray(np.where(at_edge, rigid, stretched), np.float32)


@dataclass(frozen=True, slots=True)
class Eyelids:
    """The lids of a photo that can close; none if something lies over them."""

    eyes: tuple[_Eye, ...]

    @classmethod
    def of(cls, rgb: Picture, head: Head, palette: Palette) -> Eyelids:
        """Both eyes, or none: nobody winks by mistake."""
        contours = (RIGHT_EYE, LEFT_EYE)
        if all(_can_close(rgb, head, contour, palette) for contour in contours):
            return cls(tuple(_Eye.of(rgb, head, contour) for contour in contours))
        return cls(())

    def paint(
        self, picture: Picture, source: Source, origins: Field, patch: Patch, closed: float
    ) -> None:
        """Close them by ``closed`` 0..1 in ``patch`` of a picture, in place.

        ``origins`` say for each pixel of the patch where in ``source`` its colour comes from.
        """
        height, width = picture.shape[:2]
        for eye in self.eyes if closed > 0.01 else ():
            around = eye.patch(width, height)
            eye.paint(picture[around.in_picture], source, origins[around.within(patch)], closed)


def _lids(rgb: Picture, head: Head, contour: EyeContour) -> tuple[Points, Points]:
    """Upper and lower lid from corner to corner, as n x 2 pixels each."""
    upper, lower = head.pixels(*contour.upper), head.pixels(*contour.lower)
    offset = lid_offset(rgb, head, head.to_head(upper))
    return upper + offset[:, None] * head.axes[1], lower


def _can_close(rgb: Picture, head: Head, contour: EyeContour, palette: Palette) -> bool:
    """Whether there is an open eye, with nothing but skin above it.

    Dragging a lock of hair or the rim of spectacles over the eye would look wrong.
    """
    upper, lower = _lids(rgb, head, contour)
    opening = float(np.hypot(*(lower[4] - upper[4]))) / head.millimetre
    if opening < _LEAST_OPENING:
        return False
    heights = np.linspace(1.6, max(_LID_STRETCH * opening, 2.5), 8) * head.millimetre
    places = upper[2:7, None] - heights[:, None] * head.down
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)
    lid = bilinear(grey, places)
    return 1 - float(np.percentile(lid, 10)) / max(luma(palette.skin), 1.0) < _DARKEST_LID
