"""Every picture and every sound that people have, through every provider: ``make formats``.

Prints a row for each provider and picture and a column for each voice. A cell says that what
reached the provider is what it takes, upright and as long as the speech; and where a still had to
become a video, that its mouth moves. The exit code is 1 if one does not.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import av
import httpx
import numpy as np
import pillow_heif
from av.audio.stream import AudioStream
from av.video.stream import VideoStream
from PIL import Image

from app.espeak import speak, write_wav
from app.media.face import FaceMesh, face_models_dir
from app.media.probe import probe_audio, probe_face
from app.model import Kind, Media
from app.providers import HTTP_PROVIDERS
from app.samples import sample_photo
from tests.engine.measure import LEAST_SPREAD, lip_aperture
from tests.service import Service
from tests.standin import RunningStandIn

HEIGHT = 200
STILLS = ("jpg", "png", "webp", "heic", "turned.jpg", "gif")
FACES = (*STILLS, "mp4", "mov", "webm", "mkv")
VOICES = ("mp3", "wav", "m4a", "ogg", "recorded.webm", "flac")
PICTURE_CODECS = {"mp4": "libx264", "mov": "libx264", "webm": "libvpx", "mkv": "libx264"}
SOUND_CODECS = {
    "mp3": "libmp3lame",
    "m4a": "aac",
    "ogg": "libopus",
    "recorded.webm": "libopus",
    "flac": "flac",
}
AT_ONCE = 8
PATIENCE = "600"
PADDING = 0.08
"""Seconds by which encoders lengthen a sound."""


@dataclass(frozen=True, slots=True)
class Order:
    """A picture and a voice by their formats, and the provider that gets them."""

    provider: str
    face: str
    voice: str


@dataclass(frozen=True, slots=True)
class Samples:
    """One upright portrait and one sentence in every format."""

    faces: dict[str, Path]
    voices: dict[str, Path]


def samples(folder: Path) -> Samples:
    """Make them; the portrait is as high as `HEIGHT`."""
    with Image.open(sample_photo()) as photo:
        width = photo.width * HEIGHT // photo.height // 2 * 2
        portrait = photo.convert("RGB").resize((width, HEIGHT))
    spoken = folder / "voice.wav"
    write_wav(speak("Bring my mother a pie."), spoken)
    return Samples(
        {name: _face(portrait, folder / f"face.{name}", name) for name in FACES},
        {name: _voice(spoken, folder / f"voice.{name}", name) for name in VOICES},
    )


def deliver(
    gateway: Service, sent: Samples, orders: Sequence[Order]
) -> dict[Order, dict[str, Any]]:
    """Have the orders carried out: the answers."""
    gateway.client.timeout = httpx.Timeout(float(PATIENCE) + 60)

    def take(order: Order) -> dict[str, Any]:
        face, voice = sent.faces[order.face], sent.voices[order.voice]
        job: dict[str, Any] = gateway.order(
            face, voice, provider=order.provider, wait=PATIENCE
        ).json()
        return job

    with ThreadPoolExecutor(AT_ONCE) as callers:
        return dict(zip(orders, callers.map(take, orders), strict=True))


def fault(standin: RunningStandIn, order: Order, job: dict[str, Any], voice: Path) -> str:
    """What is wrong with what arrived, in a few words; nothing where all is well."""
    if job.get("status") != "success":
        return str(job.get("code") or job.get("status"))
    takes = next(each for each in HTTP_PROVIDERS if each.name == order.provider).takes
    orders = {each["job_id"]: each for each in standin.seen()["orders"]}
    files = [Path(file["path"]) for file in orders[job["run_id"]]["files"]]
    picture = _only(probe_face, files, lambda media: media.kind is not Kind.AUDIO)
    sound = _only(probe_audio, files, lambda media: media.video_codec is None)
    spoken = probe_audio(voice, sha256="").duration or 0.0
    wrong = {
        f"the picture is {picture.container}": picture.container not in takes.images | takes.videos,
        f"the sound is {sound.container}": sound.container not in takes.audios,
        "it lies on its side": picture.rotation != 0 or (picture.width or 0) > HEIGHT,
        f"it is {picture.height} pixels high": picture.height != HEIGHT,
        "it is too long or too short": abs((sound.duration or 0.0) - spoken) > PADDING,
        "its mouth does not move": order.face in STILLS
        and not takes.images
        and not _talks(picture.path),
    }
    return "; ".join(words for words, present in wrong.items() if present)


def _talks(video: Path) -> bool:
    aperture, _ = lip_aperture(video, FaceMesh(face_models_dir(None)))
    return float(aperture.std()) > LEAST_SPREAD


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


def main() -> int:
    """Print the table and the verdict."""
    began = time.monotonic()
    names = [provider.name for provider in HTTP_PROVIDERS]
    orders = [Order(*each) for each in product(names, FACES, VOICES)]
    with ExitStack() as rooms, tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        sent = samples(folder)
        standin = rooms.enter_context(RunningStandIn(folder))
        settings = {**standin.settings, "LOCAL_CONCURRENCY": "2", "LOG_LEVEL": "ERROR"}
        gateway = rooms.enter_context(Service(folder, **settings))
        jobs = deliver(gateway, sent, orders)
        told = {each: fault(standin, each, jobs[each], sent.voices[each.voice]) for each in orders}
    _print(names, told)
    wrong = sum(bool(words) for words in told.values())
    print(f"\n{len(orders) - wrong} of {len(orders)} as they should be,", end=" ")
    print(f"in {time.monotonic() - began:.0f} s.")
    return bool(wrong)


def _print(names: Sequence[str], told: dict[Order, str]) -> None:
    print(f"{'provider':20}{'picture':14}" + "".join(f"{voice:16}" for voice in VOICES))
    for name, face in product(names, FACES):
        cells = (told[Order(name, face, voice)] or "ok" for voice in VOICES)
        print(f"{name:20}{face:14}" + "".join(f"{cell:16}" for cell in cells))


if __name__ == "__main__":
    sys.exit(main())
