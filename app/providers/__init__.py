"""Every provider we offer, in order of preference, and the choice between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from app.errors import InvalidRequest, ProviderNotConfigured
from app.model import Job
from app.providers.aiml import PixVerse
from app.providers.base import Provider
from app.providers.fal import FalLipsync, FalSyncLipsync
from app.providers.gooey import Gooey
from app.providers.http import HttpProvider
from app.providers.magic_hour import MagicHour

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

    def choose(self, name: str | None) -> Provider:
        """The provider a caller means. Raises InvalidRequest and ProviderNotConfigured."""
        wanted = name or self.default
        if wanted == AUTO:
            return self.candidates()[0]
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

    def candidates(self) -> list[Provider]:
        """Whom `auto` may ask, in order: those that are ready."""
        known = [self.by_name[name] for name in dict.fromkeys(self._order)]
        return [provider for provider in known if not provider.setup_hint]
