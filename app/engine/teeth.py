"""Two rows of teeth as pictures in millimetres: the photo's own where it smiles, else made ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.engine.anatomy import Head
from app.engine.curves import Field, Points, rounded, smoothstep
from app.engine.lips import INNER, Lips
from app.engine.palette import Palette, luma
from app.engine.sampling import Border, bicubic, bilinear
from app.media.face import Picture

# Edges of one half of a row, in mm from the middle (widths after Wheeler's dental anatomy).
_UPPER_EDGES = np.array([0, 8.4, 14.8, 21.8, 28.5, 35.0])
_LOWER_EDGES = np.array([0, 5.2, 11.0, 17.8, 24.8, 31.8])
_UPPER_SHORTER = np.array([0.0, 0.7, 0.2, 0.9, 1.2])  # than the front teeth, in mm
_LOWER_SHORTER = np.array([0.0, 0.1, 0.0, 0.5, 0.8])
_LOWER_EDGE = -0.9  # mm below the line where closed lips meet: behind the upper teeth
_FOLLOWS_SMILE = 0.7
_MOST_BOWED = 0.012  # mm of rise for each square mm aside: a broad grin
_ROW_BEND = 17.0  # mm aside at which the row has risen by half of what shows
_CLEAR_OF_LIPS = 0.7  # mm of a photo's teeth next to the lips that have the lips' colour
_CLEAR_OF_CORNERS = 1.5
_VISIBLE_HEIGHTS = np.array([0.25, 0.4, 0.55])  # of a smile, from above
_BRIGHTER_THAN_LIPS = 1.15  # else it is the tongue
_HALF_WIDTH, _ABOVE, _BELOW = 32.0, 12.0, 10.0  # mm of the picture of a row


@dataclass(frozen=True, slots=True)
class Teeth:
    """A row of teeth: colours and opacity (RGBA, 0..255 and 0..1) at ``density`` pixels a mm.

    The middle of the picture's width is ``centre`` (across, down) in the head's millimetres;
    the picture begins ``_ABOVE`` mm above it.
    """

    picture: Field
    density: float
    centre: Points

    def at(self, head_millimetres: Field) -> Field:
        """Colours and opacity for pixels at height x width x (across, down)."""
        offset = np.array([_HALF_WIDTH, _ABOVE]) - self.centre
        pixels = (head_millimetres + offset.astype(np.float32)) * np.float32(self.density)
        return bilinear(self.picture, pixels, Border.NOTHING)


def upper_teeth(seam: Points, showing: float, palette: Palette, density: float) -> Teeth:
    """Made teeth that show ``showing`` mm below the line (11 x 2 mm) where lips meet."""
    across, down = _millimetres(density)
    row = _Row.at(across, _UPPER_EDGES, _UPPER_SHORTER)
    edge = _bow(seam, across) + showing * (1 - 0.3 * (across / _ROW_BEND) ** 2)
    edge = edge - row.shorter - 0.75 * np.abs(row.aside) ** 5
    opacity = np.clip((edge - down) * density + 0.5, 0, 1) * _fade_aside(across, 17, 10)
    height = np.clip((edge - down) / 9.0, 0, 1)  # 0 at the biting edge, 1 at the gum
    # Enamel is a little glassy at its edge and fullest in its upper half.
    light = row.light * (0.90 + 0.10 * smoothstep(height * 4))
    return Teeth(_painted(palette, light, opacity), density, seam[5])


def lower_teeth(seam: Points, palette: Palette, density: float) -> Teeth:
    """Made teeth that ride on the jaw and only peep over the lip."""
    across, down = _millimetres(density)
    row = _Row.at(across, _LOWER_EDGES, _LOWER_SHORTER)
    edge = _bow(seam, across) + _LOWER_EDGE + row.shorter + 0.5 * row.aside**6
    opacity = np.clip((down - edge) * density + 0.5, 0, 1) * _fade_aside(across, 10, 8)
    return Teeth(_painted(palette, 0.66 * row.light, opacity), density, seam[5])


def _bow(seam: Points, across: Points) -> Points:
    """How far below the middle of a seam teeth end: they follow lips that smile part of the way."""
    offsets = seam - seam[5]
    curvature = (offsets[:, 0] ** 2 * offsets[:, 1]).sum() / (offsets[:, 0] ** 4).sum()
    return np.asarray(_FOLLOWS_SMILE * np.clip(curvature, -_MOST_BOWED, 0) * across**2)


def own_teeth(rgb: Picture, head: Head, lips: Lips, density: float) -> Teeth:
    """The teeth between the parted lips of a photo, where they are in the photo."""
    across, down = _millimetres(density)
    centre = lips.meeting_line[5]
    across, down = across + centre[0], down + centre[1]
    top, bottom = (_height_of(lip[INNER], across) for lip in (lips.upper, lips.lower))
    right, left = lips.upper[INNER, 0, 0], lips.upper[INNER, -1, 0]
    clear_top = top + _CLEAR_OF_LIPS
    places = np.stack(
        [
            np.clip(across, right + _CLEAR_OF_CORNERS, left - _CLEAR_OF_CORNERS),
            np.clip(down, clear_top, np.maximum(bottom - _CLEAR_OF_LIPS, clear_top)),
        ],
        -1,
    )
    colours = bicubic(rgb, head.to_picture(places))
    opacity = np.clip((bottom - 0.15 - down) / 0.9 + 0.5, 0, 1)
    opacity *= np.clip(np.minimum(across - right, left - across), 0, 1)
    return Teeth(np.dstack([colours, opacity]).astype(np.float32), density, centre)


def visible_teeth(rgb: Picture, head: Head, lips: Lips, palette: Palette) -> Field | None:
    """The colour of the teeth between parted lips; None if it is dark in there."""
    upper, lower = lips.upper[INNER, 3:8], lips.lower[INNER, 3:8]
    places = upper + _VISIBLE_HEIGHTS[:, None, None] * (lower - upper)
    colours = bilinear(rgb, head.to_picture(places)).reshape(-1, 3).astype(np.float32)
    by_brightness = np.argsort([luma(colour) for colour in colours])
    bright = np.asarray(colours[by_brightness[-4:]].mean(0), np.float32)
    return bright if luma(bright) > _BRIGHTER_THAN_LIPS * luma(palette.lip) else None


@dataclass(frozen=True, slots=True)
class _Row:
    """For each pixel: its tooth's length, -1..1 across its tooth, and how bright that is."""

    shorter: Points
    aside: Points
    light: Points

    @classmethod
    def at(cls, across: Points, edges: Points, shorter: Points) -> _Row:
        distance = np.abs(across)
        tooth = np.clip(np.searchsorted(edges, distance, side="right") - 1, 0, len(shorter) - 1)
        start, end = edges[tooth], edges[tooth + 1]
        aside = np.clip(2 * (distance - start) / (end - start) - 1, -1, 1)
        from_joint = (1 - np.abs(aside)) * (end - start) / 2
        joint = 1 - 0.30 * np.exp(-((from_joint / 0.45) ** 2))
        # A tooth is round, and the row bends away into the dark.
        light = joint * (1 - 0.10 * aside**4)
        light = light * (1 - 0.42 * np.clip(distance / 20, 0, 1) ** 1.5)
        return cls(shorter[tooth], aside, light)


def _millimetres(density: float) -> tuple[Points, Points]:
    across = np.arange(round(2 * _HALF_WIDTH * density)) / density - _HALF_WIDTH
    down = np.arange(round((_ABOVE + _BELOW) * density)) / density - _ABOVE
    grid = np.meshgrid(across, down)
    return grid[0], grid[1]


def _fade_aside(across: Points, start: float, length: float) -> Points:
    return 1 - smoothstep((np.abs(across) - start) / length)


def _painted(palette: Palette, light: Points, opacity: Points) -> Field:
    light = light[..., None]
    colours = palette.teeth * light + 1.5 * palette.cavity * (1 - light)
    return np.dstack([colours, opacity]).astype(np.float32)


def _height_of(contour: Points, across: Points) -> Points:
    path = rounded(contour, 8)
    return np.interp(across.ravel(), np.maximum.accumulate(path[:, 0]), path[:, 1]).reshape(
        across.shape
    )
