"""Opens files that strangers sent, with no more of the decoders than their content calls for."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
from av.container import InputContainer
from PIL import Image

from app.errors import LipSyncError, TooLarge, UnreadableMedia
from app.media.sniff import RECORDINGS, sniff

MAX_FRAME_PIXELS = 36_000_000
"""The largest video frame that is ever decoded, in pixels."""

_LARGEST_SIDE = 8192
"""Pixels: frames beyond this square are not even looked at to say how large they are."""

_ISO = dict.fromkeys(("mp4", "mov", "m4v", "m4a", "3gp"), "mov")
_DEMUXERS = {container: container for container in RECORDINGS} | _ISO
_DEMUXERS |= {"webm": "matroska", "mkv": "matroska"}

_PICTURE_CODECS = (
    "h264 hevc vp8 vp9 libvpx libvpx-vp9 av1 libdav1d mpeg4 mpeg2video mpeg1video h263 mjpeg "
    "prores dvvideo theora msmpeg4 msmpeg4v1 msmpeg4v2 png rawvideo"
)
_SOUND_CODECS = (
    "aac mp3 mp3float mp2 mp2float opus libopus vorbis libvorbis flac alac ac3 eac3 speex "
    "amrnb amrwb libopencore_amrnb libopencore_amrwb adpcm_ms adpcm_ima_wav adpcm_ima_qt gsm_ms "
    "pcm_alaw pcm_mulaw pcm_u8 pcm_s8 pcm_s16le pcm_s16be pcm_s24le pcm_s24be pcm_s32le "
    "pcm_s32be pcm_f32le pcm_f32be pcm_f64le pcm_f64be"
)
CODECS = frozenset(f"{_PICTURE_CODECS} {_SOUND_CODECS}".split())
"""The decoders that cameras, phones, browsers and editors need; FFmpeg has hundreds more."""


def open_recording(path: Path, what: str) -> InputContainer:
    """Opens a video or a sound file; ``what`` ("video", "audio") names it in errors.

    FFmpeg's demuxers for playlists, and containers that point to other files, would make it read
    what the sender chooses: so the demuxer is the one that the first bytes name, the only protocol
    is plain files, and the decoders are those of the formats we accept.

    Raises UnreadableMedia.
    """
    demuxer = _DEMUXERS.get(sniff(path) or "")
    if demuxer is None:
        raise UnreadableMedia(f"The {what} is neither a video nor a sound file.")
    options = {
        "protocol_whitelist": "file",
        "format_whitelist": demuxer,
        "codec_whitelist": ",".join(sorted(CODECS)),
        "max_pixels": str(_LARGEST_SIDE**2),
        "max_streams": "32",
    }
    try:
        return av.open(path.resolve(), "r", format=demuxer, options=options)
    except (av.FFmpegError, ValueError) as error:
        raise UnreadableMedia(f"The {what} is broken and cannot be read.") from error


@contextmanager
def opened_still(path: Path, what: str, *, max_pixels: int) -> Iterator[Image.Image]:
    """A still that is not decoded yet, after a look at how large it says it is.

    Whatever goes wrong while it is decoded inside the block is raised as UnreadableMedia, too.

    Raises TooLarge, UnreadableMedia.
    """
    container = sniff(path) or ""
    if container == "heif":
        _teach_pillow_heif()
    try:
        with warnings.catch_warnings():
            # Pillow warns of odd metadata, which matters to nobody, and of sizes, judged here.
            warnings.simplefilter("ignore")
            with Image.open(path, formats=[container.upper()]) as image:
                if image.width * image.height > max_pixels:
                    raise _too_many_pixels(what, max_pixels)
                yield image
    except Image.DecompressionBombError as error:
        raise _too_many_pixels(what, max_pixels) from error
    except (LipSyncError, MemoryError):
        raise
    except Exception as error:  # Pillow's plugins raise whatever they stumble over
        raise UnreadableMedia(f"The {what} is broken or cut off.") from error


def _too_many_pixels(what: str, max_pixels: int) -> TooLarge:
    return TooLarge(f"The {what} has more than {max_pixels / 1e6:g} megapixels, the limit here.")


def _teach_pillow_heif() -> None:
    # Imported late: only phones' stills need it.
    import pillow_heif

    pillow_heif.register_heif_opener(
        thumbnails=False, depth_images=False, aux_images=False, decode_threads=2
    )
