"""Every picture and every sound that people have reaches every provider as what it takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from pathlib import Path
from typing import Any

import av
import numpy as np
import pillow_heif
import pytest
from av.audio.stream import AudioStream
from av.video.stream import VideoStream
from PIL import Image

from app.espeak import speak, write_wav
from app.media.probe import probe_audio, probe_face
from app.model import Kind, Media
from app.providers import HTTP_PROVIDERS
from app.samples import sample_photo
from tests.service import Service
from tests.standin import RunningStandIn

HEIGHT = 200
FACES = ("jpg", "png", "webp", "heic", "turned.jpg", "gif", "mp4", "mov", "webm", "mkv")
VOICES = ("mp3", "wav", "m4a", "ogg", "recorded.webm", "flac")
PICTURE_CODECS = {"mp4": "libx264", "mov": "libx264", "webm": "libvpx", "mkv": "libx264"}
SOUND_CODECS = {
    "mp3": "libmp3lame",
    "m4a": "aac",
    "ogg": "libopus",
    "recorded.webm": "libopus",
    "flac": "flac",
}


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One upright portrait in every format, as high as `HEIGHT`."""
    folder = tmp_path_factory.mktemp("faces")
    with Image.open(sample_photo()) as photo:
        width = photo.width * HEIGHT // photo.height // 2 * 2
        portrait = photo.convert("RGB").resize((width, HEIGHT))
    return {name: _face(portrait, folder / f"face.{name}", name) for name in FACES}


@pytest.fixture(scope="module")
def voices(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One sentence in every format."""
    folder = tmp_path_factory.mktemp("voices")
    spoken = folder / "voice.wav"
    write_wav(speak("Bring my mother a pie."), spoken)
    return {name: _voice(spoken, folder / f"voice.{name}", name) for name in VOICES}


def _face(portrait: Image.Image, path: Path, name: str) -> Path:
    if name in PICTURE_CODECS:
        return _film(portrait, path, PICTURE_CODECS[name])
    if name == "heic":
        pillow_heif.from_pillow(portrait).save(path)
    elif name == "turned.jpg":
        exif = Image.Exif()
        exif[0x0112] = 6  # stored on its side: to be turned clockwise
        portrait.transpose(Image.Transpose.ROTATE_90).save(path, exif=exif)
    else:
        portrait.save(path)
    return path


def _film(portrait: Image.Image, path: Path, codec: str) -> Path:
    with av.open(str(path), "w") as file:
        stream: VideoStream = file.add_stream(codec, rate=25)  # type: ignore[assignment]
        stream.width, stream.height, stream.pix_fmt = portrait.width, portrait.height, "yuv420p"
        for number in range(50):
            frame = av.VideoFrame.from_ndarray(np.asarray(portrait), format="rgb24")
            frame.pts = number
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


def _voice(spoken: Path, path: Path, name: str) -> Path:
    if name not in SOUND_CODECS:
        return spoken
    # A browser writes its recording as it goes, and never knows how long it will be.
    options = {"live": "1"} if name == "recorded.webm" else {}
    with av.open(str(spoken)) as source, av.open(str(path), "w", options=options) as file:
        stream: AudioStream = file.add_stream(  # type: ignore[assignment]
            SOUND_CODECS[name], rate=48_000, layout="mono"
        )
        resampler = av.AudioResampler(stream.format, "mono", 48_000, frame_size=stream.frame_size)
        for frame in [*source.decode(audio=0), None]:
            for block in resampler.resample(frame):
                file.mux(stream.encode(block))
        file.mux(stream.encode(None))
    return path


@pytest.fixture(scope="module")
def standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStandIn]:
    with RunningStandIn(tmp_path_factory.mktemp("standin")) as running:
        yield running


@pytest.fixture(scope="module")
def delivered(
    standin: RunningStandIn,
    tmp_path_factory: pytest.TempPathFactory,
    faces: dict[str, Path],
    voices: dict[str, Path],
) -> dict[tuple[str, str], tuple[dict[str, Any], str]]:
    """Every face to every provider, with every voice in turn: the finished jobs."""
    settings = {**standin.settings, "LOCAL_CONCURRENCY": "2"}
    with Service(tmp_path_factory.mktemp("gateway"), **settings) as gateway:
        turn = cycle(VOICES)
        orders = [(each.name, face, next(turn)) for each in HTTP_PROVIDERS for face in FACES]

        def order(provider: str, face: str, voice: str) -> dict[str, Any]:
            answer = gateway.order(faces[face], voices[voice], provider=provider, wait="120")
            job: dict[str, Any] = answer.json()
            return job

        with ThreadPoolExecutor(8) as callers:
            jobs = list(callers.map(lambda each: order(*each), orders))
    return {(each[0], each[1]): (job, each[2]) for each, job in zip(orders, jobs, strict=True)}


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("provider", HTTP_PROVIDERS, ids=lambda each: each.name)
def test_what_arrives_is_what_the_provider_takes(
    standin: RunningStandIn,
    delivered: dict[tuple[str, str], tuple[dict[str, Any], str]],
    voices: dict[str, Path],
    provider: Any,
    face: str,
) -> None:
    job, voice = delivered[provider.name, face]
    assert job.get("status") == "success", job
    sent = _sent(standin, job["run_id"])
    picture = _only(probe_face, sent, lambda media: media.kind is not Kind.AUDIO)
    sound = _only(probe_audio, sent, lambda media: media.video_codec is None)
    assert picture.container in provider.takes.images | provider.takes.videos
    assert sound.container in provider.takes.audios
    assert picture.rotation == 0
    assert picture.width is not None
    assert picture.height == HEIGHT
    assert picture.width < picture.height
    spoken = probe_audio(voices[voice], sha256="")
    assert sound.duration == pytest.approx(spoken.duration, abs=0.08)


def _sent(standin: RunningStandIn, run_id: str) -> list[Path]:
    orders = {order["job_id"]: order for order in standin.seen()["orders"]}
    return [Path(file["path"]) for file in orders[run_id]["files"]]


def _only(probe: Callable[..., Media], files: list[Path], wanted: Callable[[Media], bool]) -> Media:
    """The one file that is what is looked for."""
    found = []
    for file in files:
        try:
            found.append(probe(file, sha256=""))
        except Exception:  # it is the other one
            continue
    (media,) = [each for each in found if wanted(each)]
    return media
