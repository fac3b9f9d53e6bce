"""Which addresses that others name may be reached, and reaching them safely.

A name is resolved once and the connection goes to just that address, so that it cannot mean
another host a moment later. Addresses of this machine and of private networks are refused, and each
redirect is checked anew.
"""

from __future__ import annotations

import asyncio
import hashlib
import ipaddress
import re
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin

import httpx

from app.errors import BlockedUrl, ProviderUnavailable, TooLarge

_MOST_REDIRECTS = 5
_MEGABYTE = 1_000_000
_BLOCK = 1 << 20
_RESOLVERS = 8
_WEB_PORTS = (None, 80, 443)
_HOST = re.compile(rb"[\w.:-]+")
_FIRST_FREE_PORT = 1024
"""Below it live the services of a host that are not the web: mail, remote shells, file shares."""

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_UNICAST = ipaddress.ip_network("2000::/3")
"""All of IPv6 that is given to anybody (RFC 4291, section 2.4)."""
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
"""IPv4 addresses as networks without IPv4 write them (RFC 6052)."""
_HOSTERS_OWN = (
    ipaddress.ip_network("192.0.0.0/24"),  # where Oracle's cloud answers its machines
    ipaddress.ip_network("168.63.129.16/32"),  # where Azure's does
)


@dataclass(frozen=True, slots=True)
class Fetched:
    """What was saved: bytes, and the SHA-256 of them."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What whoever was told something answered. ``retry_after`` is as it was sent."""

    status: int
    retry_after: str | None = None


def resolve(name: str) -> list[str]:
    """The IP addresses of a host, the best one first. Raises OSError when it has none."""
    return [str(entry[4][0]) for entry in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)]


class Addresses:
    """Reaches what others point to. ``allow_private`` lets it into private networks, too."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        *,
        allow_private: bool,
        names: Callable[[str], Sequence[str]] = resolve,
    ) -> None:
        self._http = http
        self._allow_private = allow_private
        self._names = names
        # Threads of its own: names that take long to resolve must not hold up files.
        self._resolvers = ThreadPoolExecutor(_RESOLVERS, thread_name_prefix="resolve")

    async def check(self, url: str, *, seconds: float = 10) -> None:
        """Raise BlockedUrl, or ProviderUnavailable when nobody knows the name right now."""
        try:
            async with asyncio.timeout(seconds):
                await self._pin(url)
        except TimeoutError:
            raise ProviderUnavailable("The address cannot be reached.") from None

    async def download(
        self, url: str, to: Path, *, most_bytes: int, seconds: float = 1800
    ) -> Fetched:
        """Save what is at an address, within so many seconds for all of it.

        Raises BlockedUrl, TooLarge, and ProviderUnavailable when it cannot be had right now.
        """
        try:
            async with asyncio.timeout(seconds):
                return await self._follow(url, to, most_bytes)
        except TimeoutError:
            raise ProviderUnavailable(
                f"What the address holds did not arrive within {seconds:g} seconds."
            ) from None

    async def post(
        self, url: str, content: bytes, headers: Mapping[str, str], *, seconds: float
    ) -> Reply:
        """Send something to an address, and to no other that it leads to.

        Raises BlockedUrl, and ProviderUnavailable when it cannot be reached right now.
        """
        try:
            async with (
                asyncio.timeout(seconds),
                self._ask("POST", url, content=content, headers=headers) as answer,
            ):
                return Reply(answer.status_code, answer.headers.get("retry-after"))
        except TimeoutError:
            raise ProviderUnavailable(
                f"The address did not answer within {seconds:g} seconds."
            ) from None

    async def _follow(self, url: str, to: Path, most_bytes: int) -> Fetched:
        for _ in range(_MOST_REDIRECTS + 1):
            async with self._ask("GET", url) as answer:
                if not answer.has_redirect_location:
                    return await _saved(answer, to, most_bytes)
                url = urljoin(url, answer.headers["location"])
        raise BlockedUrl("The address leads from one to the next and never ends.")

    @asynccontextmanager
    async def _ask(
        self,
        method: str,
        url: str,
        *,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> AsyncIterator[httpx.Response]:
        """The answer of the one host that was checked, to be read while the connection is open."""
        pinned, own, extensions = await self._pin(url)
        request = self._http.build_request(
            method,
            pinned,
            content=content,
            headers={**(headers or {}), **own},
            extensions=extensions,
        )
        try:
            answer = await self._http.send(request, stream=True, follow_redirects=False)
            try:
                yield answer
            finally:
                await answer.aclose()
        except httpx.HTTPError:
            raise ProviderUnavailable("The address cannot be reached.") from None

    async def _pin(self, url: str) -> tuple[httpx.URL, dict[str, str], dict[str, str]]:
        """The same request, but to the one address that was checked."""
        asked = self._web_address(url)
        name = asked.raw_host.decode()
        address = await self._resolve(name)
        headers = {
            "Host": asked.netloc.decode(),
            # Packed, a small answer may hold a file of any size.
            "Accept-Encoding": "identity",
            # Two names may share an address: each has its own certificate checked.
            "Connection": "close",
        }
        return asked.copy_with(host=address), headers, {"sni_hostname": name.rstrip(".")}

    def _web_address(self, url: str) -> httpx.URL:
        """What others gave as an address, if it is one of the web's."""
        try:
            asked = httpx.URL(url)
        except (ValueError, httpx.InvalidURL):
            raise BlockedUrl("This is not an address.") from None
        if asked.scheme not in ("http", "https") or not _HOST.fullmatch(asked.raw_host):
            raise BlockedUrl("Only http and https addresses may be used.")
        if not self._usable(asked.port):
            raise BlockedUrl(f"An address with the port {asked.port} may not be used.")
        return asked

    def _usable(self, port: int | None) -> bool:
        first = 1 if self._allow_private else _FIRST_FREE_PORT
        return port in _WEB_PORTS or (port is not None and first <= port < 1 << 16)

    async def _resolve(self, host: str) -> str:
        loop = asyncio.get_running_loop()
        try:
            addresses = await loop.run_in_executor(self._resolvers, self._names, host)
        except (OSError, UnicodeError):
            raise ProviderUnavailable("The address cannot be reached.") from None
        if not self._allow_private and not all(public(address) for address in addresses):
            raise BlockedUrl("The address is in a private network.")
        return addresses[0]


