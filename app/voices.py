# ruff: noqa: RUF001 - letters of other scripts look like Latin ones
"""The voices that speak a text, by name: this service's own, and those of its providers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from app.errors import InvalidRequest

Gender = Literal["female", "male"]


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice of this service. ``language`` is a tag of BCP 47, ``sample`` a sentence in it.

    ``espeak`` is the synthesiser's name for it.
    """

    name: str
    language: str
    gender: Gender
    sample: str
    espeak: str


@dataclass(frozen=True, slots=True)
class HostedVoice:
    """A voice that only its provider can speak with, while it makes the video.

    It speaks whatever language the text is in. ``gender`` is None where it is not known.
    """

    name: str
    gender: Gender | None = None


# A woman, a man, their language, the synthesiser's word for it, and something to hear them by.
_SPEAKERS = (
    ("Hannah", "Walter", "en-US", "en-us", "Hello! What would you like me to say?"),
    ("Grace", "Arthur", "en-GB", "en-gb-x-rp", "Hello! What would you like me to say?"),
    ("Klara", "Jonas", "de-DE", "de", "Hallo! Was soll ich für dich sagen?"),
    ("Camille", "Lucien", "fr-FR", "fr-fr", "Bonjour ! Que voulez-vous que je dise ?"),
    ("Lucia", "Javier", "es-ES", "es", "¡Hola! ¿Qué quieres que diga?"),
    ("Valentina", "Diego", "es-419", "es-419", "¡Hola! ¿Qué quieres que diga?"),
    ("Giulia", "Marco", "it-IT", "it", "Ciao! Che cosa vuoi che dica?"),
    ("Beatriz", "Rafael", "pt-BR", "pt-br", "Olá! O que você quer que eu diga?"),
    ("Ines", "Tiago", "pt-PT", "pt", "Olá! O que quer que eu diga?"),
    ("Sanne", "Bram", "nl-NL", "nl", "Hallo! Wat zal ik voor je zeggen?"),
    ("Astrid", "Nils", "sv-SE", "sv", "Hej! Vad vill du att jag ska säga?"),
    ("Ingrid", "Henrik", "nb-NO", "nb", "Hei! Hva vil du at jeg skal si?"),
    ("Mette", "Soren", "da-DK", "da", "Hej! Hvad skal jeg sige for dig?"),
    ("Aino", "Eero", "fi-FI", "fi", "Hei! Mitä haluat minun sanovan?"),
    ("Zofia", "Pawel", "pl-PL", "pl", "Cześć! Co mam powiedzieć?"),
    ("Tereza", "Ondrej", "cs-CZ", "cs", "Dobrý den! Co mám říct?"),
    ("Reka", "Balazs", "hu-HU", "hu", "Jó napot! Mit mondjak?"),
    ("Ioana", "Andrei", "ro-RO", "ro", "Bună ziua! Ce vreți să spun?"),
    ("Oksana", "Taras", "uk-UA", "uk", "Вітаю! Що мені сказати?"),
    ("Irina", "Pavel", "ru-RU", "ru", "Здравствуйте! Что мне сказать?"),
    ("Eleni", "Nikos", "el-GR", "el", "Γεια σας! Τι θέλετε να πω;"),
    ("Elif", "Emre", "tr-TR", "tr", "Merhaba! Ne söylememi istersiniz?"),
    ("Priya", "Arjun", "hi-IN", "hi", "नमस्ते! मैं आपके लिए क्या बोलूँ?"),
    ("Dewi", "Bima", "id-ID", "id", "Halo! Apa yang harus saya katakan?"),
    ("Linh", "Minh", "vi-VN", "vi", "Xin chào! Bạn muốn tôi nói gì?"),
    ("Jiwoo", "Minho", "ko-KR", "ko", "안녕하세요! 무엇을 말해 드릴까요?"),
    ("Xiaomei", "Haoran", "zh-CN", "cmn", "你好！你想让我说什么？"),
)

VOICES: tuple[Voice, ...] = tuple(
    voice
    for woman, man, language, espeak, sample in _SPEAKERS
    for voice in (
        Voice(woman, language, "female", sample, f"{espeak}+f2"),
        Voice(man, language, "male", sample, f"{espeak}+m3"),
    )
)
"""Every voice of this service; the first is the one that speaks when none is named."""

_Named = TypeVar("_Named", bound=Voice | HostedVoice)


def named(voices: Sequence[_Named], name: str) -> _Named:
    """The voice of a name, in whatever case it is written. Raises InvalidRequest with all names."""
    meant = name.strip().casefold()
    for voice in voices:
        if voice.name.casefold() == meant:
            return voice
    known = ", ".join(voice.name for voice in voices)
    raise InvalidRequest(f"There is no such voice. Known: {known}.")


def deputy(voice: HostedVoice) -> Voice:
    """Who speaks in place of a provider's voice, where it is not that provider who works."""
    return next(own for own in VOICES if own.gender == (voice.gender or own.gender))
