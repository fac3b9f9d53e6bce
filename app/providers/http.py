"""What the providers behind an HTTP API share: sending, the key, errors, and reading replies.

An adapter declares how its vendor differs and never sees a response, a header or a status code.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, ClassVar, Generic, TypeVar
from urllib.parse import urlencode, urlsplit

import httpx
from pydantic import AliasPath

from app.errors import (
    BadAnswer,
    Charged,
    LipSyncError,
    NoFace,
    OutcomeUnknown,
    OutOfCredits,
    ProviderError,
    ProviderUnavailable,
    VendorWords,
)
from app.model import Allowance, Media, Phase, State, Update, Video
from app.polling import Clock, Pace
from app.providers.answers import Answer, body_of
from app.providers.base import Options, Provider
from app.providers.config import HttpConfig
from app.providers.prices import price_of
from app.providers.refusals import clean, holds, meaning, words_of
from app.providers.uploads import blocks

A = TypeVar("A", bound=Answer)
C = TypeVar("C", bound=HttpConfig)

PAUSES = (0.2, 1.0)
"""Seconds before a connection that was never made is tried again: nothing was sent or paid."""
CONNECTIONS = 20
"""To one vendor at a time."""
_NOTHING = VendorWords("")
_WITHOUT_KEY: Mapping[int, type[LipSyncError]] = {401: ProviderError, 403: ProviderError}
"""An address for uploads that refuses has expired: it was never shown a key to refuse."""
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class HttpProvider(Provider, Generic[C]):
    """A vendor behind an HTTP API. Its key goes to ``base_url``'s own origin and nowhere else."""

    config: type[C]
    options = Options
    pace = Pace(interval=1, overhead=20, per_second=3)
    keys_url: ClassVar[str]
    """Where one gets a key."""
    takes_money = True
    auth: ClassVar[str] = "Bearer {}"
    """The Authorization header, with a place for the key."""
    words: ClassVar[Mapping[str, State]]
    """The vendor's status words in ours; a word that is not there means still working."""
    statuses: ClassVar[Mapping[int, type[LipSyncError]]] = {}
    """HTTP statuses by which this vendor means something of its own."""
    failure_costs: ClassVar[Charged] = Charged.UNKNOWN
    """Whether the vendor keeps the money for a job that failed."""
    credits_are_checked_late: ClassVar[bool] = False
    """Whether an empty account only shows when the order was taken; then nothing was charged.

    Elsewhere an order that was taken was paid for, and the account ran out after it.
    """

    def __init__(self, config: C, http: httpx.AsyncClient, clock: Clock) -> None:
        self._clock = clock
        self.price = price_of(self.name)
        self._config = config
        self._key = config.key
        self._base_url = config.base_url.rstrip("/")
        self._http = http
        # Hundreds of requests waiting inside a pool slow each other down; here they just wait.
        self._turn = asyncio.Semaphore(CONNECTIONS)

    @property
    def allowance(self) -> Allowance | None:
        """How many jobs and orders an operator lets it have."""
        at_once, rate = self._config.concurrency, self._config.rate_limit
        if at_once is None and rate is None:
            return None
        orders, seconds = (rate.amount, rate.get_expiry()) if rate else (None, 0)
        return Allowance((self.name,), at_once, orders, seconds)

    @classmethod
    def key_variable(cls) -> str:
        """The variable that holds the key."""
        key = cls.config.model_fields["api_key"].validation_alias
        return str(key or f"{cls.config.model_config['env_prefix']}API_KEY")

    @property
    def setup_hint(self) -> str | None:
        """What is missing before it can take orders, in one sentence."""
        if self._key:
            return None
        return f"{self.key_variable()} not configured. Get your API key from {self.keys_url}"

    async def call(
        self,
        answer: type[A],
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        pays: bool = False,
        costs: Charged = Charged.NO,
        verdict: Sequence[AliasPath] = (),
        **request: Any,
    ) -> A:
        """Send one request with the key and validate its reply.

        ``url`` is a path, or an address that the vendor returned; ``params`` are added to what it
        asks. With ``pays`` it is the one that costs money: it is never repeated once bytes may have
        reached the vendor. ``costs`` says what an error answer means for money already spent. An
        error answer that has something at a place of ``verdict`` is the job's own, and final.
        Raises what the vendor's status and words mean, ProviderUnavailable, BadAnswer and
        OutcomeUnknown.
        """
        headers = {"Authorization": self.auth.format(self._key)}
        address = _asking(self._own(url, costs), params or {})
        response = await self._send(
            method, address, pays=pays, costs=costs, headers=headers, **request
        )
        if response.is_error:
            unsure = pays and response.status_code >= 500 and response.status_code != 503
            error = self._meaning(
                words_of(response),
                charged=Charged.UNKNOWN if unsure else costs,
                retry_after=_retry_after(response),
            )
            # Whoever tries again what may have been taken may pay twice.
            final = unsure or holds(response, verdict)
            error.retryable = error.retryable and not final
            raise error
        return self._validated(answer, response, Charged.UNKNOWN if pays else costs, pays=pays)

    async def ask(self, answer: type[A], url: str, **request: Any) -> A:
        """Ask about an order: free, and whatever goes wrong, the order may have been paid for."""
        return await self.call(answer, "GET", url, costs=Charged.UNKNOWN, **request)

    async def put(
        self,
        url: str,
        media: Media,
        answer: type[A],
        *,
        content_type: str | None = None,
        start: int = 0,
        size: int | None = None,
    ) -> A:
        """Stream a file, or ``size`` bytes of it, to an address for uploads, without the key."""
        length = min(size or media.size, media.size - start)
        headers = {"Content-Length": str(length)}
        if content_type:
            headers["Content-Type"] = content_type
        return await self.send(
            answer,
            "PUT",
            url,
            headers=headers,
            content=lambda: blocks(media.path, start, length),
        )

    async def send(
        self,
        answer: type[A],
        method: str,
        url: str,
        *,
        content: Callable[[], AsyncIterator[bytes]] | None = None,
        **request: Any,
    ) -> A:
        """Send something free to an address that is not the vendor's own, without the key.

        It is repeated when it fails: an upload that arrived twice does no harm.
        """
        if _origin(url)[0] not in ("https", _origin(self._base_url)[0]):
            raise self._failed(BadAnswer, "it named an address that cannot be used.")
        for pause in (*PAUSES, None):
            body = {"content": content()} if content else {}
            try:
                response = await self._send(
                    method, url, pays=False, costs=Charged.NO, **request, **body
                )
            except ProviderUnavailable:
                if pause is None:
                    raise
            else:
                if response.is_success:
                    return self._validated(answer, response, Charged.NO, pays=False)
                if pause is None or response.status_code < 500:
                    raise self._meaning(
                        words_of(response),
                        charged=Charged.NO,
                        retry_after=_retry_after(response),
                        own=_WITHOUT_KEY,
                    )
            await self._clock.sleep(pause)
        raise AssertionError("the last try either returns or raises")

    def read(
        self,
        word: str,
        *,
        url: str | None = None,
        expires_at: str | None = None,
        why: VendorWords = _NOTHING,
        **facts: Any,
    ) -> Update:
        """What a status reply means: a video, a failure in the vendor's words, or patience."""
        state = self.words.get(word, State.PROCESSING)
        if state is State.FAILED:
            return Update(state, error=self._meaning(why, charged=self.failure_costs), **facts)
        if state is State.SUCCESS:
            if not url:
                raise self._failed(
                    BadAnswer, "it reported success without a video.", charged=Charged.UNKNOWN
                )
            return Update(
                state, Phase.ARCHIVING, 1.0, video=Video(url=url, expires_at=expires_at), **facts
            )
        phase = Phase.WAITING if state is State.QUEUED else Phase.RENDERING
        says = clean(why.message, self._key) or None
        return Update(State.PROCESSING, phase, message=says, **facts)

    def _validated(
        self, answer: type[A], response: httpx.Response, costs: Charged, *, pays: bool
    ) -> A:
        """The reply as declared; ``at("headers", …)`` reads what a vendor says in its headers."""
        try:
            # Where nothing is expected, whatever is said is fine.
            body = body_of(response) if response.content and answer.model_fields else {}
            if isinstance(body, dict):
                body["headers"] = dict(response.headers)
            return answer.model_validate(body)
        except ValueError:
            error = self._failed(BadAnswer, "the answer makes no sense.", charged=costs)
            # A page of some proxy instead of a status must not lose a job that was paid for.
            error.retryable = not pays
            raise error from None

    async def _send(
        self, method: str, url: str, *, pays: bool, costs: Charged, **request: Any
    ) -> httpx.Response:
        for pause in (*PAUSES, None):
            try:
                async with self._turn:
                    return await self._http.request(method, url, **request)
            except httpx.InvalidURL:
                raise self._failed(
                    BadAnswer, "it named an address that cannot be used.", charged=costs
                ) from None
            except _NEVER_SENT:
                if pause is None:
                    raise self._failed(
                        ProviderUnavailable, "it cannot be reached.", charged=costs
                    ) from None
                await self._clock.sleep(pause)
            except (httpx.TransportError, httpx.DecodingError):
                if pays:
                    raise self._failed(
                        OutcomeUnknown,
                        "the order was sent and its answer lost. It may be under way and paid for,"
                        " so it is not sent again.",
                        charged=Charged.UNKNOWN,
                    ) from None
                raise self._failed(
                    ProviderUnavailable, "the connection broke.", charged=costs
                ) from None
        raise AssertionError("the last try either returns or raises")

    @property
    def origins(self) -> tuple[str, ...]:
        """The addresses whose origins may have the key."""
        return (self._base_url,)

    def _own(self, url: str, costs: Charged) -> str:
        """The whole address, if the key may go there."""
        if url.startswith("/"):
            return self._base_url + url
        if _origin(url) not in [_origin(own) for own in self.origins]:
            raise self._failed(BadAnswer, "it named an address that is not its own.", charged=costs)
        return url

    def _meaning(
        self,
        words: VendorWords,
        *,
        charged: Charged,
        retry_after: float | None = None,
        own: Mapping[int, type[LipSyncError]] | None = None,
    ) -> LipSyncError:
        kind = meaning(words, self.statuses if own is None else own)
        if kind is OutOfCredits and self.credits_are_checked_late:
            charged = Charged.NO
        message = clean(words.message, self._key)
        why = f"{self.label} API error: {message or 'it gave no reason.'}"
        vendor = VendorWords(message, words.status, words.code)
        return kind(
            None if kind is NoFace else why,
            charged=charged,
            retry_after=retry_after,
            vendor=vendor,
        )

    def _failed(
        self, kind: type[LipSyncError], why: str, *, charged: Charged = Charged.NO
    ) -> LipSyncError:
        return kind(f"{self.label} API error: {why}", charged=charged)


def _asking(url: str, params: Mapping[str, str]) -> str:
    """The address with more in its query; what is there stays as it was given."""
    return f"{url}{'&' if '?' in url else '?'}{urlencode(params)}" if params else url


def _origin(url: str) -> tuple[str, str | None, int | None]:
    try:
        parts = urlsplit(url)
        usual = {"https": 443, "http": 80}.get(parts.scheme)
        return parts.scheme, parts.hostname, parts.port or usual
    except ValueError:
        return "", None, None


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds, which some vendors give as a fraction."""
    with suppress(ValueError):
        seconds = float(response.headers.get("retry-after", ""))
        return seconds if 0 <= seconds < float("inf") else None
    return None
