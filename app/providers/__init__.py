"""Every provider we offer, in order of preference, and the choice between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from app.errors import InvalidRequest, ProviderNotConfigured
from app.model import Allowance, Job
from app.providers.aiml import PixVerse
from app.providers.base import Provider
from app.providers.fal import FalLipsync, FalSyncLipsync
from app.providers.gooey import Gooey
from app.providers.http import HttpProvider
from app.providers.magic_hour import MagicHour
from app.voices import VOICES, HostedVoice, Voice, deputy, named

AUTO = "auto"

HTTP_PROVIDERS: tuple[type[HttpProvider[Any]], ...] = (
    Gooey,
    MagicHour,
    PixVerse,
    FalSyncLipsync,
    FalLipsync,
)


class Providers:
    """The providers by name; the last one is our own engine, which is always ready.

    ``order`` is what `auto` tries before it.
    """

    def __init__(
        self, providers: Sequence[Provider], *, default: str, order: Sequence[str]
    ) -> None:
        self.by_name: Mapping[str, Provider] = {each.name: each for each in providers}
        self.default = default
        self._order = (*order, providers[-1].name)

    def choose(self, name: str | None, voice: str | None = None) -> Provider:
        """The provider a caller means. Raises InvalidRequest and ProviderNotConfigured."""
        wanted = name or self.default
        if wanted == AUTO:
            return self.candidates(voice)[0]
        if wanted not in self.by_name:
            known = ", ".join((*self.by_name, AUTO))
            raise InvalidRequest(f"There is no such provider. Known: {known}.")
        provider = self.by_name[wanted]
        if provider.setup_hint:
            raise ProviderNotConfigured(provider.setup_hint)
        return provider

    def left(self, job: Job) -> tuple[str, ...]:
        """Whom a job's candidates leave to ask: what is its max_cost for one is none for others."""
        price = self.by_name[job.provider].price
        return tuple(
            name
            for name in job.candidates
            if job.max_cost is None
            or not self.by_name[name].takes_money
            or self.by_name[name].price.counts_like(price)
        )

    def hearing(self, vendor: str) -> list[Provider]:
        """Whose webhooks come to `/webhooks/<vendor>`: those of its models that are ready."""
        return [
            provider
            for provider in self.by_name.values()
            if provider.webhook and provider.webhook.vendor == vendor and not provider.setup_hint
        ]

    def candidates(self, voice: str | None = None) -> list[Provider]:
        """Whom `auto` may ask, in order: those that are ready, and first those with the voice."""
        known = [self.by_name[name] for name in dict.fromkeys(self._order)]
        ready = [provider for provider in known if not provider.setup_hint]
        return sorted(ready, key=lambda provider: not provider.has_voice(voice))

    def hosted_voices(self) -> list[tuple[Provider, HostedVoice]]:
        """The voices of the providers that are ready."""
        ready = [provider for provider in self.by_name.values() if not provider.setup_hint]
        return [(provider, voice) for provider in ready for voice in provider.voices]

    def voice(self, name: str | None) -> Voice | HostedVoice:
        """The voice a caller means. Raises InvalidRequest, which lists all there are."""
        hosted = [voice for _, voice in self.hosted_voices()]
        voices: list[Voice | HostedVoice] = [*VOICES, *hosted]
        return VOICES[0] if name is None else named(voices, name)

    def refuse_voice(self, provider: Provider, name: str | None) -> None:
        """Raise InvalidRequest where a voice is another provider's own."""
        owners = [each.label for each, voice in self.hosted_voices() if voice.name == name]
        if owners and not provider.has_voice(name):
            raise InvalidRequest(f"voice: {name} only speaks in videos by {' and '.join(owners)}.")

    def own_voice(self, name: str | None) -> Voice:
        """This service's voice of a name, or the one that stands in for a provider's."""
        hosted = [voice for each in self.by_name.values() for voice in each.voices]
        voices: list[Voice | HostedVoice] = [*VOICES, *hosted]
        voice = next((voice for voice in voices if voice.name == name), VOICES[0])
        return voice if isinstance(voice, Voice) else deputy(voice)

    def allowance(self, provider: Provider) -> Allowance | None:
        """What may be sent to a provider, together with those that share its account."""
        if not isinstance(provider, HttpProvider) or provider.allowance is None:
            return None
        others = [each for each in self.by_name.values() if isinstance(each, HttpProvider)]
        sharing = [each.name for each in others if each.key_variable() == provider.key_variable()]
        return replace(provider.allowance, providers=tuple(sharing))
