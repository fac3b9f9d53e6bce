"""Picks the stream that counts out of a recording and decodes it as far as it can be decoded."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.stream import Discard, Disposition, Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from app.errors import UnreadableMedia
from app.media.opening import CODECS, MAX_FRAME_PIXELS


def sound_stream(container: InputContainer) -> AudioStream:
    """The first sound track that can be decoded. Raises UnreadableMedia."""
    streams = container.streams.audio
    for stream in streams:
        if _decodable(stream):
            return stream
    if streams:
        raise UnreadableMedia("The audio is in a codec that cannot be read here.")
    raise UnreadableMedia("The audio has no sound track.")


def picture_stream(container: InputContainer) -> VideoStream:
    """The first moving picture that can be decoded. Raises UnreadableMedia."""
    streams = moving_pictures(container)
    for stream in streams:
        if _decodable(stream):
            stream.codec_context.options = {"max_pixels": str(MAX_FRAME_PIXELS)}
            return stream
    if streams:
        raise UnreadableMedia("The video is in a codec that cannot be read here.")
    raise UnreadableMedia("The video has no picture.")


def moving_pictures(container: InputContainer) -> list[VideoStream]:
    """The video streams without the cover pictures that songs carry."""
    covers = Disposition.attached_pic
    return [stream for stream in container.streams.video if not stream.disposition & covers]


def codec_of(stream: AudioStream | VideoStream) -> str | None:
    """The codec's name in FFmpeg's words, whichever decoder serves it; None when none does."""
    context: object = stream.codec_context
    return stream.codec_context.codec.canonical_name if context is not None else None


def _decodable(stream: AudioStream | VideoStream) -> bool:
    return codec_of(stream) is not None and stream.codec_context.codec.name in CODECS


def start_of(container: InputContainer) -> float:
    """The instant 0 of a recording, in seconds. What comes before 0 is an encoder's priming."""
    start: int | None = container.start_time
    return 0.0 if start is None else max(0.0, start / av.time_base)


def stated_rate(stream: VideoStream) -> float | None:
    """Pictures per second as the header states them; None when it states nothing believable."""
    # A browser's recorder writes its clock, 1000 ticks a second, where the rate should be.
    for rate in (stream.average_rate, stream.guessed_rate):
        if rate is not None and 1 <= rate <= 121:
            return float(rate)
    return None


def square_pixels(width: int, height: int, aspect: Fraction | None) -> tuple[int, int]:
    """The size of a picture once its pixels are square; a wild ``aspect`` is not believed."""
    if aspect is None or not Fraction(1, 4) <= aspect <= 4:
        return width, height
    return max(1, round(width * aspect)), height


def decoded_sound(container: InputContainer, stream: AudioStream) -> Iterator[AudioFrame]:
    """Every frame that can be decoded; broken packets are passed over."""
    for frame in _decoded(container, stream):
        if isinstance(frame, AudioFrame) and frame.samples and frame.sample_rate:
            yield frame


def decoded_pictures(container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
    """Every frame that can be decoded; broken packets are passed over."""
    stream.thread_type = "AUTO"
    for frame in _decoded(container, stream):
        if isinstance(frame, VideoFrame):
            yield frame


def _decoded(container: InputContainer, stream: AudioStream | VideoStream) -> Iterator[object]:
    for packet in packets(container, stream):
        yield from frames_in(packet)


def packets(
    container: InputContainer, chosen: AudioStream | VideoStream
) -> Iterator[Packet[Stream]]:
    """The packets of one stream, up to where the file ends or breaks; the last one is empty."""
    for stream in container.streams:
        if stream.index != chosen.index:
            stream.discard = Discard.all
    return _until_broken(container.demux(chosen))


def every_packet(container: InputContainer) -> Iterator[Packet[Stream]]:
    """The packets of all streams, likewise."""
    return _until_broken(container.demux())


def _until_broken(demuxed: Iterator[Packet[Stream]]) -> Iterator[Packet[Stream]]:
    try:
        yield from demuxed
    except av.FFmpegError:
        return


def frames_in(packet: Packet[Stream]) -> list[object]:
    """What a packet decodes to: nothing when it is broken."""
    try:
        return list(packet.decode())
    except av.FFmpegError:
        return []
