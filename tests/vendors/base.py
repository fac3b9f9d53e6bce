"""What a stand-in says about its platform: addresses, replies, and how its jobs go on and end."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from app.providers.http import HttpProvider

KEY = "2f9c1a77-e0b8:4d5f90ab"


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: its JSON (or its bytes as they are), status and headers."""

    body: object
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()

    def rewritten(self, change: Callable[[str], str]) -> Reply:
        """The same answer in other words."""
        headers = {name: change(value) for name, value in self.headers.items()}
        return replace(self, body=change(self.content.decode()).encode(), headers=headers)


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request by its method and its whole address, and the reply."""

    method: str
    url: str
    reply: Reply


@dataclass(frozen=True, slots=True)
class Scene:
    """What is answered about a job: its status, and its result where that has its own address."""

    status: Reply
    result: Reply | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """A job that fails: what is answered, the code of our error for it, and the vendor's words."""

    scene: Scene
    code: str
    words: str
    charged: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Vendor:
    """A platform, as its documents show it.

    ``job`` is the id in the example replies and ``token`` stands in every address that belongs to
    one upload. ``uploads`` are asked for with the key, and ``puts`` take the files without it.
    ``says`` is the platform's error body for a sentence, ``fails`` a job that failed with it.
    ``refusals`` are documented error replies by the fault's name. ``unlike`` names what differs
    from what every vendor's faults mean, by where and what.
    """

    provider: type[HttpProvider[Any]]
    settings: Mapping[str, str] = field(default_factory=lambda: {"api_key": KEY})
    addresses: Mapping[str, str] = field(default_factory=dict)
    """Variables by which its addresses are set, and their defaults; the first is ``base_url``'s."""
    auth: str = "Bearer {}"
    job: str
    token: str = ""
    uploads: tuple[Exchange, ...] = ()
    puts: tuple[Exchange, ...] = ()
    submit: Exchange
    also_submits: tuple[str, ...] = ()
    """Other addresses for orders."""
    status_url: str
    result_url: str | None = None
    cancel: Exchange | None = None
    published: tuple[Exchange, ...] = ()
    """What anybody may ask for, without a key."""
    queued: tuple[Scene, ...]
    working: tuple[Scene, ...]
    odd: Scene
    """A status word that nobody documented."""
    done: tuple[Scene, ...]
    hollow: Scene
    """A success without a video."""
    failures: tuple[Failure, ...] = ()
    video_url: str
    refusals: Mapping[str, Reply] = field(default_factory=dict)
    says: Callable[[str], object] = lambda text: {"message": text}
    fails: Callable[[str], Scene]
    unlike: Mapping[tuple[str, str], str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """What is left out is as usual: one address, and jobs that cost when they fail."""
        config = self.provider.config
        own = {
            f"{config.model_config['env_prefix']}BASE_URL": config.model_fields["base_url"].default
        }
        usual = Failure(self.fails("It broke."), "provider_error", "It broke.", "unknown")
        object.__setattr__(self, "addresses", self.addresses or own)
        object.__setattr__(self, "failures", self.failures or (usual,))

    @property
    def name(self) -> str:
        """As the gateway calls the provider."""
        return self.provider.name

    @property
    def base_url(self) -> str:
        """Where orders go."""
        return next(iter(self.addresses.values()))

    @property
    def origins(self) -> frozenset[str]:
        """Whom the key may be shown."""
        own = (self.base_url, *(upload.url for upload in self.uploads))
        return frozenset("{0.scheme}://{0.netloc}".format(urlsplit(url)) for url in own)

    def refusal(self, fault: str) -> Reply:
        """How the platform says no: as documented, or in its own shape."""
        status, sentence = REFUSALS[fault]
        return self.refusals.get(fault) or Reply(
            self.says(sentence), status, HEADERS.get(fault, {})
        )


REFUSALS: Mapping[str, tuple[int, str]] = {
    "401": (401, "This key is not known."),
    "402": (402, "Payment required"),
    "403_auth": (403, "You may not do this."),
    "403_credits": (403, "Insufficient credits"),
    "422": (422, "This field is wrong."),
    "429": (429, "Too many requests."),
    "500": (500, "Something broke."),
    "502": (502, "Bad Gateway"),
    "503": (503, "We are down for maintenance."),
    "504": (504, "Generation timeout"),
}
HEADERS: Mapping[str, Mapping[str, str]] = {"429": {"Retry-After": "41.532911"}}
HTML = Reply(b"<!doctype html><title>One moment</title><p>Checking your browser.", 200)


def truncated(reply: Reply) -> Reply:
    """Half of an answer."""
    return replace(reply, body=reply.content[: len(reply.content) // 2])
