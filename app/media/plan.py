"""Decides how what a caller sent becomes what a provider takes, in the fewest steps.

Nothing is read or written here: a plan follows from what is known of the files.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf, sqrt

from app.errors import InputRejected, TooLarge, TooLong
from app.model import Kind, Media, SyncMode, Takes


@dataclass(frozen=True, slots=True)
class ToJpeg:
    """Decode a still, turn it upright, flatten it on white, and write it as JPEG.

    ``max_side`` is in pixels; with ``max_bytes`` it is scaled down further until it fits.
    """

    max_side: int
    max_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Remux:
    """Move the pictures of an H.264 video into an MP4 as they are; its sound becomes AAC."""


@dataclass(frozen=True, slots=True)
class StateLength:
    """Write a WebM anew if it does not say how long it is, as those of browsers do not."""


@dataclass(frozen=True, slots=True)
class ToMp4:
    """Encode a video as H.264 and AAC, upright, with square pixels.

    ``max_side`` is in pixels. With ``fit`` the video is brought to ``length`` seconds in that way:
    `SyncMode.CUT_OFF` ends it there, LOOP, BOUNCE and REMAP make it last, and drop its own sound.
    With ``max_bytes`` its pictures get no more than ``bit_rate`` bits a second to make it fit.
    """

    max_side: int
    fit: SyncMode | None = None
    length: float | None = None
    max_bytes: int | None = None
    bit_rate: int | None = None


@dataclass(frozen=True, slots=True)
class ToWav:
    """Write sound as a 16-bit WAV; cut it, or let silence follow, to ``length`` seconds."""

    length: float | None = None


@dataclass(frozen=True, slots=True)
class ToMp3:
    """Write sound as an MP3 of ``bit_rate`` bits a second, otherwise like `ToWav`."""

    bit_rate: int
    length: float | None = None


FaceStep = ToJpeg | Remux | StateLength | ToMp4
AudioStep = StateLength | ToWav | ToMp3


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done to a face and an audio before a provider gets them.

    With ``animate`` the provider takes no stills: an MP4 as long as the audio and within
    `Takes.max_side` has to be rendered of the face first, and stands for it from then on.
    ``sync_mode`` is what the provider itself is to be asked for, always one of
    `Takes.sync_modes`. ``warnings`` are sentences for callers.
    """

    face_steps: tuple[FaceStep, ...] = ()
    audio_steps: tuple[AudioStep, ...] = ()
    animate: bool = False
    sync_mode: SyncMode | None = None
    warnings: tuple[str, ...] = ()


SAME_LENGTH = 0.05
"""Seconds by which a video and its audio may differ: encoders pad that much."""

_LARGEST_STILL = 4096  # pixels: far more than any provider renders
_LARGEST_VIDEO = 1920  # pixels: a video that is encoded anew is not worth more
_LEAST_SIDE = 256
_LEAST_BITS_PER_PIXEL = 0.05  # below this H.264 falls apart, and a smaller picture looks better
_USUAL_RATE = 25.0
_FULLEST = 0.85  # of the bytes allowed: a bit rate is kept on average only
_SOUND_BYTES = 16_000  # a second of AAC in an MP4
_WAV_BYTES = 96_000  # a second of mono at 48 kHz and 16 bits, the most that is written
_WAV_HEADER = 44
_MP3_BIT_RATES = (128_000, 96_000, 64_000, 48_000, 32_000)
_WEBM_CODECS = frozenset({"vp8", "vp9", "av1", "opus", "vorbis"})

_CALLED = {
    "jpeg": "JPEG",
    "png": "PNG",
    "webp": "WebP",
    "heif": "HEIC",
    "webm": "WebM",
    "mkv": "Matroska",
    "ogg": "Ogg",
}


@dataclass(frozen=True, slots=True)
class _Lengths:
    """How a video and its audio come to go together; lengths in seconds, None for as it is."""

    video: float | None = None
    fit: SyncMode | None = None
    audio: float | None = None
    asked: SyncMode | None = None
    told: tuple[str, ...] = ()


def plan(face: Media, audio: Media, takes: Takes, sync_mode: SyncMode | None) -> Plan:
    """The fewest steps that make ``face`` and ``audio`` what a provider ``takes``.

    An empty plan sends both as they are. ``sync_mode`` says what happens when a video and the
    audio differ in length; without it the video runs backwards and forwards for as long as
    somebody speaks. Whoever takes images takes JPEG, whoever takes videos MP4 with H.264, and
    everybody WAV or MP3.

    Raises TooLong, TooLarge, InputRejected.
    """
    still = face.kind is Kind.IMAGE
    animate = still and not takes.images
    lengths = _Lengths() if still else _lengths(face, audio, takes, sync_mode)
    _refuse_too_long(lengths.audio or audio.duration or 0.0, takes)
    audio_steps, audio_told = _audio(audio, takes, lengths.audio)
    if animate:
        told: tuple[str, ...] = ("The provider takes no still images, so the image was animated.",)
        return Plan((), audio_steps, animate=True, warnings=told + audio_told)
    face_steps, face_told = _still(face, takes) if still else _video(face, takes, lengths)
    told = (*face_told, *lengths.told, *audio_told)
    return Plan(face_steps, audio_steps, sync_mode=lengths.asked, warnings=told)