def public(address: str) -> bool:
    """Whether an IP address is one that anybody could reach. Raises ValueError if it is none."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    return all(map(_public, [ip, *_within(ip)]))


def _public(ip: IPAddress) -> bool:
    if ip.version == 6 and ip not in _UNICAST:
        return ip in _NAT64
    own = any(ip.version == network.version and ip in network for network in _HOSTERS_OWN)
    return ip.is_global and not ip.is_multicast and not own


def _within(ip: IPAddress) -> list[IPAddress]:
    """The IPv4 addresses that an IPv6 address leads to by way of a tunnel or a translation."""
    if ip.version == 4:
        return []
    if ip in _NAT64:
        return [ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)]
    return [*(ip.teredo or ()), *([ip.sixtofour] if ip.sixtofour else [])]


async def _saved(answer: httpx.Response, to: Path, most_bytes: int) -> Fetched:
    if not answer.is_success:
        raise ProviderUnavailable(f"The address answered {answer.status_code}.")
    if answer.headers.get("content-encoding", "identity") != "identity":
        raise ProviderUnavailable("The address answered something packed that nobody asked for.")
    declared = answer.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > most_bytes:
        raise _too_large(most_bytes)
    size, digest = 0, hashlib.sha256()
    file = await asyncio.to_thread(to.open, "wb")
    try:
        async for block in answer.aiter_bytes(_BLOCK):
            size += len(block)
            if size > most_bytes:
                raise _too_large(most_bytes)
            digest.update(block)
            await asyncio.to_thread(file.write, block)
    finally:
        await asyncio.to_thread(file.close)
    return Fetched(size, digest.hexdigest())


def _too_large(most_bytes: int) -> TooLarge:
    limit = f"{most_bytes / _MEGABYTE:g} MB"
    return TooLarge(f"What the address holds is too large. The limit is {limit}.")
