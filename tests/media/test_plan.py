"""What is done to a face and an audio for each provider, and what callers are told of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from app.errors import InputRejected, TooLarge, TooLong
from app.media.plan import (
    AudioStep,
    Plan,
    Remux,
    StateLength,
    ToJpeg,
    ToMp3,
    ToMp4,
    ToWav,
    plan,
)
from app.model import Kind, Media, SyncMode, Takes

MEGABYTE = 1_000_000


def takes(images: str, videos: str, audios: str) -> Takes:
    return Takes(frozenset(images.split()), frozenset(videos.split()), frozenset(audios.split()))


FAL = takes("", "mp4 mov webm avi", "mp3 wav ogg flac m4a")
PROVIDERS = {
    "gooey": takes("jpeg png", "mp4 mov", "mp3 wav"),
    "magic_hour": takes(
        "png jpeg heif webp avif tiff bmp",
        "mp4 m4v mov webm",
        "mp3 wav aac flac webm m4a ogg aiff amr",
    ),
    "aiml_pixverse": replace(
        takes("", "mp4 mov", "mp3 wav"), max_seconds=30, max_bytes=50 * MEGABYTE, max_side=1920
    ),
    "fal": FAL,
    "fal_sync": replace(FAL, sync_modes=frozenset(SyncMode)),
}
GOOEY, PIXVERSE = PROVIDERS["gooey"], PROVIDERS["aiml_pixverse"]
FAL_SYNC = PROVIDERS["fal_sync"]

PHOTO = Media(Path("face"), Kind.IMAGE, "jpeg", MEGABYTE, "5e", width=1200, height=1600)
CLIP = Media(
    Path("face"),
    Kind.VIDEO,
    "mp4",
    MEGABYTE,
    "5e",
    duration=10.0,
    width=1080,
    height=1920,
    frame_rate=30.0,
    video_codec="h264",
    audio_codec="aac",
)
VOICE = Media(
    Path("audio"), Kind.AUDIO, "wav", MEGABYTE, "5e", duration=10.0, audio_codec="pcm_s16le"
)


def lasting(media: Media, seconds: float) -> Media:
    return replace(media, duration=seconds)


@pytest.mark.parametrize("name", PROVIDERS)
def test_what_everybody_takes_stays_as_it_is(name: str) -> None:
    assert plan(CLIP, VOICE, PROVIDERS[name], None) == Plan()


def test_a_photo_stays_as_it_is_where_stills_are_taken() -> None:
    assert plan(PHOTO, VOICE, GOOEY, None) == Plan()


@pytest.mark.parametrize("name", ["aiml_pixverse", "fal", "fal_sync"])
def test_a_still_is_animated_where_only_videos_are_taken(name: str) -> None:
    for face in (PHOTO, replace(PHOTO, container="heif", rotation=90)):
        made = plan(face, VOICE, PROVIDERS[name], SyncMode.LOOP)
        assert made.animate
        assert (made.face_steps, made.audio_steps, made.sync_mode) == ((), (), None)
        assert made.warnings == ("The provider takes no still images, so the image was animated.",)


@pytest.mark.parametrize(
    ("face", "told"),
    [
        (
            replace(PHOTO, container="heif"),
            ["The image was converted from HEIC to JPEG."],
        ),
        (replace(PHOTO, rotation=90), ["The image was turned upright."]),
        (
            replace(PHOTO, container="gif", width=9000),
            [
                "The image was converted from GIF to JPEG.",
                "The image was scaled down to 4096 pixels.",
            ],
        ),
    ],
)
def test_a_still_becomes_a_jpeg(face: Media, told: list[str]) -> None:
    made = plan(face, VOICE, GOOEY, None)
    assert [type(step) for step in made.face_steps] == [ToJpeg]
    assert list(made.warnings) == told


def test_a_still_is_made_to_fit() -> None:
    small = replace(GOOEY, max_side=800, max_bytes=MEGABYTE // 2)
    made = plan(PHOTO, replace(VOICE, size=9), small, None)
    assert made.face_steps == (ToJpeg(800, MEGABYTE // 2),)
    assert made.warnings == (
        "The image was scaled down to 800 pixels.",
        "The image was made smaller than 0.5 MB, the provider's limit.",
    )


def test_the_pictures_of_a_video_move_where_they_can() -> None:
    mkv = replace(CLIP, container="mkv")
    made = plan(mkv, VOICE, GOOEY, None)
    assert made.face_steps == (Remux(),)
    assert made.warnings == ("The video was converted from Matroska to MP4.",)
    full = replace(GOOEY, max_bytes=mkv.size)
    assert isinstance(plan(mkv, VOICE, full, None).face_steps[0], ToMp4), "its sound grows"


@pytest.mark.parametrize(
    ("face", "told"),
    [
        (
            replace(CLIP, container="webm", video_codec="vp9", audio_codec="opus"),
            "The video was converted from WebM to MP4.",
        ),
        (replace(CLIP, rotation=90), "The video was turned upright."),
        (
            replace(CLIP, width=2160, height=3840),
            "The video was scaled down to 1920 pixels.",
        ),
        (
            replace(CLIP, size=51 * MEGABYTE),
            "The video was made smaller than 50 MB, the provider's limit.",
        ),
    ],
)
def test_a_video_is_encoded_anew_where_it_must_be(face: Media, told: str) -> None:
    made = plan(face, VOICE, PIXVERSE, None)
    (step,) = made.face_steps
    assert isinstance(step, ToMp4)
    assert (step.max_side, step.fit) == (1920, None)
    assert made.warnings == (told,)


def test_a_codec_that_is_not_taken_is_replaced() -> None:
    strict = replace(GOOEY, codecs=frozenset({"h264", "aac", "pcm_s16le"}))
    made = plan(replace(CLIP, video_codec="hevc"), VOICE, strict, None)
    assert isinstance(made.face_steps[0], ToMp4)
    assert made.warnings == ("The video was encoded anew in the way that the provider can read.",)
    assert plan(replace(CLIP, audio_codec="mp3"), VOICE, strict, None).face_steps == (Remux(),)
    made = plan(CLIP, replace(VOICE, audio_codec="pcm_f32le"), strict, None)
    assert made.audio_steps == (ToWav(),)
    assert made.warnings == ("The audio was encoded anew in the way that the provider can read.",)


def test_a_large_video_gets_fewer_bits_and_then_fewer_pixels() -> None:
    def step(limit: int) -> ToMp4:
        tight = replace(PIXVERSE, max_bytes=limit)
        (made,) = plan(replace(CLIP, size=99 * MEGABYTE), VOICE, tight, None).face_steps
        assert isinstance(made, ToMp4)
        assert made.max_bytes == limit
        assert (made.bit_rate or 0) * 10 / 8 < limit
        return made

    assert step(10 * MEGABYTE).max_side == 1920
    assert 640 < step(MEGABYTE).max_side < 1280
    with pytest.raises(TooLarge, match=r"cannot be made smaller than 0\.2 MB"):
        step(MEGABYTE // 5)


@pytest.mark.parametrize(
    ("audio", "step", "told"),
    [
        (
            replace(VOICE, container="webm", audio_codec="opus"),
            ToWav(),
            "The audio was converted from WebM to WAV.",
        ),
        (
            replace(VOICE, container="m4a", audio_codec="aac"),
            ToWav(),
            "The audio was converted from M4A to WAV.",
        ),
        (
            replace(VOICE, container="mp4", audio_codec="aac", video_codec="h264"),
            ToWav(),
            "The sound track was taken out of the video.",
        ),
        (
            replace(VOICE, size=51 * MEGABYTE),
            ToWav(),
            "The audio was made smaller than 50 MB, the provider's limit.",
        ),
    ],
)
def test_sound_becomes_a_wav(audio: Media, step: AudioStep, told: str) -> None:
    made = plan(CLIP, audio, PIXVERSE, None)
    assert (made.audio_steps, made.warnings) == ((step,), (told,))


def test_sound_becomes_an_mp3_where_a_wav_is_too_large() -> None:
    song = replace(VOICE, container="flac", audio_codec="flac")
    tight = replace(GOOEY, max_bytes=MEGABYTE)
    small = replace(CLIP, size=9)
    assert plan(small, lasting(song, 10), tight, None).audio_steps == (ToWav(),)
    assert plan(PHOTO, lasting(song, 20), tight, None).audio_steps == (ToMp3(128_000),)
    assert plan(PHOTO, lasting(song, 120), tight, None).audio_steps == (ToMp3(64_000),)
    with pytest.raises(TooLarge, match="The audio cannot be made smaller than 1 MB"):
        plan(PHOTO, lasting(song, 600), tight, None)
    only = replace(GOOEY, audios=frozenset({"mp3"}))
    assert plan(PHOTO, song, only, None).audio_steps == (ToMp3(128_000),)


def test_a_webm_that_is_taken_has_to_say_how_long_it_is() -> None:
    clip = replace(CLIP, container="webm", video_codec="vp8", audio_codec="opus")
    voice = replace(VOICE, container="webm", audio_codec="opus")
    made = plan(clip, voice, PROVIDERS["magic_hour"], None)
    assert made == Plan((StateLength(),), (StateLength(),))
    odd = replace(clip, video_codec="h264")
    assert plan(odd, voice, PROVIDERS["magic_hour"], None).face_steps == (Remux(),)


def test_a_film_is_no_voice_even_where_its_container_is_taken() -> None:
    film = replace(VOICE, container="webm", video_codec="vp9", audio_codec="opus")
    made = plan(CLIP, film, PROVIDERS["magic_hour"], None)
    assert made.audio_steps == (ToWav(),)
    assert made.warnings == ("The sound track was taken out of the video.",)


def test_audio_that_is_too_long_is_refused_with_the_limit() -> None:
    with pytest.raises(TooLong, match=r"30\.5 seconds long; this provider takes at most 30 sec"):
        plan(CLIP, lasting(VOICE, 30.5), PIXVERSE, None)
    with pytest.raises(TooLong):
        plan(PHOTO, lasting(VOICE, 31), PIXVERSE, None)
    cut = plan(CLIP, lasting(VOICE, 31), PIXVERSE, SyncMode.CUT_OFF)
    assert cut.audio_steps == (ToWav(10.0),), "what is cut off is not too long"


@pytest.mark.parametrize("mode", [None, SyncMode.LOOP, SyncMode.SILENCE])
def test_a_video_that_is_too_long_ends_at_the_limit(mode: SyncMode | None) -> None:
    made = plan(lasting(CLIP, 45), lasting(VOICE, 20), PIXVERSE, mode)
    (step,) = made.face_steps
    assert isinstance(step, ToMp4)
    assert (step.fit, step.length) == (SyncMode.CUT_OFF, 30)
    assert "The video was cut to 30 seconds, the most that the provider takes." in made.warnings
    assert made.audio_steps == ((ToWav(30),) if mode is SyncMode.SILENCE else ())


def test_a_video_is_retimed_as_a_whole() -> None:
    (step,) = plan(lasting(CLIP, 45), lasting(VOICE, 30), PIXVERSE, SyncMode.REMAP).face_steps
    assert isinstance(step, ToMp4)
    assert (step.fit, step.length) == (SyncMode.REMAP, 30)


def test_a_video_is_refused_where_only_stills_are_taken() -> None:
    with pytest.raises(InputRejected, match="takes no videos"):
        plan(CLIP, VOICE, replace(GOOEY, videos=frozenset()), None)


CUT = "The {} was cut to the {}'s length."
BOUNCED = "The video is shorter than the audio, so it runs back and forth."
LOOPED = "The video is shorter than the audio and was looped."
SILENT = "The audio is shorter than the video and was followed by silence."
RETIMED = "The video was retimed to the audio's length."


@pytest.mark.parametrize(
    ("mode", "fit", "told"),
    [
        (None, SyncMode.BOUNCE, BOUNCED),
        (SyncMode.SILENCE, SyncMode.BOUNCE, BOUNCED),
        (SyncMode.BOUNCE, SyncMode.BOUNCE, BOUNCED),
        (SyncMode.LOOP, SyncMode.LOOP, LOOPED),
        (SyncMode.REMAP, SyncMode.REMAP, RETIMED),
    ],
)
def test_a_video_lasts_as_long_as_somebody_speaks(
    mode: SyncMode | None, fit: SyncMode, told: str
) -> None:
    made = plan(CLIP, lasting(VOICE, 25), GOOEY, mode)
    assert made == Plan((ToMp4(1920, fit, 25),), warnings=(told,))


@pytest.mark.parametrize(
    ("mode", "fit", "told"),
    [
        (SyncMode.CUT_OFF, SyncMode.CUT_OFF, CUT.format("video", "audio")),
        (SyncMode.REMAP, SyncMode.REMAP, RETIMED),
    ],
)
def test_a_video_that_is_longer_is_shortened_on_request(
    mode: SyncMode, fit: SyncMode, told: str
) -> None:
    made = plan(CLIP, lasting(VOICE, 4), GOOEY, mode)
    assert made == Plan((ToMp4(1920, fit, 4),), warnings=(told,))


@pytest.mark.parametrize("mode", [None, SyncMode.LOOP, SyncMode.BOUNCE])
def test_a_video_that_is_longer_stays_as_it_is(mode: SyncMode | None) -> None:
    assert plan(CLIP, lasting(VOICE, 4), GOOEY, mode) == Plan()


def test_audio_is_cut_or_padded_on_request() -> None:
    made = plan(CLIP, lasting(VOICE, 25), GOOEY, SyncMode.CUT_OFF)
    assert made == Plan((), (ToWav(10),), warnings=(CUT.format("audio", "video"),))
    made = plan(CLIP, lasting(VOICE, 4), GOOEY, SyncMode.SILENCE)
    assert made == Plan((), (ToWav(10),), warnings=(SILENT,))


@pytest.mark.parametrize("mode", [None, *SyncMode])
def test_lengths_matter_neither_for_stills_nor_when_they_agree(mode: SyncMode | None) -> None:
    assert plan(PHOTO, lasting(VOICE, 25), GOOEY, mode) == Plan()
    assert plan(CLIP, lasting(VOICE, 10.04), GOOEY, mode) == Plan()


@pytest.mark.parametrize("mode", SyncMode)
@pytest.mark.parametrize("seconds", [4, 10, 25])
def test_a_provider_that_can_is_asked_to_do_it_itself(mode: SyncMode, seconds: float) -> None:
    made = plan(CLIP, lasting(VOICE, seconds), FAL_SYNC, mode)
    assert made == Plan(sync_mode=mode)


def test_a_provider_that_can_is_asked_not_to_lose_speech() -> None:
    made = plan(CLIP, lasting(VOICE, 25), FAL_SYNC, None)
    assert made == Plan(sync_mode=SyncMode.BOUNCE, warnings=(BOUNCED,))
    some = replace(FAL_SYNC, sync_modes=frozenset({SyncMode.LOOP}))
    assert plan(CLIP, lasting(VOICE, 25), some, None).sync_mode is None
