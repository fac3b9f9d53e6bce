"""Turns files into samples and pictures: mono sound at one rate, upright RGB at one frame rate."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from itertools import islice
from math import ceil, floor
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import Colorspace, Interpolation
from av.video.stream import VideoStream
from PIL import Image, ImageCms, ImageOps

from app.errors import TooLong, UnreadableMedia
from app.media.opening import open_recording, opened_still
from app.media.streams import (
    decoded_pictures,
    decoded_sound,
    packets,
    picture_stream,
    sound_stream,
    square_pixels,
    start_of,
    stated_rate,
)

Samples = npt.NDArray[np.float32]
"""Mono sound, -1..1."""

Picture = npt.NDArray[np.uint8]
"""Height, width, 3: RGB, contiguous."""

MAX_STILL_PIXELS = 64_000_000
"""The largest still that is ever decoded, in pixels."""

_GAP = 0.1  # seconds of missing sound that are worth filling: less is rounding of timestamps
_BROKEN_CLOCK = 60.0  # seconds; a longer jump is no pause but a clock that was set
_LONGEST_HOLD = 10.0  # seconds that one picture may stand still, likewise
_USUAL_RATE = 25.0
_UNTAGGED = 2  # FFmpeg's AVCOL_SPC_UNSPECIFIED


def read_audio(path: Path, rate: int, *, longest: float = 3600.0) -> Samples:
    """The sound of a file, or the sound track of a video, as mono samples at ``rate`` Hz.

    The first sample is the instant 0 of the file: an encoder's priming is dropped, a late start and
    gaps are filled with silence. ``longest`` is in seconds and bounds the memory (4 bytes a
    sample).

    Raises TooLong, UnreadableMedia.
    """
    blocks: list[Samples] = []
    count = 0
    for block in iter_audio(path, rate):
        blocks.append(block)
        count += len(block)
        if count > longest * rate:
            raise TooLong(f"The audio is longer than {longest:g} seconds, the limit here.")
    if not count:
        raise UnreadableMedia("The audio has no sound that can be decoded.")
    return np.concatenate(blocks)


def iter_audio(path: Path, rate: int) -> Iterator[Samples]:
    """What `read_audio` reads, block by block, in bounded memory.

    Raises UnreadableMedia.
    """
    with open_recording(path, "audio") as container:
        stream = sound_stream(container)
        resampler = _MonoResampler(rate)
        zero = start_of(container)
        count = 0
        for number, frame in enumerate(decoded_sound(container, stream)):
            due = count if frame.time is None else round((frame.time - zero) * rate)
            gap = due - count
            if abs(gap) > _BROKEN_CLOCK * rate:
                zero += gap / rate
                gap = 0
            silence = gap if gap > (_GAP * rate if number else 0) else 0
            block = resampler.resample(frame)
            count += silence + len(block)
            yield _joined([np.zeros(silence, np.float32), block])
        yield resampler.flush()


class _MonoResampler:
    """Any frames in, mono float samples at one rate out, even when the format changes midway."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._format: tuple[str, str, int] | None = None
        self._resampler: AudioResampler | None = None

    def resample(self, frame: AudioFrame) -> Samples:
        """What came out so far; a frame that cannot be converted gives nothing."""
        tail = np.zeros(0, np.float32)
        wanted = (frame.format.name, frame.layout.name, frame.sample_rate)
        if wanted != self._format:
            tail = self.flush()
            # Without a limit on the matrix, two equal channels add up to more than full scale.
            limit = {"rematrix_maxval": "1"}
            self._resampler = AudioResampler("fltp", "mono", self._rate, options=limit)
            self._format = wanted
        frame.pts = None
        return _joined([tail, self._converted(frame)])

    def flush(self) -> Samples:
        """What the filter still held back."""
        return self._converted(None)

    def _converted(self, frame: AudioFrame | None) -> Samples:
        if self._resampler is None:
            return np.zeros(0, np.float32)
        try:
            return _joined(list(_samples(self._resampler.resample(frame))))
        except (av.FFmpegError, ValueError):
            self._resampler = self._format = None
            return np.zeros(0, np.float32)


