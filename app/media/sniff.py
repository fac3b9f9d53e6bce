"""Tells what a file is from its first bytes; names and declared types are never believed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import BinaryIO

IMAGES = frozenset({"jpeg", "png", "webp", "heif", "avif", "bmp", "tiff", "gif"})
"""Containers of stills."""

RECORDINGS = frozenset(
    {"mp4", "mov", "m4v", "m4a", "3gp", "webm", "mkv", "avi"}
    | {"ogg", "wav", "flac", "mp3", "aac", "aiff", "amr"}
)
"""Containers of video and sound; which of the two is inside only their streams can tell."""

CONTENT_TYPES = {
    **{kind: f"image/{kind}" for kind in IMAGES},
    **dict.fromkeys(("mp4", "m4v"), "video/mp4"),
    "mov": "video/quicktime",
    "3gp": "video/3gpp",
    "webm": "video/webm",
    "mkv": "video/x-matroska",
    "avi": "video/x-msvideo",
    "m4a": "audio/mp4",
    "mp3": "audio/mpeg",
    "amr": "audio/AMR",
    **{kind: f"audio/{kind}" for kind in ("ogg", "wav", "flac", "aac", "aiff")},
}
"""The containers' names on the web (https://www.iana.org/assignments/media-types)."""

_HEAD = 8192

_MAGIC = (
    (re.compile(rb"\xff\xd8\xff"), "jpeg"),
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "png"),
    (re.compile(rb"GIF8[79]a"), "gif"),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), "webp"),
    (re.compile(rb"(RIFF|RF64)....WAVE", re.DOTALL), "wav"),
    (re.compile(rb"RIFF....AVI ", re.DOTALL), "avi"),
    (re.compile(rb"(II[*+]\0|MM\0[*+])"), "tiff"),
    # The size of a bitmap's second header tells it from a text that begins with "BM".
    (re.compile(rb"BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0", re.DOTALL), "bmp"),
    (re.compile(rb"OggS\0"), "ogg"),
    (re.compile(rb"fLaC"), "flac"),
    (re.compile(rb"FORM....AIF[FC]", re.DOTALL), "aiff"),
    (re.compile(rb"#!AMR(-WB)?\n"), "amr"),
)

_BRANDS = {
    b"avif": "avif",
    b"avis": "avif",
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"), "heif"),
    **dict.fromkeys((b"mif1", b"msf1", b"mif2"), "heif"),
    b"qt  ": "mov",
    b"M4V ": "m4v",
    b"M4VH": "m4v",
    b"M4VP": "m4v",
    b"M4A ": "m4a",
    b"M4B ": "m4a",
}
"""Brands of ISO/IEC 14496-12 files (https://mp4ra.org/registered-types/brands); others are MP4."""

_OLD_QUICKTIME = (b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")


def sniff(path: Path) -> str | None:
    """The container of a file, one of `IMAGES` or `RECORDINGS`, or None for anything else."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
        tag = _id3_size(head)
        if tag is None:
            return _container(head)
        return _behind_tag(file, tag)


def _container(head: bytes) -> str | None:
    for magic, container in _MAGIC:
        if magic.match(head):
            return container
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return _ebml(head)
    return _iso(head) or _frames(head)


def _behind_tag(file: BinaryIO, size: int) -> str:
    # Encoders pad an ID3 tag with zeros that its size does not always count.
    file.seek(size)
    head = file.read(_HEAD).lstrip(b"\0")
    found = _container(head)
    return found if found in ("aac", "flac", "aiff", "wav") else "mp3"


def _id3_size(head: bytes) -> int | None:
    """Bytes that an ID3v2 tag takes at the start of a file (id3.org, ID3v2.4 section 3.1)."""
    if not head.startswith(b"ID3") or len(head) < 10 or any(byte & 0x80 for byte in head[6:10]):
        return None
    size = 0
    for byte in head[6:10]:
        size = size << 7 | byte
    footer = 10 if head[5] & 0x10 else 0
    return 10 + size + footer


def _iso(head: bytes) -> str | None:
    kind = head[4:8]
    if kind != b"ftyp":
        # QuickTime files older than 2002 have no brand and begin with one of a few boxes.
        return "mov" if kind in _OLD_QUICKTIME and _box_size(head) >= 8 else None
    size = min(_box_size(head), len(head))
    major = head[8:12]
    compatible = [head[at : at + 4] for at in range(16, size - 3, 4)]
    if major in (b"mif1", b"msf1", b"mif2") and {b"avif", b"avis"} & set(compatible):
        return "avif"
    if major.startswith((b"3gp", b"3g2")):
        return "3gp"
    return _BRANDS.get(major, "mp4")


def _box_size(head: bytes) -> int:
    size = int.from_bytes(head[:4], "big")
    return 8 if size == 1 else size


def _ebml(head: bytes) -> str | None:
    """WebM or Matroska, by the DocType element of the header (RFC 8794, section 11.2.4)."""
    at = head.find(b"\x42\x82", 4, 128)
    if at < 0:
        return None
    length = head[at + 2] & 0x7F if at + 2 < len(head) else 0
    name = head[at + 3 : at + 3 + length].rstrip(b"\0")
    return {b"webm": "webm", b"matroska": "mkv"}.get(name)


def _frames(head: bytes) -> str | None:
    """MP3 and ADTS have no header of their own: two frames in a row must agree."""
    for container, frame_size in (("mp3", _mpeg_frame), ("aac", _adts_frame)):
        size = frame_size(head)
        if size and (frame_size(head[size:]) or len(head) <= size):
            return container
    return None


# ISO/IEC 11172-3, section 2.4.2.3: kbit/s by bit rate index, for layers II and III.
_MPEG1_RATES = {
    2: (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    3: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
}
_MPEG2_RATES = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_MPEG_SAMPLE_RATES = (44100, 48000, 32000)


def _mpeg_frame(head: bytes) -> int | None:
    """Bytes of the MPEG audio frame (layer II or III) that starts here, or None."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    version, layer = head[1] >> 3 & 3, 4 - (head[1] >> 1 & 3)
    rate, frequency, padding = head[2] >> 4, head[2] >> 2 & 3, head[2] >> 1 & 1
    if version == 1 or layer not in _MPEG1_RATES or rate in (0, 15) or frequency == 3:
        return None
    first = version == 3
    kilobits = (_MPEG1_RATES[layer] if first else _MPEG2_RATES)[rate]
    hertz = _MPEG_SAMPLE_RATES[frequency] // (1 if first else 2 if version == 2 else 4)
    samples = 1152 if first or layer == 2 else 576
    return samples // 8 * kilobits * 1000 // hertz + padding


def _adts_frame(head: bytes) -> int | None:
    """Bytes of the ADTS frame (ISO/IEC 13818-7, section 6.2) that starts here, or None."""
    if len(head) < 7 or head[0] != 0xFF or head[1] & 0xF6 != 0xF0 or head[2] >> 2 & 15 > 12:
        return None
    size = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
    return size if size >= 7 else None
