"""Writes frames and a sound track into an MP4 that plays everywhere."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import numpy as np
from av.audio.stream import AudioStream
from av.video.reformatter import ColorRange, Colorspace, Interpolation
from av.video.stream import VideoStream

from app.engine.curves import Field
from app.media.face import Picture

SOUND_RATE = 48_000  # Hz
_SOUND_BIT_RATE = 128_000  # bits a second; transparent for one voice
_QUALITY = "20"  # x264's constant rate factor
_PRESET = "veryfast"  # a third of the size of superfast, half the time of fast
_WAITING_FRAMES = 2
_BT709, _SMPTE170M = 1, 6  # ITU-T H.273, tables 2 to 4
_LEAST_HD_HEIGHT = 720


class Mp4Writer:
    """An H.264 and AAC file with its index in front; encodes in a thread of its own.

    The sound is ``blocks`` of mono samples at `SOUND_RATE`; it is cut or padded with silence to the
    length of the pictures. Use it as a context: what was written is complete when that ends well.
    """

    def __init__(
        self, path: Path, width: int, height: int, frame_rate: float, blocks: Iterable[Field]
    ) -> None:
        self._rate = Fraction(frame_rate).limit_denominator(1001)
        self._file = av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"})
        self._colours = _colours_for(height)
        self._video = self._add_video(width, height)
        self._audio: AudioStream = self._file.add_stream("aac", rate=SOUND_RATE, layout="mono")
        self._audio.bit_rate = _SOUND_BIT_RATE
        self._block = self._audio.frame_size or 1024
        self._samples = _equal_blocks(blocks, self._block)
        self._sounding = 0
        self._shown = 0
        self._frames: queue.Queue[Picture | None] = queue.Queue(_WAITING_FRAMES)
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="mp4-writer", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._frames.put(None)
        self._thread.join()
        self._file.close()
        if self._failure and not problem:
            raise self._failure

    def write(self, rgb: Picture) -> None:
        """Add a frame: height x width x 3. Waits while the encoder is behind; raises its error."""
        if self._failure:
            raise self._failure
        self._frames.put(rgb)

    def _add_video(self, width: int, height: int) -> VideoStream:
        video: VideoStream = self._file.add_stream("libx264", rate=self._rate)
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        video.options = {"crf": _QUALITY, "preset": _PRESET, "tune": "film"}
        context = video.codec_context
        context.thread_count = 2
        context.color_primaries = _BT709
        context.color_trc = _BT709
        context.colorspace = self._colours[0]
        context.color_range = ColorRange.MPEG
        return video

    def _run(self) -> None:
        try:
            while (rgb := self._frames.get()) is not None:
                self._encode(rgb)
            self._file.mux(self._video.encode(None))
            self._encode_sound(last=True)
            self._file.mux(self._audio.encode(None))
        except BaseException as failure:  # whatever it is, it belongs to whoever writes
            self._failure = failure
            while self._frames.get() is not None:
                pass

    def _encode(self, rgb: Picture) -> None:
        frame = av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(
            format="yuv420p",
            dst_colorspace=self._colours[1],
            dst_color_range=ColorRange.MPEG,
            interpolation=Interpolation.BILINEAR,
        )
        frame.pts, frame.time_base = self._shown, 1 / self._rate
        self._shown += 1
        self._file.mux(self._video.encode(frame))
        self._encode_sound(last=False)

    def _encode_sound(self, *, last: bool) -> None:
        """Up to the pictures' time: whole blocks, or at the end to the sample."""
        end = round(Fraction(self._shown) / self._rate * SOUND_RATE)
        while self._sounding + (1 if last else self._block) <= end:
            block = next(self._samples)[: end - self._sounding]
            frame = av.AudioFrame.from_ndarray(block[None], format="fltp", layout="mono")
            frame.sample_rate, frame.pts = SOUND_RATE, self._sounding
            frame.time_base = Fraction(1, SOUND_RATE)
            self._sounding += len(block)
            self._file.mux(self._audio.encode(frame))


def _colours_for(height: int) -> tuple[int, Colorspace]:
    """The matrix from RGB: what players that ignore the tag assume for that size."""
    if height >= _LEAST_HD_HEIGHT:
        return _BT709, Colorspace.ITU709
    return _SMPTE170M, Colorspace.ITU601


def _equal_blocks(blocks: Iterable[Field], size: int) -> Iterator[Field]:
    """The same samples in blocks of ``size``, and silence for ever after."""
    waiting = np.zeros(0, np.float32)
    for block in blocks:
        waiting = np.concatenate([waiting, block])
        whole = len(waiting) // size * size
        yield from waiting[:whole].reshape(-1, size)
        waiting = waiting[whole:]
    yield np.concatenate([waiting, np.zeros(size - len(waiting), np.float32)])
    while True:
        yield np.zeros(size, np.float32)
