"""Small files of every accepted format, made on the spot.

Pictures are 64 by 48 pixels: red in the upper left quarter, blue in the lower right one, grey
elsewhere. Sound lasts a second and clicks once, at half time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pillow_heif
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.stream import VideoStream
from PIL import Image

WIDTH, HEIGHT = 64, 48
RED, BLUE, GREY = (200, 30, 30), (30, 30, 200), (128, 128, 128)
CLICK = 0.5
PAUSE = 0.7
"""Seconds after which the recorder may pause."""


@dataclass(frozen=True)
class Recipe:
    """What goes into a recording; ``times`` are those of its pictures, in seconds."""

    picture: str | None = None
    sound: str | None = None
    format: str | None = None
    size: tuple[int, int] = (WIDTH, HEIGHT)
    rate: int = 25
    seconds: float = 1.0
    times: tuple[float, ...] | None = None
    sound_rate: int = 48000
    sound_start: float = 0.0
    sound_pause: float = 0.0
    turn: int = 0
    live: bool = False
    bit_rate: int | None = None


VIDEOS = {
    "mp4": Recipe("libx264", "aac"),
    "mov": Recipe("libx264", "aac"),
    "m4v": Recipe("libx264", "aac", format="ipod"),
    "webm": Recipe("libvpx-vp9", "libopus"),
    "mkv": Recipe("libx264", "flac"),
    "avi": Recipe("mpeg4", "libmp3lame"),
}

SOUNDS = {
    "mp3": Recipe(sound="libmp3lame"),
    "16.wav": Recipe(sound="pcm_s16le"),
    "24.wav": Recipe(sound="pcm_s24le"),
    "float.wav": Recipe(sound="pcm_f32le"),
    "m4a": Recipe(sound="aac", format="ipod"),
    "aac": Recipe(sound="aac", format="adts"),
    "ogg": Recipe(sound="libopus"),
    "vorbis.ogg": Recipe(sound="vorbis"),
    "opus": Recipe(sound="libopus"),
    "recorded.webm": Recipe(sound="libopus", live=True),
    "flac": Recipe(sound="flac"),
    "aiff": Recipe(sound="pcm_s16be"),
    "amr": Recipe(sound="libopencore_amrnb", sound_rate=8000),
}


def corners(size: tuple[int, int] = (WIDTH, HEIGHT)) -> npt.NDArray[np.uint8]:
    """The picture, by its four corners."""
    width, height = size
    picture = np.full((height, width, 3), GREY, np.uint8)
    picture[: height // 2, : width // 2] = RED
    picture[height // 2 :, width // 2 :] = BLUE
    return picture


def click(rate: int, seconds: float = 1.0) -> npt.NDArray[np.float32]:
    """A quiet tone with one click in it."""
    time = np.arange(round(rate * seconds)) / rate
    sound = 0.05 * np.sin(2 * np.pi * 220 * time)
    sound[np.abs(time - CLICK) < 0.001] = 0.8
    return sound.astype(np.float32)


def record(path: Path, recipe: Recipe) -> Path:
    """Write a recording."""
    options = {"live": "1"} if recipe.live else {}
    with av.open(path, "w", format=recipe.format, options=options) as file:
        picture = _picture_stream(file, recipe) if recipe.picture else None
        sound = _sound_stream(file, recipe) if recipe.sound else None
        if picture is not None:
            _write_pictures(file, picture, recipe)
        if sound is not None:
            _write_sound(file, sound, recipe)
    return path


def _picture_stream(file: OutputContainer, recipe: Recipe) -> VideoStream:
    stream = file.add_stream(recipe.picture or "", rate=recipe.rate)
    assert isinstance(stream, VideoStream)
    stream.width, stream.height = recipe.size
    stream.pix_fmt = "yuv420p"
    stream.codec_context.time_base = (
        Fraction(1, 1000) if recipe.times else 1 / Fraction(recipe.rate)
    )
    if recipe.turn:
        stream.set_display_rotation(recipe.turn)
    return stream


def _sound_stream(file: OutputContainer, recipe: Recipe) -> AudioStream:
    stereo = recipe.sound == "vorbis"
    layout = "stereo" if stereo else "mono"
    options = {"strict": "experimental"} if stereo else {}
    stream = file.add_stream(
        recipe.sound or "", rate=recipe.sound_rate, layout=layout, options=options
    )
    assert isinstance(stream, AudioStream)
    if recipe.bit_rate:
        stream.bit_rate = recipe.bit_rate
    return stream


def _write_pictures(file: OutputContainer, stream: VideoStream, recipe: Recipe) -> None:
    tick = stream.codec_context.time_base or Fraction(1, recipe.rate)
    times = recipe.times or tuple(
        n / recipe.rate for n in range(round(recipe.rate * recipe.seconds))
    )
    picture = corners(recipe.size)
    for time in times:
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")
        frame.pts, frame.time_base = round(time / tick), tick
        file.mux(stream.encode(frame))
    file.mux(stream.encode(None))


def _write_sound(file: OutputContainer, stream: AudioStream, recipe: Recipe) -> None:
    context = stream.codec_context
    samples = (click(recipe.sound_rate, recipe.seconds) * 32767).astype(np.int16)
    frame = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
    frame.sample_rate = recipe.sound_rate
    frame.pts = round(recipe.sound_start * recipe.sound_rate)
    frame.time_base = Fraction(1, recipe.sound_rate)
    piece = context.frame_size or round(recipe.sound_rate * 0.02)
    fitted = av.AudioResampler(context.format, context.layout, recipe.sound_rate, piece)
    for part in (*fitted.resample(frame), *fitted.resample(None)):
        if recipe.sound_pause and (part.time or 0) > PAUSE:
            part.pts = (part.pts or 0) + round(recipe.sound_pause * recipe.sound_rate)
        file.mux(stream.encode(part))
    file.mux(stream.encode(None))


def _saved(path: Path) -> None:
    Image.fromarray(corners()).save(path, quality=95)


def _heic(path: Path) -> None:
    # Without Pillow's plugin: to register that is up to the code under test.
    pillow_heif.from_pillow(Image.fromarray(corners())).save(path, quality=90)


def _cmyk(path: Path) -> None:
    Image.fromarray(corners()).convert("CMYK").save(path, quality=95)


def _deep(path: Path) -> None:
    grey = corners()[..., 0].astype(np.uint16) * 257
    Image.fromarray(grey).save(path)


def _clear(path: Path) -> None:
    picture = Image.fromarray(corners()).convert("RGBA")
    picture.putalpha(Image.fromarray(np.tile(np.arange(WIDTH) < WIDTH // 2, (HEIGHT, 1))))
    picture.save(path)


def _moving(path: Path) -> None:
    frames = [Image.fromarray(corners()), Image.new("RGB", (WIDTH, HEIGHT), "black")]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=100)


STILLS: dict[str, Callable[[Path], None]] = {
    "jpg": _saved,
    "png": _saved,
    "webp": _saved,
    "heic": _heic,
    "avif": _saved,
    "bmp": _saved,
    "tiff": _saved,
    "gif": _saved,
    "cmyk.jpg": _cmyk,
    "deep.png": _deep,
    "clear.png": _clear,
    "moving.gif": _moving,
    "moving.webp": _moving,
}


def make(path: Path, name: str) -> Path:
    """Write the sample of that name: a key of `STILLS`, `VIDEOS` or `SOUNDS`."""
    if name in STILLS:
        STILLS[name](path)
        return path
    return record(path, VIDEOS.get(name) or SOUNDS[name])
