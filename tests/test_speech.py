"""Words become speech, and a video that speaks them: over HTTP, whatever the words are."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import httpx
import numpy as np
import pytest

from app.errors import Overloaded
from app.media.face import FaceMesh, face_models_dir
from app.media.voice import has_speech
from app.speech import MOST_WAITING, Script, Speaker, phonemes_of, spoken, spoken_wav
from app.voices import VOICES, named
from app.workers import WorkerPool
from tests.engine.measure import measure
from tests.service import ORIGIN, Service, assert_problem

TEXT = "Hello! This is a test of the lip-sync feature."
SENTENCES = (
    "Hello there! I was only a photograph, until somebody gave me a voice."
    " Maybe you have a picture that would like to say something, too."
)


@pytest.fixture(scope="module")
def brief(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service for which nothing may last long."""
    with Service(tmp_path_factory.mktemp("brief"), MAX_MEDIA_SECONDS="3") as running:
        yield running


def said(service: Service, text: str, **fields: Any) -> httpx.Response:
    """`POST /text-to-speech`."""
    return service.client.post("/text-to-speech", json={"text": text, **fields}, headers=ORIGIN)


def heard(mp3: bytes) -> tuple[np.ndarray[Any, np.dtype[np.float32]], int]:
    """The sound of an MP3, and its rate."""
    with av.open(BytesIO(mp3)) as file:
        assert file.format.name == "mp3"
        frames = [frame.to_ndarray()[0] for frame in file.decode(audio=0)]  # type: ignore[union-attr]
        return np.concatenate(frames), file.streams.audio[0].rate


def voices(service: Service) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = service.client.get("/text-to-speech/voices").json()["voices"]
    return listed


def test_a_text_is_spoken_as_an_mp3(service: Service) -> None:
    answer = said(service, TEXT, name="Hannah")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "audio/mpeg"
    samples, rate = heard(answer.content)
    assert 2 < len(samples) / rate < 6
    assert has_speech(samples, rate)


def test_hannah_speaks_when_nobody_is_named(service: Service) -> None:
    assert service.client.get("/text-to-speech/voices").json()["default"] == "Hannah"
    usual, hers = said(service, TEXT).content, said(service, TEXT, name="hANNAH ").content
    other = said(service, TEXT, name="Walter").content
    assert len(usual) == pytest.approx(len(hers), abs=300)
    assert abs(len(heard(usual)[0]) - len(heard(other)[0])) > 1000


def test_there_are_voices_for_a_dozen_languages_and_more(service: Service) -> None:
    listed = voices(service)
    names = [voice["name"].casefold() for voice in listed]
    assert len(names) == len(set(names))
    assert len({voice["language"].partition("-")[0] for voice in listed}) >= 12
    assert {voice["gender"] for voice in listed} == {"female", "male"}


def test_every_voice_says_its_sample_as_loud_as_the_others(service: Service) -> None:
    for voice in voices(service):
        samples, rate = heard(said(service, voice["sample"], name=voice["name"]).content)
        assert has_speech(samples, rate), voice
        loudness = 20 * np.log10(np.sqrt(np.mean(samples**2)))
        assert loudness == pytest.approx(-20, abs=3), voice
        assert np.abs(samples).max() <= 1, voice


def test_an_unknown_voice_is_told_who_there_is(service: Service, photo: Path) -> None:
    for answer in (
        said(service, TEXT, name="Nobody"),
        service.say(photo, TEXT, voice="x"),
    ):
        problem = assert_problem(answer, 422, "invalid_request")
        assert problem["detail"].startswith("There is no such voice. Known: Hannah, ")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "text: There is nothing to say in it."),
        (" \n\t\0", "text: There is nothing to say in it."),
        ("…", "text: There are no words in it."),
        ("?! — \U0000200b", "text: There are no words in it."),
    ],
)
def test_a_text_without_words_is_refused(
    service: Service, photo: Path, text: str, sentence: str
) -> None:
    for answer in (said(service, text), service.say(photo, text)):
        assert assert_problem(answer, 422, "invalid_request")["detail"] == sentence


def test_a_text_that_is_too_long_is_refused(service: Service, photo: Path) -> None:
    text = "word " * 1000 + "!"
    for answer in (said(service, text), service.say(photo, text)):
        problem = assert_problem(answer, 422, "too_long")
        assert problem["detail"] == "The text is 5,001 characters long; the limit is 5,000."


def test_a_request_that_is_too_large_is_not_read_to_its_end(service: Service) -> None:
    problem = assert_problem(said(service, "a" * 1_000_000), 413, "too_large")
    assert problem["detail"] == "The request is too large. The limit is 64 kB."


def test_speech_may_last_no_longer_than_a_recording(brief: Service, photo: Path) -> None:
    text = "This is a sentence that takes a good while to say aloud. " * 5
    for answer in (said(brief, text), brief.say(photo, text)):
        problem = assert_problem(answer, 422, "too_long")
        assert problem["detail"] == ("The text takes longer to say than the limit of 3 seconds.")
    assert said(brief, "Short.").status_code == 200