def _samples(frames: list[AudioFrame]) -> Iterator[Samples]:
    for frame in frames:
        samples = np.asarray(frame.to_ndarray()[0], np.float32)
        yield np.clip(np.nan_to_num(samples, nan=0.0), -1.0, 1.0)


def _joined(blocks: list[Samples]) -> Samples:
    return np.concatenate(blocks) if blocks else np.zeros(0, np.float32)


def iter_video(path: Path, *, frame_rate: float | None, max_side: int) -> Iterator[Picture]:
    """The pictures of a video at a constant ``frame_rate`` (its own when None), one at a time.

    They are upright (the container's rotation is applied), have square pixels, even sizes and no
    side longer than ``max_side`` pixels; all have the size of the first. Each is the
    picture seen in the middle of its interval, so a variable rate neither drifts nor shakes.

    Raises UnreadableMedia.
    """
    with open_recording(path, "video") as container:
        stream = picture_stream(container)
        own_rate = stated_rate(stream) or video_frame_rate(path)
        rate = frame_rate or own_rate
        shape: _Shape | None = None
        shown = 0
        for start, end, frame in _timed(container, stream, 1 / own_rate):
            shape = shape or _Shape.of(frame, stream, max_side)
            # Even a video that is shorter than one instant shows a picture.
            times = max(floor(end * rate + 0.5) - shown, 0 if start or shown else 1)
            yield from shape.pictures(frame, times)
            shown += times
        if shape is None:
            raise UnreadableMedia("The video has no picture that can be decoded.")


def picture_at(path: Path, seconds: float, *, max_side: int) -> Picture:
    """The picture that is seen at a moment of a video, counted from its start; at least the last.

    Raises UnreadableMedia.
    """
    with open_recording(path, "video") as container:
        stream = picture_stream(container)
        moment = start_of(container) + seconds
        with suppress(av.FFmpegError):
            # What cannot be sought is read from its beginning.
            container.seek(int(moment * av.time_base))
        seen: VideoFrame | None = None
        for frame in decoded_pictures(container, stream):
            if seen and frame.time is not None and frame.time > moment:
                break
            seen = frame
        if seen is None:
            raise UnreadableMedia("The video has no picture that can be decoded.")
        return next(_Shape.of(seen, stream, max_side).pictures(seen, 1))


def _timed(
    container: InputContainer, stream: VideoStream, interval: float
) -> Iterator[tuple[float, float, VideoFrame]]:
    """Frames with the seconds from and until which each is seen; broken times are made up."""
    held: VideoFrame | None = None
    clock = shift = 0.0
    for frame in decoded_pictures(container, stream):
        due = clock + interval if held else 0.0
        time = due if frame.time is None else frame.time + shift
        if not held or not 0 < time - clock <= _LONGEST_HOLD:
            shift += due - time
            time = due
        if held:
            yield clock, time, held
        held, clock = frame, time
    if held:
        yield clock, clock + interval, held


def video_frame_rate(path: Path) -> float:
    """The pictures per second of a video, measured when its header does not say.

    Raises UnreadableMedia.
    """
    with open_recording(path, "video") as container:
        stream = picture_stream(container)
        return stated_rate(stream) or _measured_rate(container, stream)


def _measured_rate(container: InputContainer, stream: VideoStream) -> float:
    stamps = [packet.pts for packet in islice(packets(container, stream), 120)]
    ticks = [stamp for stamp in stamps if stamp is not None]
    seconds = float((max(ticks) - min(ticks)) * (stream.time_base or 0)) if ticks else 0.0
    return min((len(ticks) - 1) / seconds, 120.0) if seconds > 0 else _USUAL_RATE


