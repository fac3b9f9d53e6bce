"""Writes video and sound files: pictures as H.264, sound as WAV, MP3 or AAC, both in an MP4."""

from __future__ import annotations

import wave
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from fractions import Fraction
from itertools import chain, cycle
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.frame import PictureType, VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation
from av.video.stream import VideoStream

from app.media.decode import Picture, Samples
from app.media.streams import packets

SOUND_RATE = 48_000
"""Hz, of the sound in an MP4."""

_AAC_BIT_RATE = 128_000  # bits a second; transparent for one voice
_QUALITY = "20"  # x264's constant rate factor
_KEY_FRAMES = 30  # pictures that are held at a time when a video is played backwards
_BT709, _SMPTE170M = 1, 6  # ITU-T H.273, tables 2 to 4
_LEAST_HD_HEIGHT = 720


def yuv_frames(pictures: Iterable[Picture]) -> Iterator[VideoFrame]:
    """RGB pictures of even size as what H.264 stores: limited range, half the colour each way."""
    for rgb in pictures:
        yield av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(
            format="yuv420p",
            dst_colorspace=_colours_for(rgb.shape[0])[1],
            dst_color_range=ColorRange.MPEG,
            interpolation=Interpolation.BILINEAR,
        )


def encode_pictures(
    path: Path,
    frames: Iterable[VideoFrame],
    rate: Fraction,
    *,
    bit_rate: int | None = None,
    repeatable: bool = False,
) -> int:
    """Write yuv420p frames as H.264 into a silent MP4; returns how many there were.

    ``rate`` is in frames a second and ``bit_rate`` the most they may take, in bits a second. A
    ``repeatable`` video holds its packets in the order they are shown, so that it can be played
    again and again and cut anywhere.
    """
    options = _x264_options(bit_rate, repeatable=repeatable)
    count = 0
    with av.open(str(path), "w", format="mp4") as file:
        stream: VideoStream | None = None
        for frame in frames:
            stream = stream or _h264_stream(file, frame, rate, options)
            frame.pts, frame.time_base = count, 1 / rate
            # A frame that was decoded remembers what it was and would be that again.
            frame.pict_type = PictureType.NONE
            file.mux(stream.encode(frame))
            count += 1
        if stream is not None:
            file.mux(stream.encode(None))
    return count


