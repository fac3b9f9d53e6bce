"""Carries out a plan: makes of what a caller sent the files that a provider takes."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from functools import partial
from itertools import islice
from math import ceil, floor, inf, sqrt
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.error import ArgumentError, InvalidDataError
from av.packet import Packet
from av.stream import Stream
from PIL import Image

from app.errors import TooLarge, UnreadableMedia
from app.media.decode import Picture, Samples, iter_audio, iter_video, load_image
from app.media.encode import (
    SOUND_RATE,
    encode_pictures,
    reversed_frames,
    write_mp3,
    write_mp4,
    write_repeated,
    write_wav,
    write_webm,
    yuv_frames,
)
from app.media.opening import open_recording
from app.media.plan import (
    AudioStep,
    FaceStep,
    Plan,
    Remux,
    StateLength,
    ToJpeg,
    ToMp3,
    ToMp4,
    ToWav,
)
from app.media.probe import Limits, probe_audio, probe_face
from app.media.streams import every_packet, packets, picture_stream, sound_stream, start_of
from app.model import Kind, Media, SyncMode

_JPEG_QUALITY = 93  # no visible loss
_LEAST_SIDE = 64  # pixels, of a still that has to be small in bytes
_ATTEMPTS = 3  # at encoding a video within its bytes; the first is nearly always enough
_MODESTY = 0.8
_SOUND_RATES = (16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
_LOWEST_RATE, _HIGHEST_RATE = 10.0, 30.0  # frames a second
_USUAL_RATE = 25.0


def carry_out(plan: Plan, face: Media, audio: Media, folder: Path) -> tuple[Media, Media]:
    """Take the steps of a plan and return what the provider gets.

    What needs no step is returned as it is; what is made is written into ``folder`` as ``face``
    and ``audio`` with the extension of its format. Runs in a worker process, in bounded memory.
    Of a plan that animates, ``face`` is the video that was rendered.

    Raises UnreadableMedia, TooLarge.
    """
    for face_step in plan.face_steps:
        face = _taken(face_step, face, folder / "face")
    for audio_step in plan.audio_steps:
        audio = _taken(audio_step, audio, folder / "audio")
    return face, audio


def _taken(step: FaceStep | AudioStep, media: Media, stem: Path) -> Media:
    if isinstance(step, StateLength) and _length_is_stated(media):
        return media
    with _place_for(stem.with_suffix(_extension(step))) as path:
        match step:
            case ToJpeg():
                _write_jpeg(media, step, path)
            case Remux():
                _write_remuxed(media, path)
            case StateLength():
                _write_with_length(media, path)
            case ToMp4():
                _write_within_bytes(media, step, path)
            case ToWav():
                rate = _sound_rate(media)
                write_wav(path, _sound(media, rate, step.length), rate)
            case ToMp3():
                rate = _sound_rate(media)
                write_mp3(path, _sound(media, rate, step.length), rate, step.bit_rate)
    return _looked_into(stem.with_suffix(_extension(step)), media.kind)


def _extension(step: FaceStep | AudioStep) -> str:
    match step:
        case ToJpeg():
            return ".jpg"
        case Remux() | ToMp4():
            return ".mp4"
        case StateLength():
            return ".webm"
        case ToWav():
            return ".wav"
        case ToMp3():
            return ".mp3"


@contextmanager
def _place_for(path: Path) -> Iterator[Path]:
    """Somewhere to write what becomes ``path`` once it is whole; ``path`` may be the source."""
    with tempfile.TemporaryDirectory(dir=path.parent, prefix="converting-") as scratch:
        unfinished = Path(scratch) / path.name
        yield unfinished
        unfinished.replace(path)


def _looked_into(path: Path, kind: Kind) -> Media:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    probe = probe_audio if kind is Kind.AUDIO else probe_face
    return probe(path, sha256=digest, limits=Limits(max_seconds=inf))


def _write_jpeg(face: Media, step: ToJpeg, path: Path) -> None:
    still = Image.fromarray(load_image(face.path, max_side=step.max_side))
    still.save(path, quality=_JPEG_QUALITY)
    while step.max_bytes and (size := path.stat().st_size) > step.max_bytes:
        side = int(max(still.size) * min(0.9, sqrt(step.max_bytes / size)))
        if side < _LEAST_SIDE:
            raise TooLarge("The image cannot be made small enough for the provider.")
        still.thumbnail((side, side), Image.Resampling.LANCZOS)
        still.save(path, quality=_JPEG_QUALITY)


def _write_remuxed(face: Media, path: Path) -> None:
    with open_recording(face.path, "video") as recording, _copying("video"):
        stream = picture_stream(recording)
        write_mp4(path, stream, _from_zero(packets(recording, stream), recording), _own_sound(face))


def _write_with_length(media: Media, path: Path) -> None:
    what = "audio" if media.kind is Kind.AUDIO else "video"
    with open_recording(media.path, what) as recording, _copying(what):
        streams: list[Stream] = []
        if media.video_codec:
            streams.append(picture_stream(recording))
        if media.audio_codec:
            streams.append(sound_stream(recording))
        write_webm(path, streams, _from_zero(every_packet(recording), recording))


def _from_zero(
    copied: Iterator[Packet[Stream]], recording: InputContainer
) -> Iterator[Packet[Stream]]:
    """Packets with something in them, moved so that the recording begins at 0."""
    zero = start_of(recording)
    for packet in copied:
        if packet.size:
            shift = round(zero / packet.time_base)
            packet.pts = None if packet.pts is None else packet.pts - shift
            packet.dts = None if packet.dts is None else packet.dts - shift
            yield packet


@contextmanager
def _copying(what: str) -> Iterator[None]:
    """Packets can be decoded one by one and yet have times that no file can hold."""
    try:
        yield
    except (ArgumentError, InvalidDataError) as error:
        raise UnreadableMedia(f"The {what} is broken and cannot be converted.") from error


def _length_is_stated(media: Media) -> bool:
    with open_recording(media.path, media.kind) as recording:
        return recording.duration is not None


def _write_within_bytes(face: Media, step: ToMp4, path: Path) -> None:
    """A bit rate is a wish: pictures full of noise need another, more modest one."""
    for _ in range(_ATTEMPTS):
        _write_encoded(face, step, path)
        size = path.stat().st_size
        if step.max_bytes is None or step.bit_rate is None or size <= step.max_bytes:
            return
        modest = int(step.bit_rate * _MODESTY * step.max_bytes / size)
        step = replace(step, bit_rate=modest)
    raise TooLarge("The video cannot be made small enough for the provider.")


def _write_encoded(face: Media, step: ToMp4, path: Path) -> None:
    if step.fit in (SyncMode.LOOP, SyncMode.BOUNCE):
        _write_lasting(face, step, path)
        return
    rate = _frame_rate(face)
    silent = path.with_name("silent.mp4")
    encode_pictures(silent, yuv_frames(_pictures(face, step, rate)), rate, bit_rate=step.bit_rate)
    with av.open(str(silent)) as file:
        stream = file.streams.video[0]
        sound = () if step.fit is SyncMode.REMAP else _own_sound(face)
        write_mp4(path, stream, packets(file, stream), sound)


def _write_lasting(face: Media, step: ToMp4, path: Path) -> None:
    """Each picture is encoded at most twice, however long it has to last."""
    rate = _frame_rate(face)
    wanted = ceil((step.length or 0.0) * rate)
    forwards, backwards = path.with_name("forwards.mp4"), path.with_name("backwards.mp4")
    encode = partial(encode_pictures, rate=rate, bit_rate=step.bit_rate, repeatable=True)
    count = encode(forwards, yuv_frames(_pictures(face, step, rate)))
    parts = [forwards]
    if step.fit is SyncMode.BOUNCE and 2 < count < wanted:
        encode(backwards, islice(reversed_frames(forwards), wanted - count))
        parts.append(backwards)
    write_repeated(path, parts, wanted, rate)


def _pictures(face: Media, step: ToMp4, rate: Fraction) -> Iterable[Picture]:
    if step.length is None or step.fit is None:
        return iter_video(face.path, frame_rate=float(rate), max_side=step.max_side)
    if step.fit is SyncMode.REMAP and face.duration:
        # As many pictures as the new length needs, taken evenly from the old one.
        pace = ceil(step.length * rate) / face.duration
        return iter_video(face.path, frame_rate=pace, max_side=step.max_side)
    pictures = iter_video(face.path, frame_rate=float(rate), max_side=step.max_side)
    if step.fit is SyncMode.CUT_OFF:
        return islice(pictures, max(1, floor(step.length * rate)))
    return pictures


def _frame_rate(face: Media) -> Fraction:
    rate = min(max(face.frame_rate or _USUAL_RATE, _LOWEST_RATE), _HIGHEST_RATE)
    return Fraction(rate).limit_denominator(1001)


def _own_sound(face: Media) -> Iterable[Samples]:
    """The sound of a face's video, which matters little: one that cannot be read is left out."""
    try:
        if face.audio_codec:
            yield from iter_audio(face.path, SOUND_RATE)
    except UnreadableMedia:
        return


def _sound_rate(audio: Media) -> int:
    """The sound's own rate in Hz, or the next one up that every format knows."""
    with open_recording(audio.path, "audio") as recording:
        own = sound_stream(recording).rate
    return next((rate for rate in _SOUND_RATES if rate >= own), _SOUND_RATES[-1])


def _sound(audio: Media, rate: int, length: float | None) -> Iterator[Samples]:
    """Mono sound, of ``length`` seconds if that is given."""
    left = inf if length is None else round(length * rate)
    for block in iter_audio(audio.path, rate):
        kept = block[: int(min(left, len(block)))]
        left -= len(kept)
        yield kept
    while length is not None and left > 0:
        silence = np.zeros(int(min(left, rate)), np.float32)
        left -= len(silence)
        yield silence