@dataclass(frozen=True, slots=True)
class _Shape:
    """How stored frames become pictures: the size before they are turned, and the turns."""

    width: int
    height: int
    quarter_turns: int

    @classmethod
    def of(cls, frame: VideoFrame, stream: VideoStream, max_side: int) -> _Shape:
        width, height = square_pixels(frame.width, frame.height, stream.sample_aspect_ratio)
        scale = min(1.0, max_side / max(width, height))
        return cls(_even(width * scale), _even(height * scale), round(frame.rotation / 90) % 4)

    def pictures(self, frame: VideoFrame, times: int) -> Iterator[Picture]:
        """A frame as RGB, ``times`` times over. Raises UnreadableMedia."""
        for _ in range(times):
            try:
                yield self._rgb(frame)
            except (av.FFmpegError, ValueError) as error:
                raise UnreadableMedia("The video has pixels that cannot be read.") from error

    def _rgb(self, frame: VideoFrame) -> Picture:
        # Untagged video is BT.601 when small and BT.709 when large: what players assume.
        large_untagged = frame.colorspace == _UNTAGGED and frame.height >= 720
        rgb = frame.reformat(
            width=self.width,
            height=self.height,
            format="rgb24",
            src_colorspace=Colorspace.ITU709 if large_untagged else None,
            interpolation=Interpolation.AREA,
        ).to_ndarray()
        # FFmpeg counts counter-clockwise, as numpy does.
        return np.array(np.rot90(rgb, self.quarter_turns), np.uint8, order="C")


def _even(size: float) -> int:
    return max(2, floor(size / 2 + 0.01) * 2)


def load_image(path: Path, *, max_side: int, max_pixels: int = MAX_STILL_PIXELS) -> Picture:
    """A still as RGB: upright by EXIF, flattened on white, no side longer than ``max_side``.

    Raises TooLarge, UnreadableMedia.
    """
    with opened_still(path, "image", max_pixels=max_pixels) as still:
        return np.array(_scaled_down(still, max_side), np.uint8)


def _scaled_down(still: Image.Image, max_side: int) -> Image.Image:
    scale = min(1.0, max_side / max(still.size))
    # A JPEG can be decoded at an eighth of its size; twice the target keeps it sharp.
    still.draft(None, (ceil(2 * scale * still.width), ceil(2 * scale * still.height)))
    upright = _eight_bits(ImageOps.exif_transpose(still))
    scale = min(1.0, max_side / max(upright.size))
    size = (max(1, round(upright.width * scale)), max(1, round(upright.height * scale)))
    small = upright.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    small = _in_srgb(small, still.info.get("icc_profile"))
    if small.mode == "RGBA":
        small = Image.alpha_composite(Image.new("RGBA", size, "white"), small)
    return small.convert("RGB")


def _in_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """The picture in the colours that a video is shown in; phones store the wider Display P3."""
    if not profile:
        return picture
    mode = "RGBA" if picture.mode == "RGBA" else "RGB"
    try:
        own, common = ImageCms.ImageCmsProfile(BytesIO(profile)), ImageCms.createProfile("sRGB")
        return ImageCms.profileToProfile(picture, own, common, outputMode=mode) or picture
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return picture  # an odd profile is no reason to refuse a photo


def _eight_bits(still: Image.Image) -> Image.Image:
    """Any mode as RGB, as RGBA when something shines through; CMYK waits for its profile."""
    if still.mode == "CMYK":
        return still
    if still.mode.startswith(("I", "F")):
        # Pillow would cut deep grey off at 255 instead of scaling it.
        depth = np.asarray(still, np.float32)
        white = max(float(np.nanmax(depth)), 1.0)
        full = 65535.0 if white > 255 else 255.0 if white > 1 else 1.0
        grey = np.clip(np.nan_to_num(depth) * (255.0 / full), 0, 255).astype(np.uint8)
        still = Image.fromarray(grey)
    return still.convert("RGBA" if still.has_transparency_data else "RGB")
