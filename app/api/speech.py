"""Speech for those who have only words: a text to an MP3, and the voices to choose from."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.api.problems import documented, invalid
from app.api.uploads import drain
from app.errors import (
    InternalError,
    InvalidRequest,
    Overloaded,
    RateLimited,
    TooLarge,
    TooLong,
    Unauthorized,
)
from app.providers import Providers
from app.speech import LONGEST_TEXT, Script, Speaker, words_of
from app.voices import VOICES, Gender, named

_MOST_BYTES = 64 * 1024
"""The longest text fits, however its characters are written in JSON."""

_UNKNOWN = "extra_forbidden"
"""How pydantic calls a field that a model does not have."""


class SpeechIn(BaseModel):
    """What `POST /text-to-speech` is sent."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "text": "Hello! This is a test of the lip-sync feature.",
                "name": VOICES[0].name,
            }
        },
    )

    # How long it may be is said in one place, and there in a sentence.
    text: str = Field(description="what to say", json_schema_extra={"maxLength": LONGEST_TEXT})
    name: str = Field(VOICES[0].name, description="whose voice says it")


class VoiceOut(BaseModel):
    """One voice."""

    model_config = ConfigDict(from_attributes=True)

    name: str = Field(description="for `name` and `voice`")
    language: str | None = Field(None, description="a tag of BCP 47; null: that of the text")
    gender: Gender | None = Field(description="how it sounds")
    provider: str | None = Field(None, description="the only one whose videos have it; null: any")
    sample: str | None = Field(None, description="a sentence to hear it by; null: not heard alone")


class VoicesOut(BaseModel):
    """Every voice that `text` can be said with."""

    voices: list[VoiceOut] = Field(description="those of this service, then those of providers")
    default: str = Field(description="whose voice speaks when none is named")


def routes(speaker: Speaker, providers: Providers) -> APIRouter:
    """The routes under /text-to-speech."""
    router = APIRouter(tags=["speech"])

    @router.post(
        "/text-to-speech",
        summary="Say a text",
        response_class=Response,
        openapi_extra={"requestBody": _request_body()},
        responses={
            200: {
                "description": "The speech as an MP3",
                "content": {"audio/mpeg": {"schema": {"type": "string", "format": "binary"}}},
            },
            **documented(
                Unauthorized,
                TooLarge,
                InvalidRequest,
                TooLong,
                RateLimited,
                InternalError,
                Overloaded,
            ),
        },
    )
    async def speak(request: Request) -> Response:
        """Answers the bytes of an MP3, spoken by a voice of this service.

        To make a video of a text, send the text to `POST /lipsync` instead: the mouth then moves
        by the sounds of the words, which are known, and not by what can be heard of them.
        """
        asked = await _received(request)
        sound = await speaker.mp3(Script(words_of(asked.text), named(VOICES, asked.name)))
        headers = {"Content-Disposition": 'inline; filename="speech.mp3"'}
        return Response(sound, media_type="audio/mpeg", headers=headers)

    @router.get(
        "/text-to-speech/voices",
        summary="The voices",
        response_description="Every voice, and which one speaks when none is named",
    )
    async def voices() -> VoicesOut:
        """Every voice by name, for `POST /text-to-speech` and for the `voice` of a video."""
        own = [VoiceOut.model_validate(voice) for voice in VOICES]
        hosted = [
            VoiceOut(name=voice.name, gender=voice.gender, provider=provider.name)
            for provider, voice in providers.hosted_voices()
        ]
        return VoicesOut(voices=[*own, *hosted], default=VOICES[0].name)

    return router


async def _received(request: Request) -> SpeechIn:
    """The JSON of a request, of which no more is read than the longest text takes."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST_BYTES:
            await drain(request)
            raise TooLarge("The request is too large. The limit is 64 kB.")
    try:
        return SpeechIn.model_validate_json(body)
    except ValidationError as problem:
        raise _refusal(problem) from None


def _refusal(problem: ValidationError) -> InvalidRequest:
    refusal = invalid(problem.errors())
    unknown = [str(each["loc"][-1]) for each in problem.errors() if each["type"] == _UNKNOWN]
    if unknown:
        known = ", ".join(SpeechIn.model_fields)
        refusal.detail = f"There is no field {', '.join(unknown)}. There are: {known}."
    return refusal


def _request_body() -> dict[str, Any]:
    schema = SpeechIn.model_json_schema()
    return {"required": True, "content": {"application/json": {"schema": schema}}}
