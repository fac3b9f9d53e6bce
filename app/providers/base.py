"""What a provider is: two verbs and a few facts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from app.errors import LipSyncError, MaxCostExceeded, ProviderError
from app.model import Order, Phase, Takes, Ticket, Update
from app.polling import Pace
from app.providers.prices import Price
from app.providers.webhooks import Webhook
from app.voices import HostedVoice

Note = Callable[[Phase], Awaitable[None]]
"""Tells the job's readers what a submit is busy with.

``SUBMITTING`` is said right before the one request that costs money, and only then: it makes the
intent durable, and refuses when an earlier one may have gone.
"""


class Options(BaseModel):
    """A provider's own options: strict, so that a misspelt one is told and not ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class NotSupported(ProviderError):
    """The provider cannot do this."""


class Provider(ABC):
    """One way to turn a face and a voice into a video."""

    name: ClassVar[str]
    """In URLs, rows, file names and tests."""
    label: ClassVar[str]
    """For people."""
    options: ClassVar[type[Options]]
    pace: ClassVar[Pace]
    takes: Takes
    """The media it accepts as they are; everything else is converted first."""
    docs_url: ClassVar[str | None] = None
    price: Price
    short_video_hint: ClassVar[str | None] = None
    """Why a video may come back shorter than the audio."""
    voices: ClassVar[tuple[HostedVoice, ...]] = ()
    """Those of its own, which say a text while it makes the video."""
    takes_money: ClassVar[bool] = False
    can_cancel: ClassVar[bool] = False
    webhook: ClassVar[Webhook | None] = None
    """How its vendor's webhooks look, where it sends any."""
    works_here: ClassVar[bool] = False
    """Whether it needs the order's files until the video is there."""

    def takes_for(self, options: Options) -> Takes:
        """What it accepts when these options are chosen."""
        return self.takes

    def has_voice(self, name: str | None) -> bool:
        """Whether it has a voice of this name, and says the text itself then."""
        return any(voice.name == name for voice in self.voices)

    def says_itself(self, order: Order) -> tuple[str, str] | None:
        """The text and the voice, where the provider speaks and needs no audio."""
        if order.text and order.voice and self.has_voice(order.voice):
            return order.text, order.voice
        return None

    @property
    def setup_hint(self) -> str | None:
        """What is missing before it can take orders, in one sentence; None when it is ready."""
        return None

    @abstractmethod
    async def submit(self, order: Order, note: Note) -> Ticket:
        """Upload, then hand the order over once: the call that may cost money."""

    @abstractmethod
    async def check(self, ticket: Ticket) -> Update:
        """Ask once. Free, safe to repeat, and never waits."""

    async def cancel(self, ticket: Ticket) -> None:
        """Stop the work on a ticket. Raises NotSupported where that cannot be done."""
        raise NotSupported

    async def vouches(self, message: bytes, signature: bytes) -> bool:
        """Whether the vendor signed what came as a webhook of its."""
        return False

    def refuse(self, order: Order) -> None:
        """Raise what is wrong with an order, before anything is spent."""

    def estimate(self, order: Order) -> float | None:
        """What the order would cost in ``price.unit``, where that is known."""
        return None

    def refuse_above(self, most: float, order: Order) -> None:
        """Raise MaxCostExceeded for an order that would cost more, or nobody knows how much."""
        if not self.takes_money:
            return
        estimate = self.estimate(order)
        if estimate is None:
            raise MaxCostExceeded(
                f"What {self.label} would charge is not known beforehand, so max_cost cannot be"
                " kept to. Leave it out, or choose another provider."
            )
        if estimate > most:
            raise MaxCostExceeded(
                f"{self.label} would charge about {estimate:g} {self.price.unit},"
                f" more than the max_cost of {most:g}."
            )

    def failed(self, why: str, kind: type[LipSyncError] = ProviderError) -> LipSyncError:
        """An error that begins by saying who failed."""
        return kind(f"{self.label} API error: {why}")
