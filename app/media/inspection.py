"""Decodes the start of a recording and reads on to its end, because headers are wrong too often.

A browser's recorder writes no length, FFmpeg guesses one for MP3 and AAC, a file that was cut off
states the length it once had, and a hostile one states what it likes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from app.media.streams import every_packet, frames_in, packets

_GUESSING = frozenset({"mp3", "aac", "amr", "ogg"})
"""Demuxers that know of no stated length and make one up."""

_OPEN_END = 0x7FFF0000
"""Bytes: programs that stream a RIFF file write at least this for a size they do not know yet."""

_TASTE_SECONDS = 0.5
_TASTE_PACKETS = 200


class Taste(Protocol):
    """Decodes the start of a stream, as much of it as it takes to trust the rest."""

    def __call__(self, packet: Packet[Stream]) -> bool:
        """Whether another packet is wanted."""


@dataclass(slots=True)
class SoundTaste:
    """Half a second of sound that decodes."""

    seconds: float = 0.0
    tried: int = 0

    def __call__(self, packet: Packet[Stream]) -> bool:
        """Whether another packet is wanted."""
        frames = [frame for frame in frames_in(packet) if isinstance(frame, AudioFrame)]
        self.tried += 1
        self.seconds += sum(frame.samples / (frame.sample_rate or 1) for frame in frames)
        return self.seconds < _TASTE_SECONDS and self.tried < _TASTE_PACKETS


@dataclass(slots=True)
class PictureTaste:
    """The first whole picture, for which a codec may want a few packets."""

    frame: VideoFrame | None = None
    tried: int = 0

    def __call__(self, packet: Packet[Stream]) -> bool:
        """Whether another packet is wanted."""
        frames = [frame for frame in frames_in(packet) if isinstance(frame, VideoFrame)]
        self.frame = next((frame for frame in frames if not frame.is_corrupt), None)
        self.tried += 1
        return self.frame is None and self.tried < _TASTE_PACKETS


@dataclass(slots=True)
class Span:
    """Where the packets of a stream lie: seconds, and how many there are.

    ``promised`` is the length that the header states, if it states one, and ``last`` is the end of
    whatever that length is about: the stream, or the longest of all streams.
    """

    promised: float | None
    start: float = 0.0
    end: float = 0.0
    last: float = 0.0
    count: int = 0

    @property
    def cut_off(self) -> bool:
        """Whether clearly less is there than was promised."""
        return self.promised is not None and self.last < self.promised * 0.98 - 0.5

    def add(self, packet: Packet[Stream]) -> None:
        """Count in a packet of the stream."""
        start, end = _times(packet, self.end)
        self.start = min(self.start, start) if self.count else start
        self.end = max(self.end, end) if self.count else end
        self.last = max(self.last, end)
        self.count += 1


def read_through(
    recording: InputContainer, stream: AudioStream | VideoStream, taste: Taste
) -> Span:
    """Gives the first packets of a stream to ``taste`` and reads all of them."""
    span = Span(_promised(recording, stream))
    hungry = True
    for packet in _packets(recording, stream):
        if packet.stream.index != stream.index:
            span.last = max(span.last, _times(packet, 0.0)[1])
            continue
        hungry = hungry and taste(packet)
        if packet.size:
            span.add(packet)
    return span


def _packets(
    recording: InputContainer, stream: AudioStream | VideoStream
) -> Iterator[Packet[Stream]]:
    # Matroska states one length for all streams: the longest must be read to compare.
    of_all = stream.duration is None and _promised(recording, stream) is not None
    return every_packet(recording) if of_all else packets(recording, stream)


def _promised(recording: InputContainer, stream: AudioStream | VideoStream) -> float | None:
    if recording.format.name in _GUESSING:
        return None
    if stream.duration is not None and stream.time_base is not None:
        seconds = float(stream.duration * stream.time_base)
    elif recording.duration is not None:
        seconds = recording.duration / av.time_base
    else:
        return None
    return seconds * _riff_share(recording)


def _riff_share(recording: InputContainer) -> float:
    """How many times longer a WAV or AVI once was: FFmpeg makes their lengths fit what is left."""
    if recording.format.name not in ("wav", "avi"):
        return 1.0
    with Path(recording.name).open("rb") as file:
        stated = int.from_bytes(file.read(8)[4:], "little") + 8
    return max(1.0, stated / max(recording.size, 1)) if stated < _OPEN_END else 1.0


def _times(packet: Packet[Stream], due: float) -> tuple[float, float]:
    """When a packet begins and ends; one without a time follows the one before."""
    tick = float(packet.time_base or 0)
    stamp = packet.dts if packet.pts is None else packet.pts
    start = due if stamp is None else stamp * tick
    return start, start + (packet.duration or 0) * tick
