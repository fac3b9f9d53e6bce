"""Faults in what speaks a text, and in who is asked to."""

from __future__ import annotations

from tests.mutations.base import Mutation

SPEECH = "app/speech.py"
AIML = "app/providers/aiml.py"
PROVIDERS = "app/providers/__init__.py"
STEPS = "app/steps.py"

SAID = "tests/test_speech.py::test_"
HOSTED = "tests/test_hosted.py::test_"
WIRE = "tests/conformance/test_aiml.py::test_"

SPOKEN: tuple[Mutation, ...] = (
    Mutation(
        "a text speaks for as long as it likes",
        SPEECH,
        "max_seconds=max_seconds,\n    )",
        "max_seconds=1e9,\n    )",
        (SAID + "speech_may_last_no_longer_than_a_recording",),
    ),
    Mutation(
        "a text may be of any length",
        SPEECH,
        "if len(plain) > LONGEST_TEXT:",
        "if False:",
        (SAID + "a_text_that_is_too_long_is_refused",),
    ),
    Mutation(
        "speaking without an end of those who wait",
        SPEECH,
        "if self._waiting >= MOST_WAITING:",
        "if False:",
        (SAID + "who_would_wait_too_long_is_told_to_come_back",),
    ),
    Mutation(
        "speaking a request of any size",
        "app/api/speech.py",
        "if len(body) > _MOST_BYTES:",
        "if False:",
        (SAID + "a_request_that_is_too_large_is_not_read_to_its_end",),
    ),
    Mutation(
        "speaking in a voice as loud as its synthesiser likes",
        SPEECH,
        "return _levelled(speech)",
        "return speech",
        (SAID + "every_voice_says_its_sample_as_loud_as_the_others",),
    ),
    Mutation(
        "the sounds of other words move the mouth",
        SPEECH,
        "return speech.phonemes if abs(speech.duration - seconds) <= _SAME_LENGTH else ()",
        "return speech.phonemes",
        (SAID + "words_are_found_in_what_was_spoken_and_in_nothing_else",),
    ),
    Mutation(
        "words and speech are both sent to a provider that may have one of them",
        AIML,
        "else:\n            body[",
        "if order.text:\n            body[",
        (WIRE + "sends_words_for_its_own_voices",),
    ),
    Mutation(
        "auto does not ask first who has the voice",
        PROVIDERS,
        "return sorted(ready, key=lambda provider: not provider.has_voice(voice))",
        "return ready",
        (HOSTED + "a_text_is_said_by_whoever_has_the_voice",),
    ),
    Mutation(
        "a voice of another provider is taken in silence",
        PROVIDERS,
        "if owners and not provider.has_voice(name):",
        "if False:",
        (HOSTED + "a_voice_of_another_provider_is_refused_at_no_cost",),
    ),
    Mutation(
        "that another voice speaks is not told",
        STEPS,
        "if refused.has_voice(job.voice) and not chosen.has_voice(job.voice):",
        "if False:",
        (HOSTED + "after_a_refusal_somebody_else_speaks_and_it_is_told",),
    ),
)
