"""The colours of a mouth's inside, made from those of the face so that any light or tint fits."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from app.engine.anatomy import CHEEKS, LOWER_LIP_RED, Head
from app.engine.curves import Field
from app.media.face import Picture

_LUMA = np.array([0.30, 0.59, 0.11], np.float32)
_ENAMEL = np.array([1.0, 0.965, 0.90], np.float32)
_FLESH = np.array([0.66, 0.50, 0.50], np.float32)  # a tongue in the shade, of the lips' colour
_DARK_FLESH = np.array([0.32, 0.136, 0.128], np.float32)
_BRIGHTEST_TOOTH = 228.0


@dataclass(frozen=True, slots=True)
class Palette:
    """RGB colours, 0..255."""

    skin: Field
    lip: Field
    teeth: Field
    cavity: Field
    tongue: Field

    @classmethod
    def of(cls, rgb: Picture, head: Head) -> Palette:
        """From the cheeks and the lower lip of a face."""
        return cls.from_colours(
            _median_colour(rgb, head, CHEEKS), _median_colour(rgb, head, LOWER_LIP_RED)
        )

    @classmethod
    def from_colours(cls, skin: Field, lip: Field, teeth: Field | None = None) -> Palette:
        """From RGB colours; unknown teeth are given the light that falls on the skin."""
        lip_brightness = luma(lip)
        colourful = float(np.clip(3 * np.ptp(skin) / max(float(skin.max()), 1.0), 0, 1))
        flesh = _FLESH * colourful + 0.55 * (1 - colourful)
        dark = _DARK_FLESH * colourful + 0.16 * (1 - colourful)
        return cls(
            skin=skin,
            lip=lip,
            teeth=_teeth_in_light_of(skin) if teeth is None else teeth,
            cavity=np.clip(lip_brightness * dark, 4, 70).astype(np.float32),
            tongue=np.clip(lip * flesh, 20, 190).astype(np.float32),
        )


def luma(colour: Field) -> float:
    """The brightness of an RGB colour, 0..255."""
    return float((colour * _LUMA).sum())


def _teeth_in_light_of(skin: Field) -> Field:
    """A grey photo has grey teeth; one in the evening sun has golden ones."""
    brightness = luma(skin)
    tint = skin / max(brightness, 1.0)
    teeth = (0.58 * _ENAMEL + 0.42 * tint) * min(1.10 * brightness + 14, _BRIGHTEST_TOOTH)
    return np.clip(teeth, 0, 240).astype(np.float32)


def _median_colour(rgb: Picture, head: Head, points: tuple[int, ...]) -> Field:
    height, width = rgb.shape[:2]
    size = 2 * max(1, int(head.millimetre)) + 1
    colours = []
    for x, y in head.pixels(*points):
        centre = float(np.clip(x, 0, width - 1)), float(np.clip(y, 0, height - 1))
        patch = cv2.getRectSubPix(rgb, (size, size), centre)
        colours.append(np.median(patch.reshape(-1, 3), axis=0))
    return np.median(colours, axis=0).astype(np.float32)