def _refuse_too_long(seconds: float, takes: Takes) -> None:
    if takes.max_seconds is not None and seconds > takes.max_seconds:
        raise TooLong(
            f"The audio is {seconds:.1f} seconds long; "
            f"this provider takes at most {takes.max_seconds:g} seconds."
        )


def _lengths(face: Media, audio: Media, takes: Takes, wished: SyncMode | None) -> _Lengths:
    whole, sound = face.duration or 0.0, audio.duration or 0.0
    lengths = _within_limit(whole, takes)
    video = lengths.video or whole
    if wished in takes.sync_modes:
        return replace(lengths, asked=wished)
    mode = _needed(whole if wished is SyncMode.REMAP else video, sound, wished)
    if mode is None:
        return lengths
    told = (_sentence(mode, video, sound),)
    if mode in takes.sync_modes:
        return _Lengths(asked=mode, told=told)
    if mode is SyncMode.SILENCE or (mode is SyncMode.CUT_OFF and sound > video):
        return replace(lengths, audio=video, told=lengths.told + told)
    return _Lengths(video=sound, fit=mode, told=told)


def _within_limit(video: float, takes: Takes) -> _Lengths:
    """A video that is longer than the longest audio ends where that would: no speech is lost."""
    longest = takes.max_seconds or inf
    if video <= longest:
        return _Lengths()
    told = f"The video was cut to {longest:g} seconds, the most that the provider takes."
    return _Lengths(longest, SyncMode.CUT_OFF, told=(told,))


def _needed(video: float, sound: float, wished: SyncMode | None) -> SyncMode | None:
    """What is to be done; where a mode has nothing to say about a case, no speech may be lost."""
    if abs(video - sound) <= SAME_LENGTH:
        return None
    if sound > video:
        return SyncMode.BOUNCE if wished in (None, SyncMode.SILENCE) else wished
    return None if wished in (SyncMode.LOOP, SyncMode.BOUNCE) else wished


def _sentence(mode: SyncMode, video: float, sound: float) -> str:
    longer, shorter = ("audio", "video") if sound > video else ("video", "audio")
    return {
        SyncMode.CUT_OFF: f"The {longer} was cut to the {shorter}'s length.",
        SyncMode.LOOP: "The video is shorter than the audio and was looped.",
        SyncMode.BOUNCE: "The video is shorter than the audio, so it runs back and forth.",
        SyncMode.SILENCE: "The audio is shorter than the video and was followed by silence.",
        SyncMode.REMAP: "The video was retimed to the audio's length.",
    }[mode]


def _still(face: Media, takes: Takes) -> tuple[tuple[FaceStep, ...], tuple[str, ...]]:
    taken, fits = face.container in takes.images, _fits_in(face, takes)
    side = _longer_side(face)
    largest = takes.max_side or (side if taken and fits else _LARGEST_STILL)
    told = []
    if not taken:
        told.append(f"The image was converted from {_called(face.container)} to JPEG.")
    if face.rotation:
        told.append("The image was turned upright.")
    if side > largest:
        told.append(f"The image was scaled down to {largest} pixels.")
    if not fits:
        told.append(f"The image was made smaller than {_megabytes(takes)}.")
    return (ToJpeg(largest, takes.max_bytes),) if told else (), tuple(told)


def _video(
    face: Media, takes: Takes, lengths: _Lengths
) -> tuple[tuple[FaceStep, ...], tuple[str, ...]]:
    if not takes.videos:
        raise InputRejected("This provider takes no videos. Send a still image.")
    taken = face.container in takes.videos and _codecs_taken(face, takes)
    if _must_be_encoded(face, takes, lengths, taken=taken):
        step = _encoding(face, takes, lengths)
        return (step,), _encoded_sentences(face, takes, step, taken=taken)
    if taken:
        return _length_stated(face), ()
    return (Remux(),), (_converted(face),)


def _must_be_encoded(face: Media, takes: Takes, lengths: _Lengths, *, taken: bool) -> bool:
    if face.rotation or lengths.fit:
        return True
    if takes.max_side is not None and _longer_side(face) > takes.max_side:
        return True
    if taken:
        return not _fits_in(face, takes)
    sound = round((face.duration or 0.0) * _SOUND_BYTES) if face.audio_codec else 0
    remuxed = replace(face, size=face.size + sound)
    return face.video_codec != "h264" or not _fits_in(remuxed, takes)


