"""A photo or a video and a voice become a talking video that plays everywhere."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt
import pytest

from app.errors import NoFace, UnreadableMedia
from app.espeak import Speech
from app.media.decode import iter_video, load_image
from app.media.face import FaceMesh
from tests.engine.conftest import Film, Picture, picture_file, video_file
from tests.engine.measure import lip_aperture, measure

FRAME = 1 / 25
EYES = ((159, 145), (386, 374))  # the middles of both lids
STRIPE = 24  # pixels at the top of the moving video


def pictures(video: Path) -> list[Picture]:
    return list(iter_video(video, frame_rate=None, max_side=4000))


def difference(first: Picture, second: Picture) -> float:
    return float(np.abs(first.astype(float) - second.astype(float)).mean())


def eye_brightness(video: Path, mesh: FaceMesh) -> npt.NDArray[np.float64]:
    """How bright the eyes are in each frame: eyes are dark, lids are bright."""
    frames = pictures(video)
    found = mesh.best_face(frames[0])
    assert found is not None
    points = found[0].points
    brightness = []
    for frame in frames:
        points = mesh.track(frame, points).points
        grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
        eyes = [points[[upper, lower], :2].mean(0) for upper, lower in EYES]
        patches = [cv2.getRectSubPix(grey, (5, 5), (float(x), float(y))) for x, y in eyes]
        brightness.append(np.mean(patches))
    return np.array(brightness)


# --- lips move with the speech


@pytest.mark.parametrize("who", ["hopper", "astronaut"])
def test_lips_move_with_the_speech(
    who: str, request: pytest.FixtureRequest, mesh: FaceMesh
) -> None:
    video = request.getfixturevalue(f"talking_{who}")
    speech = request.getfixturevalue(f"{who}_speech")
    assert measure(video, speech.phonemes, mesh).faults() == []


def test_lips_close_for_p_b_and_m(
    talking_hopper: Path, hopper_speech: Speech, mesh: FaceMesh
) -> None:
    seen = measure(talking_hopper, hopper_speech.phonemes, mesh)
    assert seen.bilabials >= 10
    assert seen.bilabials_closed >= 0.8 * seen.bilabials


@pytest.mark.parametrize("who", ["hopper", "astronaut"])
def test_lips_move_better_with_words_that_are_known(
    who: str, request: pytest.FixtureRequest, film: Film, mesh: FaceMesh
) -> None:
    speech = request.getfixturevalue(f"{who}_speech")
    voice = request.getfixturevalue(f"{who}_voice")
    video = film(request.getfixturevalue(who), voice, phonemes=speech.phonemes)
    seen = measure(video, speech.phonemes, mesh)
    assert seen.faults() == []
    assert seen.opening >= 0.75
    if who == "hopper":  # whose lips are closed in the photo
        assert seen.bilabials_closed == seen.bilabials


def test_the_first_frame_is_the_photo_itself(
    talking_astronaut: Path, astronaut: Path, mesh: FaceMesh
) -> None:
    photo = load_image(astronaut, max_side=1280)
    found = mesh.best_face(photo)
    assert found is not None
    x, y = found[0].points[13, :2].astype(int)
    smile = np.s_[y - 10 : y + 15, x - 20 : x + 20]
    assert difference(pictures(talking_astronaut)[0][smile], photo[smile]) < 6


def test_bare_eyes_blink(talking_astronaut: Path, mesh: FaceMesh) -> None:
    brightness = eye_brightness(talking_astronaut, mesh)
    assert brightness.max() > 1.5 * np.median(brightness)


def test_eyes_behind_spectacles_do_not_blink(talking_hopper: Path, mesh: FaceMesh) -> None:
    brightness = eye_brightness(talking_hopper, mesh)
    assert brightness.max() < 1.5 * np.median(brightness)


# --- the file


def test_the_file_plays_everywhere(talking_hopper: Path) -> None:
    with av.open(str(talking_hopper)) as file:
        picture, sound = file.streams.video[0], file.streams.audio[0]
        assert (picture.codec_context.name, picture.pix_fmt) == ("h264", "yuv420p")
        assert (sound.codec_context.name, sound.rate) == ("aac", 48_000)
        assert (picture.start_time, sound.start_time) == (0, 0)
    content = talking_hopper.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")


def test_it_is_as_long_as_the_voice(talking_hopper: Path, hopper_speech: Speech) -> None:
    seconds = []
    with av.open(str(talking_hopper)) as file:
        for stream in (file.streams.video[0], file.streams.audio[0]):
            assert stream.duration is not None
            assert stream.time_base is not None
            seconds.append(float(stream.duration * stream.time_base))
    picture, sound = seconds
    assert picture == pytest.approx(hopper_speech.duration, abs=FRAME)
    assert sound == pytest.approx(picture, abs=0.001)


@pytest.mark.parametrize("height", [480, 720])
def test_colours_stay_as_they_are(
    height: int, hopper: Path, word: Path, film: Film, tmp_path: Path
) -> None:
    width = height * 4 // 3
    poster = np.full((height, width, 3), 255, np.uint8)
    poster[:400, :341] = load_image(hopper, max_side=400)
    swatches = [(200, 30, 30), (30, 160, 30), (30, 30, 200), (128, 128, 128), (240, 220, 60)]
    for place, colour in enumerate(swatches):
        poster[place * 60 : place * 60 + 60, -60:] = colour
    video = film(picture_file(poster, tmp_path / "poster.png"), word)
    frame = pictures(video)[-1]
    for place, colour in enumerate(swatches):
        seen = frame[place * 60 + 20 : place * 60 + 40, -40:-20].reshape(-1, 3).mean(0)
        assert np.abs(seen - colour).max() < 5


def test_an_odd_photo_loses_a_pixel_at_most(
    hopper: Path, word: Path, film: Film, tmp_path: Path
) -> None:
    photo = load_image(hopper, max_side=400)[:353, :301]
    frame = pictures(film(picture_file(np.ascontiguousarray(photo), tmp_path / "odd.png"), word))[0]
    assert frame.shape == (352, 300, 3)


def test_no_side_is_longer_than_asked(hopper: Path, word: Path, film: Film) -> None:
    height, width, _ = pictures(film(hopper, word, max_side=256))[0].shape
    assert max(height, width) <= 256
    assert width / height == pytest.approx(512 / 600, abs=0.01)


def test_the_frame_rate_is_the_one_asked_for(hopper: Path, word: Path, film: Film) -> None:
    with av.open(str(film(hopper, word, fps=12.0))) as file:
        assert file.streams.video[0].average_rate == 12


# --- options and reports


def test_without_head_motion_and_blinking_only_the_lower_face_moves(
    astronaut: Path, astronaut_voice: Path, film: Film
) -> None:
    frames = pictures(film(astronaut, astronaut_voice, head_motion=0.0, blink=False))
    above_the_nose, beside = np.s_[:110, :], np.s_[:, :100]
    for frame in frames[::10]:
        assert difference(frame[above_the_nose], frames[0][above_the_nose]) < 1
        assert difference(frame[beside], frames[0][beside]) < 1


def test_a_head_moves(talking_astronaut: Path) -> None:
    frames = pictures(talking_astronaut)
    hair = np.s_[10:60, 180:280]
    assert max(difference(frame[hair], frames[0][hair]) for frame in frames[::10]) > 3


def test_the_same_seed_gives_the_same_video(hopper: Path, word: Path, film: Film) -> None:
    first, again, other = (
        pictures(film(hopper, word, max_side=200, seed=seed)) for seed in (1, 1, 2)
    )
    assert max(difference(*pair) for pair in zip(first, again, strict=True)) < 0.2
    assert max(difference(*pair) for pair in zip(first, other, strict=True)) > 1


def test_progress_is_told(talking_hopper: Path, word: Path, film: Film) -> None:
    told: list[tuple[float, str]] = []
    film(talking_hopper, word, report=lambda progress, what: told.append((progress, what)))
    shares = [share for share, _ in told]
    assert all(sooner <= later for sooner, later in pairwise(shares))
    assert (shares[0], shares[-1]) == (0, 1)
    assert any("Tracking the face" in sentence for _, sentence in told)
    assert any("Rendering frame" in sentence for _, sentence in told)


# --- videos


def test_a_videos_old_words_are_gone(
    talking_hopper: Path,
    hopper_speech: Speech,
    astronaut_voice: Path,
    astronaut_speech: Speech,
    film: Film,
    mesh: FaceMesh,
) -> None:
    video = film(talking_hopper, astronaut_voice)
    assert measure(video, astronaut_speech.phonemes, mesh).faults() == []
    assert measure(video, hopper_speech.phonemes, mesh).opening < 0.5


@pytest.fixture(scope="session")
def moving(hopper: Path, studio: Path) -> Path:
    """A video of 12 frames, with a white square that moves along the top."""
    photo = load_image(hopper, max_side=320)[:320, :272].copy()
    frames = []
    for number in range(12):
        photo[:STRIPE] = 0
        photo[:STRIPE, 20 * number : 20 * number + 20] = 255
        frames.append(photo.copy())
    return video_file(frames, studio / "moving.mp4")


def test_a_video_that_is_too_short_plays_back_and_forth(
    moving: Path, word: Path, film: Film
) -> None:
    frames = pictures(film(moving, word))
    where = [int(frame[4:20].mean((0, 2)).argmax()) // 20 for frame in frames]
    there_and_back = [*range(12), *range(10, 0, -1)]
    assert len(where) > 12
    assert where == [there_and_back[number % 22] for number in range(len(where))]


def test_frames_without_the_face_are_left_alone(
    hopper: Path, word: Path, film: Film, tmp_path: Path, mesh: FaceMesh
) -> None:
    photo = load_image(hopper, max_side=320)[:320, :272].copy()
    wall = np.full_like(photo, 120)
    scenes = [photo] * 10 + [wall] * 10 + [photo] * 5
    source = video_file(scenes, tmp_path / "scenes.mp4")
    frames, before = pictures(film(source, word)), pictures(source)
    assert max(difference(frames[number], before[number]) for number in range(11, 19)) < 3
    found = mesh.best_face(before[7])
    assert found is not None
    x, y = found[0].points[13, :2].astype(int)
    mouth = np.s_[y - 10 : y + 20, x - 20 : x + 20]
    assert max(difference(frames[number][mouth], before[number][mouth]) for number in range(9)) > 4


def test_a_video_that_is_too_long_is_cut(talking_hopper: Path, word: Path, film: Film) -> None:
    with av.open(str(word)) as file:
        assert file.duration is not None
        seconds = file.duration / av.time_base
    assert len(pictures(film(talking_hopper, word))) * FRAME == pytest.approx(seconds, abs=FRAME)


def test_a_silent_video_speaks(moving: Path, word: Path, film: Film, mesh: FaceMesh) -> None:
    before, _ = lip_aperture(moving, mesh)
    after, _ = lip_aperture(film(moving, word), mesh)
    assert after.std() > 4 * before.std()


# --- faces and voices that are not as they should be


def test_a_face_that_lies_on_its_side_is_put_upright(
    hopper: Path, word: Path, film: Film, tmp_path: Path, mesh: FaceMesh
) -> None:
    lying = np.ascontiguousarray(np.rot90(load_image(hopper, max_side=300)))
    frame = pictures(film(picture_file(lying, tmp_path / "lying.png"), word))[0]
    assert frame.shape[:2] == (300, 256)
    found = mesh.best_face(frame)
    assert found is not None
    assert found[1] == 0


def test_no_face(word: Path, film: Film, tmp_path: Path) -> None:
    wall = np.full((200, 300, 3), (180, 120, 60), np.uint8)
    with pytest.raises(NoFace):
        film(picture_file(wall, tmp_path / "wall.png"), word)


def test_a_face_without_its_mouth(hopper: Path, word: Path, film: Film, tmp_path: Path) -> None:
    brow_to_nose = np.ascontiguousarray(load_image(hopper, max_side=1280)[:240])
    with pytest.raises(NoFace, match="mouth"):
        film(picture_file(brow_to_nose, tmp_path / "half.png"), word)


def test_no_face_in_a_video(word: Path, film: Film, tmp_path: Path) -> None:
    wall = np.full((64, 64, 3), 90, np.uint8)
    with pytest.raises(NoFace):
        film(video_file([wall], tmp_path / "wall.mp4"), word)


def test_no_sound(hopper: Path, film: Film, tmp_path: Path) -> None:
    (tmp_path / "broken.wav").write_bytes(b"RIFF\x00\x00\x00\x00WAVEfmt ")
    with pytest.raises(UnreadableMedia):
        film(hopper, tmp_path / "broken.wav")