def _x264_options(bit_rate: int | None, *, repeatable: bool) -> dict[str, str]:
    options = {"crf": _QUALITY, "preset": "veryfast"}
    if bit_rate is not None:
        options |= {"maxrate": str(bit_rate), "bufsize": str(bit_rate // 2)}
    if repeatable:
        options |= {"bf": "0", "g": str(_KEY_FRAMES), "sc_threshold": "0"}
    return options


def _h264_stream(
    file: OutputContainer, frame: VideoFrame, rate: Fraction, options: dict[str, str]
) -> VideoStream:
    stream: VideoStream = file.add_stream("libx264", rate=rate, options=options)
    stream.width, stream.height, stream.pix_fmt = frame.width, frame.height, "yuv420p"
    context = stream.codec_context
    context.thread_count = 2
    context.color_primaries = context.color_trc = _BT709
    context.colorspace = _colours_for(frame.height)[0]
    context.color_range = ColorRange.MPEG
    return stream


def _colours_for(height: int) -> tuple[int, Colorspace]:
    """The matrix from RGB: what players that ignore the tag assume for that size."""
    if height >= _LEAST_HD_HEIGHT:
        return _BT709, Colorspace.ITU709
    return _SMPTE170M, Colorspace.ITU601


def reversed_frames(path: Path) -> Iterator[VideoFrame]:
    """The frames of a repeatable video from the last but one to the second.

    Only those from one key frame to the next are in memory at a time.
    """
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        stream.thread_type = "AUTO"
        keys = [packet.pts or 0 for packet in file.demux(stream) if packet.is_keyframe]
        frames = chain.from_iterable(_stretches_backwards(file, stream, keys))
        next(frames, None)
        held = next(frames, None)
        for frame in frames:
            if held is not None:
                yield held
            held = frame


def _stretches_backwards(
    file: InputContainer, stream: VideoStream, keys: list[int]
) -> Iterator[list[VideoFrame]]:
    end: int | None = None
    for key in reversed(keys):
        file.seek(key, stream=stream)
        stretch = []
        for frame in file.decode(stream):
            if end is not None and (frame.pts or 0) >= end:
                break
            stretch.append(frame)
        yield stretch[::-1]
        end = key


def write_repeated(path: Path, parts: Sequence[Path], count: int, rate: Fraction) -> None:
    """Write a silent MP4 that plays repeatable videos in turn, again and again.

    All of ``parts`` must be alike; it ends after ``count`` frames. Nothing is encoded again.
    """
    with ExitStack() as stack:
        files = [stack.enter_context(av.open(str(part))) for part in parts]
        write_mp4(path, files[0].streams.video[0], _repeated(files, count, rate))


def _repeated(
    files: Sequence[InputContainer], count: int, rate: Fraction
) -> Iterator[Packet[Stream]]:
    number = 0
    for file in cycle(files):
        file.seek(0)
        for packet in packets(file, file.streams.video[0]):
            if number == count:
                return
            if packet.size:
                packet.time_base = 1 / rate
                packet.pts = packet.dts = number
                packet.duration = 1
                number += 1
                yield packet


def write_mp4(
    path: Path,
    pictures: VideoStream,
    shown: Iterable[Packet[Stream]],
    sound: Iterable[Samples] = (),
) -> None:
    """Write packets of the stream ``pictures`` as they are into an MP4, its index in front.

    ``sound`` is mono at `SOUND_RATE` and becomes AAC; it ends with the pictures.
    """
    blocks = iter(sound)
    first = next(blocks, None)
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as file:
        stream = file.add_stream_from_template(pictures)
        track = _SoundTrack(file, chain([first], blocks)) if first is not None else None
        end = 0.0
        for packet in shown:
            if not packet.size:
                continue
            start = float((packet.pts or 0) * packet.time_base)
            end = max(end, start + float((packet.duration or 0) * packet.time_base))
            packet.stream = stream
            if track:
                track.write(start)
            file.mux(packet)
        if track:
            track.write(end)
            track.finish()


class _SoundTrack:
    """The sound of an MP4, written alongside its pictures."""

    def __init__(self, file: OutputContainer, blocks: Iterator[Samples]) -> None:
        self._file = file
        self._blocks = blocks
        self._stream: AudioStream = file.add_stream("aac", rate=SOUND_RATE, layout="mono")
        self._stream.bit_rate = _AAC_BIT_RATE
        self._waiting = np.zeros(0, np.float32)
        self._written = 0

    def write(self, until: float) -> None:
        """Write what sounds before an instant, in seconds."""
        wanted = round(until * SOUND_RATE) - self._written
        while len(self._waiting) < wanted:
            block = next(self._blocks, None)
            if block is None:
                break
            self._waiting = np.concatenate([self._waiting, block])
        now, self._waiting = self._waiting[: max(wanted, 0)], self._waiting[max(wanted, 0) :]
        if len(now):
            self._file.mux(self._stream.encode(_frame(now, SOUND_RATE, self._written)))
            self._written += len(now)

    def finish(self) -> None:
        """Write what the encoder held back."""
        self._file.mux(self._stream.encode(None))


def write_mp3(path: Path, blocks: Iterable[Samples], rate: int, bit_rate: int) -> None:
    """Write mono samples at ``rate`` Hz as an MP3 of ``bit_rate`` bits a second."""
    with av.open(str(path), "w", format="mp3") as file:
        stream: AudioStream = file.add_stream("libmp3lame", rate=rate, layout="mono")
        stream.bit_rate = bit_rate
        count = 0
        for block in blocks:
            if len(block):
                file.mux(stream.encode(_frame(block, rate, count)))
                count += len(block)
        file.mux(stream.encode(None))


def _frame(samples: Samples, rate: int, start: int) -> AudioFrame:
    frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
    frame.sample_rate, frame.pts = rate, start
    frame.time_base = Fraction(1, rate)
    return frame


def write_wav(path: Path, blocks: Iterable[Samples], rate: int) -> None:
    """Write mono samples at ``rate`` Hz as a 16-bit WAV."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        for block in blocks:
            file.writeframes(np.rint(block * 32767).astype("<i2").tobytes())


def write_webm(path: Path, streams: Sequence[Stream], copied: Iterable[Packet[Stream]]) -> None:
    """Write packets of ``streams`` as they are into a WebM that says how long it is."""
    with av.open(str(path), "w", format="webm") as file:
        copies = {stream.index: file.add_stream_from_template(stream) for stream in streams}
        for packet in copied:
            if packet.stream_index in copies:
                packet.stream = copies[packet.stream_index]
                file.mux(packet)
