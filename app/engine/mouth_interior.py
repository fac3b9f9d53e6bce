"""Paints what shows between parted lips: the dark of the mouth, the tongue and the teeth."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from app.engine.anatomy import Head
from app.engine.curves import Field, Points, smooth_step, smoothstep
from app.engine.lips import OPEN_GAP, UPPER_TEETH, Lips
from app.engine.mouth_line import AtMouth, MouthLine
from app.engine.palette import Palette
from app.engine.teeth import Teeth, lower_teeth, own_teeth, upper_teeth, visible_teeth
from app.media.face import Picture

PARTED_SEAM = 0.75  # how dark a line closed lips get that are parted in the picture
_TEXTURE_DETAIL = 1.5  # pixels of a row of teeth for one of the picture
_LEAST_GAP = 0.35  # pixels
_REDDENING = 0.35  # of the lips' colour, on teeth in the shade
_GLOW = 0.24  # of the lips' colour
_LIP_SHADE = 1.5  # mm that the upper lip's shadow reaches down
_UPPER_SHADE = 2.0  # mm below the upper lip from which its teeth are fully lit
_LOWER_SHADE = 3.0  # mm above the lower lip from which its teeth are as bright as they get
_CORNER_SHADE = 6.0  # mm from a corner of the mouth
_WELL_LIT_GAP = 4.0  # mm
_EDGE = 0.75  # pixels: half the width over which the lips' edge passes into the dark


@dataclass(frozen=True, slots=True)
class Aperture:
    """How a mouth is open in one frame.

    ``millimetre`` is in pixels; ``jaw`` is its drop in mm; ``talk`` 0..1 fades the seam that is
    drawn where the picture's lips never met.
    """

    line: MouthLine
    millimetre: float
    jaw: float
    talk: float


@dataclass(frozen=True, slots=True)
class MouthInterior:
    """The inside of one person's mouth.

    ``own_teeth`` says that the upper row is the picture's own; ``seam`` 0..1 is how much closed
    lips need a dark line drawn between them, because in the picture they are parted.
    """

    palette: Palette
    upper: Teeth
    lower: Teeth
    own_teeth: bool
    seam: float

    @classmethod
    def of_photo(cls, rgb: Picture, head: Head, lips: Lips) -> MouthInterior:
        """For a still: with its own teeth if it shows them."""
        palette = Palette.of(rgb, head)
        made = cls.made(palette, lips.meeting_line, head.millimetre)
        if lips.gap < OPEN_GAP:
            return made
        parted = replace(made, seam=PARTED_SEAM)
        if visible_teeth(rgb, head, lips, palette) is None:
            return parted
        own = own_teeth(rgb, head, lips, 2 * head.millimetre)
        return replace(parted, upper=own, own_teeth=True)

    @classmethod
    def made(
        cls, palette: Palette, seam: Points, millimetre: float, showing: float = UPPER_TEETH
    ) -> MouthInterior:
        """With made teeth that show ``showing`` mm below ``seam`` (11 x 2 mm), where lips meet."""
        density = max(_TEXTURE_DETAIL * millimetre, 2.0)
        upper = upper_teeth(seam, showing, palette, density)
        lower = lower_teeth(seam, palette, density)
        return cls(palette, upper, lower, False, 0)

    def paint(self, picture: Picture, place: AtMouth, skull: Field, aperture: Aperture) -> None:
        """Onto a part of a picture, in place; ``skull``: its pixels in the head's millimetres."""
        skin = picture.astype(np.float32)
        if self.seam:
            skin = self._with_seam(skin, place, aperture)
        if aperture.line.gap >= _LEAST_GAP:
            opacity = _opacity(place, aperture.line)[..., None]
            if self.seam:
                # Parted lips that are silent are the picture's own.
                opacity *= np.float32(min(2 * aperture.talk, 1))
            skin += (self._inside(place, skull, aperture) - skin) * opacity
        picture[...] = np.clip(skin + np.float32(0.5), 0, 255).astype(np.uint8)

    def _inside(self, place: AtMouth, skull: Field, aperture: Aperture) -> Field:
        millimetre = np.float32(aperture.millimetre)
        under_lip = (place.below - place.upper) / millimetre
        over_lip = (place.lower - place.below) / millimetre
        from_corner = np.minimum(place.along, aperture.line.length - place.along) / millimetre
        gap = aperture.line.gap / aperture.millimetre
        on_jaw = skull - np.array([0, aperture.jaw], np.float32)
        colours = self._throat(place, over_lip, aperture, gap)
        light = _clipped(0.35 + over_lip / _LOWER_SHADE, 0.35)
        colours = self._covered(colours, self.lower.at(on_jaw), light)
        light = self._light_on_upper_teeth(under_lip, gap)
        colours = self._covered(colours, self.upper.at(skull), light)
        return self._shaded(colours, np.minimum(under_lip / _LIP_SHADE, over_lip), from_corner)

    def _light_on_upper_teeth(self, under_lip: Field, gap: float) -> Field:
        if self.own_teeth:
            return _clipped(0.72 + 0.28 * under_lip / _LIP_SHADE, 0.72)
        # Little light falls in through a narrow gap.
        falling_in = 0.5 + 0.48 * smooth_step(gap / _WELL_LIT_GAP)
        return falling_in * _clipped(0.58 + 0.42 * under_lip / _UPPER_SHADE, 0.58)

    def _shaded(self, colours: Field, from_lip: Field, from_corner: Field) -> Field:
        shadow = _clipped(0.55 + 0.45 * from_lip, 0.5)
        shadow *= 0.45 + 0.55 * smoothstep(from_corner / _CORNER_SHADE)
        if self.own_teeth:
            shadow = np.sqrt(shadow)  # the photo's teeth have some of their own
        # What light there is in the shade has come through and off the lips.
        glow = self.palette.lip * np.float32(_GLOW)
        return np.asarray(glow + (colours - glow) * shadow[..., None], np.float32)

    def _covered(self, colours: Field, teeth: Field, light: Field) -> Field:
        """With teeth in front; in the shade they take on the red of the mouth."""
        dark = self.palette.lip * np.float32(_REDDENING)
        lit = dark + (teeth[..., :3] - dark) * light[..., None]
        return np.asarray(colours + (lit - colours) * teeth[..., 3:], np.float32)

    def _throat(self, place: AtMouth, over_lip: Field, aperture: Aperture, gap: float) -> Field:
        """The dark, and in it the tongue: a mound that rests behind the lower teeth."""
        aside = np.clip(2 * place.along / np.float32(aperture.line.length) - 1, -1, 1)
        dark = self.palette.cavity * (1.15 - 0.55 * np.abs(aside))[..., None]
        room = min(max(gap - 2.0, 0.0), 9.0)
        mound = np.clip(1 - np.abs(aside) / np.float32(0.78), 0, 1)
        height = room * 0.60 * np.sqrt(mound) + 0.6
        depth = height - over_lip  # below the tongue's edge
        opacity = (
            smoothstep(depth / 1.6 + 0.3) * smoothstep(mound * 2.2) * (0.92 * min(room / 3, 1))
        )
        furrow = 1 - 0.10 * np.exp(-((aside / np.float32(0.08)) ** 2))
        light = (0.50 + 0.45 * np.clip(depth / 4, 0, 1)) * furrow
        tongue = self.palette.tongue * light[..., None]
        return np.asarray(dark + (tongue - dark) * opacity[..., None], np.float32)

    def _with_seam(self, skin: Field, place: AtMouth, aperture: Aperture) -> Field:
        millimetre = aperture.millimetre
        from_middle = place.below - (place.upper + place.lower) / 2
        line = np.exp(-((from_middle / np.float32(max(0.8, 0.42 * millimetre))) ** 2))
        from_corner = np.minimum(place.along, aperture.line.length - place.along)
        line *= smoothstep(from_corner / np.float32(3 * millimetre))
        line *= np.clip(1 - (place.lower - place.upper) / np.float32(1.5 * millimetre), 0, 1)
        opacity = (line * np.float32(self.seam * aperture.talk))[..., None]
        return skin + (1.6 * self.palette.cavity - skin) * opacity


def _opacity(place: AtMouth, line: MouthLine) -> Field:
    """1 between the lips, 0 on them, and smooth in between."""
    width = np.float32(2 * _EDGE)
    opacity = _clipped((place.below - place.upper) / width + 0.5)
    opacity *= _clipped((place.lower - place.below) / width + 0.5)
    opacity *= _clipped((place.lower - place.upper) / np.float32(1.2 * _EDGE))
    opacity *= (place.along > 0) & (place.along < line.length)
    return opacity


def _clipped(value: Field, least: float = 0.0) -> Field:
    return np.clip(value, np.float32(least), np.float32(1)).astype(np.float32, copy=False)
