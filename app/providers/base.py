"""What a provider is: two verbs and a few facts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from app.errors import LipSyncError, ProviderError
from app.model import Cost, Order, Phase, Ticket, Update
from app.polling import Pace

Note = Callable[[Phase], Awaitable[None]]
"""Tells the job's readers what a submit is busy with."""


@dataclass(frozen=True, slots=True)
class Takes:
    """The media a provider accepts as they are. ``max_seconds`` bounds the audio."""

    image: bool
    video: bool
    formats: tuple[str, ...]
    max_seconds: float | None = None


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
    docs_url: ClassVar[str | None] = None
    pricing: ClassVar[str | None] = None
    can_cancel: ClassVar[bool] = False
    submit_is_free: ClassVar[bool] = False
    """Whether an order may be submitted again when nobody knows if it was before."""

    @property
    @abstractmethod
    def takes(self) -> Takes:
        """What it accepts."""

    @abstractmethod
    async def submit(self, order: Order, note: Note) -> Ticket:
        """Upload, then hand the order over once: the call that may cost money."""

    @abstractmethod
    async def check(self, ticket: Ticket) -> Update:
        """Ask once. Free, safe to repeat, and never waits."""

    async def cancel(self, ticket: Ticket) -> None:
        """Stop the work on a ticket. Raises NotSupported where that cannot be done."""
        raise NotSupported

    def refuse(self, order: Order) -> None:
        """Raise what is wrong with an order, before anything is spent."""

    def estimate(self, order: Order) -> Cost | None:
        """What the order would cost, where that is known."""
        return None

    def failed(self, why: str, kind: type[LipSyncError] = ProviderError) -> LipSyncError:
        """An error that begins by saying who failed."""
        return kind(f"{self.label} API error: {why}")