async def test_who_would_wait_too_long_is_told_to_come_back() -> None:
    speaker = Speaker(WorkerPool(1, memory=1 << 30, keep=True), max_seconds=60)
    script = Script("Hello.", VOICES[0])
    many = (speaker.mp3(script) for _ in range(MOST_WAITING + 3))
    try:
        told = await asyncio.gather(*many, return_exceptions=True)
        assert await speaker.mp3(script)
    finally:
        await speaker.close()
    refused = [answer for answer in told if isinstance(answer, Overloaded)]
    assert len(refused) == 3
    assert refused[0].retry_after


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{", b'"text"', b'{"text": 1}', b'{"text": "a", "x": 1}', b'{"text": "\\ud800"}'],
)
def test_what_is_not_asked_for_properly_is_refused(service: Service, body: bytes) -> None:
    answer = service.client.post("/text-to-speech", content=body, headers=ORIGIN)
    assert_problem(answer, 422, "invalid_request")


def test_unknown_fields_are_told_with_the_known_ones(service: Service) -> None:
    problem = assert_problem(said(service, TEXT, voice="Walter"), 422, "invalid_request")
    assert problem["detail"] == "There is no field voice. There are: text, name."
    assert [each["loc"] for each in problem["errors"]] == [["voice"]]


@pytest.mark.parametrize(
    "text",
    [
        '<speak><break time="60s"/>Hello</speak>',
        "\x01+90S quick \x1b[31m red \x7f",
        "[[h@l'oU]] {{}} %s %n ${HOME} `id`",
        "Ignore \u202e this \u200d\u200b\ufeff and \U0001f469\u200d\U0001f469\u200d\U0001f467",
        "a\u0300" * 500,
        "1234567890" * 20,
        "/" * 300 + "etc",
    ],
)
def test_whatever_a_text_holds_is_only_read_aloud(service: Service, text: str) -> None:
    answer = said(service, text)
    assert answer.status_code == 200, answer.text
    assert said(service, "Still here.").status_code == 200


def test_a_face_says_a_text(service: Service, photo: Path) -> None:
    answer = service.say(photo, TEXT, voice="grace")
    assert answer.status_code == 200, answer.text
    job = answer.json()
    assert job["status"] == "success"
    assert job["warnings"] == []
    spoken, rate = heard(said(service, TEXT, name="Grace").content)
    assert job["duration_seconds"] == pytest.approx(len(spoken) / rate, abs=0.15)
    video = service.client.get(job["video_url"]).content
    with av.open(BytesIO(video)) as played:
        assert played.streams.video
        assert played.streams.audio


def test_the_mouth_follows_the_words_and_not_what_is_heard_of_them(
    service: Service, photo: Path, files: Path
) -> None:
    phonemes = spoken(Script(SENTENCES, named(VOICES, "Hannah")), 60).phonemes
    sound = files / "sentences.mp3"
    sound.write_bytes(said(service, SENTENCES).content)
    jobs = {
        "known": service.say(photo, SENTENCES).json(),
        "heard": service.order(photo, sound).json(),
    }
    mesh = FaceMesh(face_models_dir())
    opening = {}
    for name, job in jobs.items():
        video = files / f"{name}.mp4"
        video.write_bytes(service.client.get(job["download_url"]).content)
        opening[name] = measure(video, phonemes, mesh).opening
    assert opening["known"] >= 0.75
    assert opening["known"] > opening["heard"] + 0.01


def test_words_are_found_in_what_was_spoken_and_in_nothing_else(tmp_path: Path) -> None:
    script = Script(TEXT, named(VOICES, "Hannah"))
    audio = spoken_wav(script, 60, tmp_path / "speech")
    assert any(phoneme.ipa == "h" for phoneme in phonemes_of(TEXT, "Hannah", audio))
    assert phonemes_of(TEXT + " And more.", "Hannah", audio) == ()
    assert phonemes_of(TEXT, "Walter", audio) == ()
    assert phonemes_of(TEXT, "Nobody", audio) == ()
    assert phonemes_of(TEXT * 9, "Hannah", audio) == ()


def test_one_word_is_enough(service: Service, photo: Path) -> None:
    assert service.say(photo, "Oh.").status_code == 200


def test_a_face_is_missed_before_anything_is_said(
    service: Service, scenery: Path, speech: Path
) -> None:
    assert_problem(service.say(scenery, TEXT), 422, "no_face")
    assert_problem(service.say(speech, "…"), 400, "unsupported_image")


def test_words_and_a_recording_are_one_too_many(
    service: Service, photo: Path, speech: Path
) -> None:
    for fields in ({"text": TEXT}, {"voice": "Hannah"}):
        problem = assert_problem(service.order(photo, speech, **fields), 422, "invalid_request")
        assert problem["detail"] == "Send either audio, or audio_url, or text with a voice."
    # A page's form sends the fields that were left empty, too.
    assert service.order(photo, speech, text="", voice="", wait="0").status_code == 202
