"""Follows one face through a video, and learns what it looks like with its mouth shut."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
import numpy.typing as npt

from app.engine.anatomy import CHIN, NOSE_TIP, Head
from app.engine.curves import Points
from app.engine.lips import ClosedMouth
from app.engine.looks import Looks
from app.engine.palette import Palette
from app.engine.steadying import steady
from app.errors import NoFace
from app.media.face import LANDMARKS, Face, FaceMesh, Picture

_LIKELY_FACE = 0.5
_SEARCH_EVERY = 5  # frames
_PATIENT_SEARCHES = 10
_SEARCH_SELDOM = 50  # frames: a search of a whole empty picture takes long
_LOOK_EVERY = 8  # frames: the colours and the seam of the lips are averages
_LOOK_CLOSELY = 16  # frames at the start of which all are looked at
_FADE = 9  # frames over which the new mouth comes and goes where the face is lost
_SHUT_SHARE = 15  # per cent of all frames have a jaw at least as shut as "shut"
_SKIN_OVER_BONE = 0.8  # of the chin's way in the picture is the jaw's; the rest is soft tissue
_WIDEST_JAW = 20.0  # mm


@dataclass(frozen=True, slots=True)
class TrackedFace:
    """One face in all frames of a video.

    ``points`` are frames x 468 x 3 pixels; ``certainty`` 0..1 fades to 0 where the face is lost;
    ``jaw`` is how far the jaw has dropped, in mm; ``closed`` is how the lips look when they are
    closed. All pictures are ``width`` x ``height`` pixels after ``quarter_turns`` (as
    ``numpy.rot90`` turns).
    """

    points: npt.NDArray[np.float32]
    certainty: Points
    jaw: Points
    closed: ClosedMouth
    palette: Palette
    quarter_turns: int
    width: int
    height: int

    @property
    def millimetre(self) -> float:
        """Pixels, as usual in this video."""
        some = range(0, len(self.points), 1 + len(self.points) // 50)
        return float(np.median([Head(self.points[i].astype(float)).millimetre for i in some]))


def upright(rgb: Picture, quarter_turns: int) -> Picture:
    """A picture turned so that its face is upright, as ``numpy.rot90`` turns."""
    return np.ascontiguousarray(np.rot90(rgb, quarter_turns)) if quarter_turns else rgb


def track_face(
    frames: Iterable[Picture], most: int, mesh: FaceMesh, on_frame: Callable[[int], None]
) -> TrackedFace:
    """Find the most prominent face and follow it through ``most`` frames at most.

    ``on_frame`` hears the number of each frame. Raises NoFace.
    """
    # Memory that is never written is never taken.
    search = _Search(mesh, np.empty((most, LANDMARKS, 3), np.float32), np.zeros(most))
    count, size = 0, (0, 0)
    for number, frame in enumerate(islice(frames, most)):
        count, size = number + 1, search.look_at(number, frame)
        on_frame(number)
    return search.result(count, *size)


@dataclass(slots=True)
class _Search:
    mesh: FaceMesh
    track: npt.NDArray[np.float32]  # frames x 468 x 3
    seen: Points  # 1 for each frame with the face in it, else 0
    quarter_turns: int = 0
    latest: npt.NDArray[np.float64] | None = None  # where the face was seen last
    lost: int = 0  # frames since then
    looks: Looks = field(default_factory=Looks)

    def look_at(self, number: int, frame: Picture) -> tuple[int, int]:
        """Take in a frame; width and height of it after it was turned."""
        face = self._first_face(number, frame) if self.latest is None else self._same_face(frame)
        picture = upright(frame, self.quarter_turns)
        self.lost = 0 if face else self.lost + 1
        if face:
            self.latest, self.seen[number] = face.points, 1
            if number < _LOOK_CLOSELY or not number % _LOOK_EVERY:
                self.looks.add(picture, Head(face.points))
        if self.latest is not None:
            self.track[number] = self.latest
        return picture.shape[1], picture.shape[0]

    def _first_face(self, number: int, frame: Picture) -> Face | None:
        patient = number < _PATIENT_SEARCHES * _SEARCH_EVERY
        if number % (_SEARCH_EVERY if patient else _SEARCH_SELDOM):
            return None
        found = self.mesh.best_face(frame)
        if found is None:
            return None
        face, self.quarter_turns = found
        return face

    def _same_face(self, frame: Picture) -> Face | None:
        assert self.latest is not None
        picture = upright(frame, self.quarter_turns)
        if not self.lost:
            face = self.mesh.track(picture, self.latest)
            if face.score >= _LIKELY_FACE:
                return face
        if self.lost % _SEARCH_EVERY:
            return None
        where = self.latest[:, :2].mean(0)
        boxes = self.mesh.detect(picture, small_faces=False)
        nearest = min(boxes, key=lambda box: np.hypot(*(box.centre - where)), default=None)
        if nearest is None:
            return None
        face = self.mesh.in_box(picture, nearest)
        return face if face.score >= _LIKELY_FACE else None

    def result(self, count: int, width: int, height: int) -> TrackedFace:
        """What was learnt from ``count`` frames. Raises NoFace."""
        track, seen = self.track[:count], self.seen[:count]
        if not seen.any():
            raise NoFace("No face was found in the video. Use a clear, front-facing human face.")
        first = int(seen.argmax())
        track[:first] = track[first]
        steady(track)
        return TrackedFace(
            points=track,
            certainty=_faded(seen),
            jaw=_jaw_drop(track),
            closed=self.looks.closed_mouth(),
            palette=self.looks.palette(),
            quarter_turns=self.quarter_turns,
            width=width,
            height=height,
        )


def _faded(seen: Points) -> Points:
    near = np.convolve(np.pad(seen, _FADE // 2, mode="edge"), np.full(_FADE, 1 / _FADE), "valid")
    return np.where(seen > 0, np.clip(2 * near - 1, 0, 1), 0)


def _jaw_drop(track: npt.NDArray[np.float32]) -> Points:
    millimetres = np.array([Head(points.astype(float)).millimetre for points in track])
    chin = np.linalg.norm(track[:, CHIN] - track[:, NOSE_TIP], axis=1) / millimetres
    shut = np.percentile(chin, _SHUT_SHARE)
    return np.asarray(np.clip(chin - shut, 0, _WIDEST_JAW) * _SKIN_OVER_BONE)
