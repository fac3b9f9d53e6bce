"""Looks into what was sent before anything is spent on it: what it is, how large, how long."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from PIL import Image

from app.errors import TooLarge, TooLong, UnreadableMedia, UnsupportedAudio, UnsupportedImage
from app.media.inspection import PictureTaste, SoundTaste, Span, read_through
from app.media.opening import MAX_FRAME_PIXELS, open_recording, opened_still
from app.media.sniff import IMAGES, RECORDINGS, sniff
from app.media.streams import (
    codec_of,
    moving_pictures,
    picture_stream,
    sound_stream,
    square_pixels,
    start_of,
    stated_rate,
)
from app.model import Kind, Media


@dataclass(frozen=True, slots=True)
class Limits:
    """How large and how long a file may be: pixels of a still and of a video's frame, seconds."""

    max_pixels: int = 64_000_000
    max_frame_pixels: int = MAX_FRAME_PIXELS
    max_frame_side: int = 8192
    max_seconds: float = 600.0


_SOUND_ONLY = frozenset({"m4a", "ogg", "wav", "flac", "mp3", "aac", "aiff", "amr"})

_CLOCKWISE = {3: 180, 4: 180, 5: 90, 6: 90, 7: 270, 8: 270}
"""Degrees to turn a still by its EXIF orientation (2, 4, 5 and 7 are mirrored as well)."""

_EXIF_ORIENTATION = 0x0112

_PADDING = 0.5
"""Seconds that encoders may add to a recording that is just within the limit."""


def probe_face(path: Path, *, sha256: str, limits: Limits | None = None) -> Media:
    """What the file in the "image" field is: a still or a video.

    Raises UnsupportedImage, UnreadableMedia, TooLarge, TooLong.
    """
    limits = limits or Limits()
    size = _size(path, "image")
    container = sniff(path)
    if container is None or container in _SOUND_ONLY:
        raise UnsupportedImage
    if container in IMAGES:
        return _still(Media(path, Kind.IMAGE, container, size, sha256), limits)
    return _video(Media(path, Kind.VIDEO, container, size, sha256), limits)


def probe_audio(path: Path, *, sha256: str, limits: Limits | None = None) -> Media:
    """What the file in the "audio" field is: a recording, or a video with a sound track.

    ``video_codec`` of the answer is set when there is a picture beside the sound.

    Raises UnsupportedAudio, UnreadableMedia, TooLong.
    """
    limits = limits or Limits()
    size = _size(path, "audio")
    container = sniff(path)
    if container is None or container not in RECORDINGS:
        raise UnsupportedAudio
    return _sound(Media(path, Kind.AUDIO, container, size, sha256), limits)


def _size(path: Path, what: str) -> int:
    size = path.stat().st_size
    if not size:
        raise UnreadableMedia(f"The {what} is empty.")
    return size


def _still(media: Media, limits: Limits) -> Media:
    with opened_still(media.path, "image", max_pixels=limits.max_pixels) as still:
        orientation = still.getexif().get(_EXIF_ORIENTATION, 1)
        width, height = _decoded_size(still)
    # Pillow turns a TIFF by itself, and says so from the start.
    if orientation in (5, 6, 7, 8) and media.container != "tiff":
        width, height = height, width
    return replace(media, width=width, height=height, rotation=_CLOCKWISE.get(orientation, 0))


def _decoded_size(still: Image.Image) -> tuple[int, int]:
    """Decodes a still; a JPEG at an eighth of its size, for which all of it is read as well."""
    size = still.size
    drafted = still.draft("L", (still.width // 8, still.height // 8))
    still.load()
    # What a HEIF holds is only known once it is decoded.
    return size if drafted else still.size


def _sound(media: Media, limits: Limits) -> Media:
    with open_recording(media.path, "audio") as recording:
        pictures = moving_pictures(recording)
        stream = sound_stream(recording)
        taste = SoundTaste()
        span = read_through(recording, stream, taste)
        duration = span.end - start_of(recording)
        if not taste.seconds or duration <= 0:
            raise UnreadableMedia("The audio has no sound that can be decoded.")
        _check_length("audio", span, duration, limits)
        return replace(
            media,
            duration=round(duration, 3),
            video_codec=codec_of(pictures[0]) if pictures else None,
            audio_codec=codec_of(stream),
        )


def _video(media: Media, limits: Limits) -> Media:
    with open_recording(media.path, "video") as recording:
        stream = picture_stream(recording)
        _check_frame(stream.width, stream.height, limits)
        taste = PictureTaste()
        span = read_through(recording, stream, taste)
        if taste.frame is None:
            raise UnreadableMedia("The video has no picture that can be decoded.")
        rate = stated_rate(stream)
        # The last picture of a WebM has no length of its own.
        duration = max(span.end - span.start, 1 / (rate or 25))
        _check_length("video", span, duration, limits)
        sound = recording.streams.audio
        return replace(
            _as_displayed(media, taste.frame, stream, limits),
            duration=round(duration, 3),
            frame_rate=rate or span.count / duration,
            video_codec=codec_of(stream),
            audio_codec=codec_of(sound[0]) if sound else None,
        )


def _check_length(what: str, span: Span, duration: float, limits: Limits) -> None:
    if span.cut_off:
        raise UnreadableMedia(
            f"The {what} is cut off: it should be {span.promised:.1f} seconds long, "
            f"but only {span.last:.1f} seconds are there."
        )
    if duration > limits.max_seconds + _PADDING:
        raise TooLong(
            f"The {what} is {duration:.1f} seconds long; the limit is {limits.max_seconds:g}."
        )


def _as_displayed(media: Media, frame: VideoFrame, stream: VideoStream, limits: Limits) -> Media:
    _check_frame(frame.width, frame.height, limits)
    width, height = square_pixels(frame.width, frame.height, stream.sample_aspect_ratio)
    # FFmpeg counts counter-clockwise.
    rotation = round(-frame.rotation / 90) % 4 * 90
    if rotation % 180:
        width, height = height, width
    return replace(media, width=width, height=height, rotation=rotation)


def _check_frame(width: int, height: int, limits: Limits) -> None:
    if width * height > limits.max_frame_pixels or max(width, height) > limits.max_frame_side:
        raise TooLarge(
            f"The video is {width} by {height} pixels; the limit is "
            f"{limits.max_frame_pixels / 1e6:g} megapixels and {limits.max_frame_side} on a side."
        )