def _encoded_sentences(face: Media, takes: Takes, step: ToMp4, *, taken: bool) -> tuple[str, ...]:
    told = [] if taken else [_converted(face)]
    if face.rotation:
        told.append("The video was turned upright.")
    if step.max_side < _longer_side(face):
        told.append(f"The video was scaled down to {step.max_side} pixels.")
    if not _fits_in(face, takes):
        told.append(f"The video was made smaller than {_megabytes(takes)}.")
    return tuple(told)


def _converted(face: Media) -> str:
    if face.container == "mp4":
        return "The video was encoded anew in the way that the provider can read."
    return f"The video was converted from {_called(face.container)} to MP4."


def _encoding(face: Media, takes: Takes, lengths: _Lengths) -> ToMp4:
    side = min(takes.max_side or _LARGEST_VIDEO, _LARGEST_VIDEO)
    if takes.max_bytes is None:
        return ToMp4(side, lengths.fit, lengths.video)
    seconds = max(lengths.video or face.duration or 0.0, 1.0)
    bytes_a_second = takes.max_bytes * _FULLEST / seconds - _SOUND_BYTES
    bit_rate = round(bytes_a_second * 8)
    side = min(side, _side_worth(bit_rate, face))
    if side < _LEAST_SIDE and side < _longer_side(face):
        raise TooLarge(f"The video cannot be made smaller than {_megabytes(takes)}.")
    return ToMp4(side, lengths.fit, lengths.video, takes.max_bytes, bit_rate)


def _side_worth(bit_rate: int, face: Media) -> int:
    """The longer side at which a bit rate still gives a good picture, in pixels."""
    pixels = (face.width or 0) * (face.height or 0)
    wanted = _LEAST_BITS_PER_PIXEL * pixels * min(face.frame_rate or _USUAL_RATE, 30)
    if wanted <= bit_rate:
        return _LARGEST_VIDEO
    return int(_longer_side(face) * sqrt(max(bit_rate, 0) / wanted))


def _audio(
    audio: Media, takes: Takes, length: float | None
) -> tuple[tuple[AudioStep, ...], tuple[str, ...]]:
    alone = audio.video_codec is None
    taken = alone and audio.container in takes.audios and _codecs_taken(audio, takes)
    if taken and length is None and _fits_in(audio, takes):
        return _length_stated(audio), ()
    step = _sound_step(audio, takes, length)
    return (step,), _sound_sentences(audio, takes, "WAV" if isinstance(step, ToWav) else "MP3")


def _sound_sentences(audio: Media, takes: Takes, into: str) -> tuple[str, ...]:
    if audio.video_codec is not None:
        return ("The sound track was taken out of the video.",)
    if _called(audio.container) != into:
        return (f"The audio was converted from {_called(audio.container)} to {into}.",)
    if not _fits_in(audio, takes):
        return (f"The audio was made smaller than {_megabytes(takes)}.",)
    if not _codecs_taken(audio, takes):
        return ("The audio was encoded anew in the way that the provider can read.",)
    return ()


def _sound_step(audio: Media, takes: Takes, length: float | None) -> AudioStep:
    seconds = length or audio.duration or 0.0
    room = takes.max_bytes or inf
    if "wav" in takes.audios and seconds * _WAV_BYTES + _WAV_HEADER <= room:
        return ToWav(length)
    if "mp3" in takes.audios:
        for bit_rate in _MP3_BIT_RATES:
            if (seconds + 1) * bit_rate / 8 <= room:
                return ToMp3(bit_rate, length)
    raise TooLarge(f"The audio cannot be made smaller than {_megabytes(takes)}.")


def _length_stated(media: Media) -> tuple[StateLength, ...]:
    return (StateLength(),) if media.container == "webm" else ()


def _codecs_taken(media: Media, takes: Takes) -> bool:
    inside = {media.video_codec, media.audio_codec} - {None}
    # Some browsers put H.264 where it does not belong; nobody has to be able to read that.
    proper = media.container != "webm" or inside <= _WEBM_CODECS
    return proper and (takes.codecs is None or inside <= takes.codecs)


def _fits_in(media: Media, takes: Takes) -> bool:
    return takes.max_bytes is None or media.size <= takes.max_bytes


def _longer_side(face: Media) -> int:
    return max(face.width or 0, face.height or 0)


def _megabytes(takes: Takes) -> str:
    return f"{(takes.max_bytes or 0) / 1e6:g} MB, the provider's limit"


def _called(container: str) -> str:
    """A container as people write it."""
    return _CALLED.get(container, container.upper())
