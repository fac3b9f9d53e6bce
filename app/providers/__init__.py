"""Every provider we offer, and the choice between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.errors import InvalidRequest, ProviderNotConfigured
from app.providers.base import Provider

AUTO = "auto"


@dataclass(frozen=True, slots=True)
class Unconfigured:
    """A hosted provider that cannot take orders, and what would change that."""

    name: str
    label: str
    variable: str
    keys_url: str

    @property
    def setup_hint(self) -> str:
        """What to do, in one sentence."""
        return f"{self.variable} not configured. Get your API key from {self.keys_url}"


HOSTED = (
    Unconfigured("gooey", "Gooey.AI", "GOOEY_API_KEY", "https://gooey.ai"),
    Unconfigured("magic_hour", "Magic Hour", "MAGIC_HOUR_API_KEY", "https://magichour.ai"),
    Unconfigured("aiml_pixverse", "AIML API (PixVerse)", "AIML_API_KEY", "https://aimlapi.com"),
    Unconfigured("fal_sync_lipsync", "fal sync-lipsync", "FAL_KEY", "https://fal.ai"),
    Unconfigured("fal_lipsync", "fal lipsync", "FAL_KEY", "https://fal.ai"),
)


class Providers:
    """The providers by name. ``order`` is what `auto` tries before our own engine."""

    def __init__(self, local: Provider, *, default: str, order: Sequence[str]) -> None:
        self.ready: Mapping[str, Provider] = {local.name: local}
        self.unconfigured = {provider.name: provider for provider in HOSTED}
        self.names = (*self.unconfigured, *self.ready)
        self._default = default
        self._order = (*order, local.name)

    def choose(self, name: str | None) -> Provider:
        """The provider a caller means. Raises InvalidRequest and ProviderNotConfigured."""
        wanted = name or self._default
        if wanted == AUTO:
            wanted = next(each for each in self._order if each in self.ready)
        if wanted in self.ready:
            return self.ready[wanted]
        if wanted in self.unconfigured:
            raise ProviderNotConfigured(self.unconfigured[wanted].setup_hint)
        raise InvalidRequest(f"There is no such provider. Known: {', '.join(self.names)}, {AUTO}.")
