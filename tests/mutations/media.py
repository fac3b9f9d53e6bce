"""Faults in what becomes of a picture and a voice on their way to a provider."""

from __future__ import annotations

from tests.mutations.base import Mutation

PLAN = "app/media/plan.py"
CONVERT = "app/media/convert.py"
PLANNED = "tests/media/test_plan.py::test_"
CONVERTED = "tests/media/test_convert.py::test_"

MEDIA: tuple[Mutation, ...] = (
    Mutation(
        "a still goes as it is to a provider that takes videos only",
        PLAN,
        "animate = still and not takes.images",
        "animate = False",
        (PLANNED + "a_still_is_animated_where_only_videos_are_taken",),
    ),
    Mutation(
        "a video that lies on its side stays there",
        PLAN,
        "if face.rotation or lengths.fit:",
        "if lengths.fit:",
        (PLANNED + "a_video_is_encoded_anew_where_it_must_be",),
    ),
    Mutation(
        "speech ends with a video that is too short",
        PLAN,
        "return SyncMode.BOUNCE if wished in (None, SyncMode.SILENCE) else wished",
        "return SyncMode.CUT_OFF if wished in (None, SyncMode.SILENCE) else wished",
        (PLANNED + "a_video_lasts_as_long_as_somebody_speaks",),
    ),
    Mutation(
        "audio that is too long is sent all the same",
        PLAN,
        "if takes.max_seconds is not None and seconds > takes.max_seconds:",
        "if False:",
        (PLANNED + "audio_that_is_too_long_is_refused_with_the_limit",),
    ),
    Mutation(
        "a file that is too large is sent all the same",
        PLAN,
        "return takes.max_bytes is None or media.size <= takes.max_bytes",
        "return True",
        (PLANNED + "a_still_is_made_to_fit",),
    ),
    Mutation(
        "a film is taken for a voice",
        PLAN,
        "alone = audio.video_codec is None",
        "alone = True",
        (PLANNED + "a_film_is_no_voice_even_where_its_container_is_taken",),
    ),
    Mutation(
        "a recording of a browser's goes without its length",
        PLAN,
        'return (StateLength(),) if media.container == "webm" else ()',
        "return ()",
        (PLANNED + "a_webm_that_is_taken_has_to_say_how_long_it_is",),
    ),
    Mutation(
        "a provider that deals with lengths itself is not asked to",
        PLAN,
        "return replace(lengths, asked=wished)",
        "return lengths",
        (PLANNED + "a_provider_that_can_is_asked_to_do_it_itself",),
    ),
    Mutation(
        "a still that is too large in bytes is written once",
        CONVERT,
        "while step.max_bytes and (size := path.stat().st_size) > step.max_bytes:",
        "while (size := path.stat().st_size) < 0:",
        (CONVERTED + "a_still_is_made_small_enough",),
    ),
    Mutation(
        "a video that is too large in bytes gets no other try",
        CONVERT,
        "if step.max_bytes is None or step.bit_rate is None or size <= step.max_bytes:",
        "if True:",
        (CONVERTED + "a_video_that_takes_more_than_its_bit_rate_gets_another_try",),
    ),
    Mutation(
        "a video that begins late still does",
        CONVERT,
        "zero = start_of(recording)",
        "zero = start_of(recording) * 0",
        (CONVERTED + "a_video_that_begins_late_begins_at_once",),
    ),
    Mutation(
        "audio is not brought to the length of the video",
        CONVERT,
        "while length is not None and left > 0:",
        "while False:",
        (CONVERTED + "audio_is_brought_to_the_length_of_the_video",),
    ),
)
